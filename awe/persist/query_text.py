"""Queries as text, for the command line: parsed to a white-listed tree and never evaluated.

::

    (ReducedScienceFrame.chip.name == 'ccd53') & (ReducedScienceFrame.imstat.stdev < 20)
    RawScienceFrame.filename.like('WFI*')
    kids.CoaddFrame.depth > 5
    kids.CoaddFrame.depth > 5
    CoaddFrame.filter.name in ('r', 'i') and not CoaddFrame.depth < 5
"""
from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from awe.errors import QueryError
from awe.persist.criterion import EVERYTHING, Both, Compare, Criterion, Either, Not, compare
from awe.persist.mapping import Mapped, class_named, subclasses
from awe.persist.query import Query
from awe.persist.walk import Walk

OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in"}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
METHODS = {"like": "like", "contains": "contains", "in_": "in"}
LONGEST = 10_000
#: So many levels of ``&``, ``|`` and ``~`` within each other are read; those of one kind in a row are one level.
DEEPEST = 50


def parse_query(text: str) -> Query[Any]:
    """The query that `text` describes.

    Comparisons of paths with values, chained (``1 < A.x < 5``) or not, combined by ``&``, ``|``, ``~`` or by ``and``,
    ``or``, ``not``; ``in`` with a list; the methods `like`, `contains`, `in_` and `between`; a class alone means all its
    objects.  Where two packages have a class of the same name, ``package.Class`` says which.

    Raises QueryError for everything else, and UnknownNameError for classes and attributes that do not exist.
    """
    if len(text) > LONGEST:
        raise QueryError(f"a query of {len(text)} characters is longer than the {LONGEST} that are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise QueryError(f"{_short(text)!r} is not a query: {getattr(error, 'msg', None) or error}; "
                         "write it like Frame.chip.name == 'ccd53'") from None
    parser = _Parser(text)
    try:
        criterion = parser.criterion(tree.body)
        deep = _depth(criterion) > DEEPEST
    except RecursionError:
        deep = True
    if deep:
        raise QueryError(f"{_short(text)!r} is nested too deeply; at most {DEEPEST} levels are read")
    return Query(parser.common_class(), criterion)


def parse_columns(query: Query[Any], text: str) -> list[str]:
    """The paths in ``a,b.c``, checked against the class of `query`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        query._walk(name)
    return names


def _depth(criterion: Criterion) -> int:
    """How many levels a criterion has."""
    if isinstance(criterion, Compare):
        return 0
    parts = (criterion.part,) if isinstance(criterion, Not) else criterion.parts
    return 1 + max(map(_depth, parts), default=0)


def _joined(how: type[Both] | type[Either], parts: Iterable[Criterion]) -> Criterion:
    """Criteria together; those that are joined in the same way already are taken apart."""
    return how(tuple(each for part in parts for each in (part.parts if isinstance(part, how) and part.parts else (part,))))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


class _Parser:
    """Turns the tree that Python's own parser made into criteria, as far as it is on the list."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.classes: list[type[Mapped]] = []

    def common_class(self) -> type[Mapped]:
        """The one class that all paths start from."""
        narrow = self.classes[0]
        for cls in self.classes[1:]:
            narrow = cls if issubclass(cls, narrow) else narrow
            if not issubclass(narrow, cls):
                raise QueryError(f"{_short(self.text)!r} asks for {narrow.__name__} and {cls.__name__}; a query is about one class")
        return narrow

    def criterion(self, node: ast.expr) -> Criterion:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
            how = Both if isinstance(node.op, ast.BitAnd) else Either
            return _joined(how, (self.criterion(node.left), self.criterion(node.right)))
        if isinstance(node, ast.BoolOp):
            how = Both if isinstance(node.op, ast.And) else Either
            return _joined(how, [self.criterion(value) for value in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
            return Not(self.criterion(node.operand))
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Name | ast.Attribute) and not self.dotted(node):
            return EVERYTHING
        raise self.refused(node)

    def comparison(self, node: ast.Compare) -> Criterion:
        sides = [node.left, *node.comparators]
        return Both(tuple(self.one(left, operator, right)
                          for left, operator, right in zip(sides, node.ops, sides[1:], strict=False)))

    def one(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Criterion:
        if isinstance(operator, ast.Is | ast.IsNot) and isinstance(right, ast.Constant) and right.value is None:
            return compare(self.walk(left), "==" if isinstance(operator, ast.Is) else "!=", None)
        if isinstance(operator, ast.NotIn):
            return Not(compare(self.walk(left), "in", self.value(right)))
        name = OPERATORS.get(type(operator))
        if name is None:
            raise self.refused(left)
        if isinstance(left, ast.Attribute):
            if isinstance(right, ast.Attribute):
                raise QueryError(f"{ast.unparse(left)} is compared with {ast.unparse(right)}; a path is compared with a value")
            return compare(self.walk(left), name, self.value(right))
        if name == "in":
            return compare(self.walk(right), "contains", self.value(left))
        return compare(self.walk(right), MIRRORED.get(name, name), self.value(left))

    def call(self, node: ast.Call) -> Criterion:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if not isinstance(node.func, ast.Attribute) or node.keywords:
            raise self.refused(node)
        values = [self.value(argument) for argument in node.args]
        if method == "select_all" and not values:
            return self.criterion(node.func.value)
        walk = self.walk(node.func.value)
        if method in METHODS and len(values) == 1:
            return compare(walk, METHODS[method], values[0])
        if method == "between" and len(values) == 2:
            return Both((compare(walk, ">=", values[0]), compare(walk, "<=", values[1])))
        raise QueryError(f"{ast.unparse(node)[:60]!r} is not known; there are like(x), contains(x), in_([x, y]) and between(x, y)")

    def walk(self, node: ast.expr) -> Walk:
        names = self.dotted(node)
        if not names:
            raise self.refused(node)
        return Walk.of(self.classes[-1], ".".join(names))

    def dotted(self, node: ast.expr) -> list[str]:
        """Note the class that a dotted name begins with, as ``Class`` or ``package.Class``, and return the names behind it."""
        names: list[str] = []
        step = node
        while isinstance(step, ast.Attribute):
            names.insert(0, step.attr)
            step = step.value
        if not isinstance(step, ast.Name):
            raise self.refused(node)
        if names and any(cls.__mapping__.name == f"{step.id}:{names[0]}" for cls in subclasses()):
            self.classes.append(class_named(f"{step.id}:{names.pop(0)}"))
        else:
            self.classes.append(class_named(step.id))
        return names

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
            return node.value
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [self.value(element) for element in node.elts]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = self.value(node.operand)
            if isinstance(number, int | float) and not isinstance(number, bool):
                return -number if isinstance(node.op, ast.USub) else number
        raise self.refused(node)

    def refused(self, node: ast.AST) -> QueryError:
        hint = "put each comparison in parentheses" if isinstance(node, ast.BinOp) else "write comparisons like Frame.chip.name == 'ccd53'"
        return QueryError(f"{_short(ast.unparse(node))!r} has no place in a query; {hint}, and combine them by & | ~")
