"""Criteria to SQL, with a parameter for each value, so that a statement is built once for all values."""
from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any

import sqlalchemy as sa

from awe.persist.criterion import Both, Compare, Criterion, Either, Not
from awe.persist.declare import DependencyList, Part
from awe.persist.source import Source
from awe.persist.walk import Step

INFINITY = float("inf")


def comparisons(criterion: Criterion) -> Iterator[Compare]:
    """The comparisons in `criterion`, in the order in which their parameters are numbered."""
    if isinstance(criterion, Compare):
        yield criterion
    elif isinstance(criterion, Not):
        yield from comparisons(criterion.part)
    else:
        for part in criterion.parts:
            yield from comparisons(part)


def shape(criterion: Criterion) -> Hashable:
    """What criteria have in common whose SQL has the same text."""
    if isinstance(criterion, Compare):
        several = criterion.operator == "in"
        return (criterion.walk.steps, criterion.operator, None in criterion.value if several else criterion.value is None,
                not several and isinstance(criterion.value, float))
    if isinstance(criterion, Not):
        return (Not, shape(criterion.part))
    return (type(criterion), *map(shape, criterion.parts))


def parameters(criterion: Criterion, dialect: str) -> dict[str, Any]:
    """The values of the parameters in the SQL of `criterion`."""
    return {f"v{n}": _operand(each, dialect) for n, each in enumerate(comparisons(criterion)) if each.value is not None}


def _operand(asked: Compare, dialect: str) -> Any:
    if asked.operator == "in":
        return [value for value in asked.value if value is not None]
    if asked.operator == "like":
        return _pattern(asked.value, dialect)
    return asked.value


def _pattern(text: str, dialect: str) -> str:
    """A match of the whole text, with ``*`` for anything; upper and lower case differ on both databases."""
    if dialect == "sqlite":
        return re.sub(r"([?\[])", r"[\1]", text)
    return re.sub(r"([%_\\])", r"\\\1", text).replace("*", "%")


class Compiler:
    """Writes the SQL of one criterion for the rows of `source`."""

    def __init__(self, source: Source, dialect: str) -> None:
        self.source, self.dialect = source, dialect
        self._count = 0

    def sql(self, criterion: Criterion, *, needed: bool = True) -> sa.ColumnElement[bool]:
        """What is not `needed` stands inside an OR or NOT, where the tables it joins must not drop rows."""
        if isinstance(criterion, Both):
            return sa.and_(sa.true(), *(self.sql(part, needed=needed) for part in criterion.parts))
        if isinstance(criterion, Either):
            return sa.or_(sa.false(), *(self.sql(part, needed=False) for part in criterion.parts))
        if isinstance(criterion, Not):
            return self.sql(criterion.part, needed=False).is_not(sa.true())
        return self._compare(criterion, criterion.walk.steps, self.source, needed, self._name())

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count - 1}"

    def _compare(self, asked: Compare, steps: tuple[Step, ...], source: Source, needed: bool, name: str) -> sa.ColumnElement[bool]:
        needed = needed and asked.value is not None and (asked.operator != "in" or None not in asked.value)
        for n, step in enumerate(steps):
            if isinstance(step, DependencyList):
                return self._some(asked, steps[n + 1:], source, step, name)
            if n < len(steps) - 1:
                source = source.follow(step)
        leaf = steps[-1]
        if isinstance(leaf, Part):
            key = source.follow(leaf).key
            return key.is_(None) if asked.operator == "==" else key.is_not(None)
        return self._value(asked, source.value(leaf, needed=needed), leaf, name)

    def _some(self, asked: Compare, rest: tuple[Step, ...], source: Source, step: DependencyList[Any], name: str) -> sa.ColumnElement[bool]:
        """Some member of a list; with ``== None``, that there is no member."""
        members, tie = source.members(step)
        if rest:
            inner = self._compare(asked, rest, members, True, name)
        elif asked.value is None:
            inner = sa.true()
        else:
            inner = members.oid.in_(_several(name, members.oid)) if asked.operator == "in" else members.oid == sa.bindparam(name)
        exists = sa.exists(sa.select(sa.literal_column("1")).select_from(members.joined.clause).where(tie, inner).correlate_except(
            members.joined.anchor, *(join.alias for join in members.joined.joins)))
        backwards = not rest and (asked.operator == "!=") != (asked.value is None)
        return ~exists if backwards else exists

    def _value(self, asked: Compare, column: sa.ColumnElement[Any], leaf: Step, name: str) -> sa.ColumnElement[bool]:
        operator, value = asked.operator, asked.value
        if operator == "in":
            among = column.in_(_several(name, column))
            return sa.or_(among, column.is_(None)) if None in value else among
        if value is None:
            return column.is_(None) if operator == "==" else column.is_not(None)
        if operator in ("like", "contains"):
            return self._text(operator, column, sa.bindparam(name, type_=sa.String))
        type_ = sa.Double() if leaf.type is int and isinstance(value, float) else column.type
        criterion: sa.ColumnElement[bool] = _OPERATORS[operator](column, sa.bindparam(name, type_=type_))
        if leaf.type is float and operator in (">", ">="):
            return sa.and_(criterion, column <= INFINITY)  # NaN, which both databases take for the greatest, is greater than nothing
        return criterion

    def _text(self, operator: str, column: sa.ColumnElement[Any], pattern: sa.BindParameter[str]) -> sa.ColumnElement[bool]:
        if operator == "contains":
            return (sa.func.instr if self.dialect == "sqlite" else sa.func.strpos)(column, pattern) > 0
        return column.op("GLOB", is_comparison=True)(pattern) if self.dialect == "sqlite" else column.like(pattern, escape="\\")


def _several(name: str, column: sa.ColumnElement[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type, expanding=True)


_OPERATORS: dict[str, Any] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
