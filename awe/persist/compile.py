"""Criteria to SQL."""
from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from awe.persist.criterion import Both, Compare, Criterion, Either, Not
from awe.persist.declare import Dependency, DependencyList, Part
from awe.persist.source import Source
from awe.persist.walk import Step

INFINITY = float("inf")


def sql_of(criterion: Criterion, source: Source, dialect: str, *, needed: bool = True) -> sa.ColumnElement[bool]:
    """The SQL of `criterion` for the rows of `source`.

    What is not `needed` stands inside an OR or NOT, where the tables it joins must not drop rows.
    """
    if isinstance(criterion, Both):
        return sa.and_(sa.true(), *(sql_of(part, source, dialect, needed=needed) for part in criterion.parts))
    if isinstance(criterion, Either):
        return sa.or_(sa.false(), *(sql_of(part, source, dialect, needed=False) for part in criterion.parts))
    if isinstance(criterion, Not):
        return sql_of(criterion.part, source, dialect, needed=False).is_not(sa.true())
    return _compare(criterion, criterion.walk.steps, source, dialect, needed)


def _compare(asked: Compare, steps: tuple[Step, ...], source: Source, dialect: str, needed: bool) -> sa.ColumnElement[bool]:
    needed = needed and asked.value is not None
    for n, step in enumerate(steps):
        if isinstance(step, DependencyList):
            return _some(asked, steps[n + 1:], source, step, dialect)
        if n < len(steps) - 1:
            source = source.follow(step)
    leaf = steps[-1]
    if isinstance(leaf, Part):
        return _part(asked, source, leaf)
    return _value(asked, source.value(leaf, needed=needed), leaf, dialect)


def _some(asked: Compare, rest: tuple[Step, ...], source: Source, step: DependencyList[Any], dialect: str) -> sa.ColumnElement[bool]:
    """Some member of a list; with ``== None``, that there is no member."""
    members, tie = source.members(step)
    if rest:
        inner = _compare(asked, rest, members, dialect, True)
    elif asked.value is None:
        inner = sa.true()
    else:
        inner = members.oid.in_(asked.value) if asked.operator == "in" else members.oid == asked.value
    exists = sa.exists(sa.select(sa.literal(1)).select_from(members.joined.clause).where(tie, inner).correlate_except(
        members.joined.anchor, *(join.alias for join in members.joined.joins)))
    backwards = not rest and (asked.operator == "!=") != (asked.value is None)
    return ~exists if backwards else exists


def _part(asked: Compare, source: Source, leaf: Part[Any]) -> sa.ColumnElement[bool]:
    owner = source.follow(leaf).key
    return owner.is_(None) if asked.operator == "==" else owner.is_not(None)


def _value(asked: Compare, column: sa.ColumnElement[Any], leaf: Step, dialect: str) -> sa.ColumnElement[bool]:
    operator, value = asked.operator, asked.value
    if operator == "in":
        among = column.in_([each for each in value if each is not None])
        return sa.or_(among, column.is_(None)) if None in value else among
    if value is None:
        return column.is_(None) if operator == "==" else column.is_not(None)
    if operator == "like":
        return _like(column, value, dialect)
    if operator == "contains":
        return (sa.func.instr if dialect == "sqlite" else sa.func.strpos)(column, value) > 0
    if leaf.type is int and isinstance(value, float) and not isinstance(leaf, Dependency):
        value = sa.literal(value, sa.Double)
    criterion: sa.ColumnElement[bool] = _OPERATORS[operator](column, value)
    if leaf.type is float and operator in (">", ">="):
        return sa.and_(criterion, column <= INFINITY)  # NaN, which both databases take for the greatest, is greater than nothing
    return criterion


_OPERATORS: dict[str, Any] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}


def _like(column: sa.ColumnElement[Any], pattern: str, dialect: str) -> sa.ColumnElement[bool]:
    """A match of the whole text, with ``*`` for anything; upper and lower case differ on both databases."""
    if dialect == "sqlite":
        return column.op("GLOB", is_comparison=True)(re.sub(r"([?\[])", r"[\1]", pattern))
    return column.like(re.sub(r"([%_\\])", r"\\\1", pattern).replace("*", "%"), escape="\\")
