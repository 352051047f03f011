"""Criteria from a form, as the text of a query: the text is parsed and never evaluated."""
from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

from awe.errors import QueryError
from awe.persist.mapping import Mapped
from awe.persist.walk import Walk
from awe.services.attributes import spelled, walk_to
from awe.services.declared import TRUTH, moment, whole

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "like", "not like", "contains", "between", "not between", "in", "null", "not null")
WITHOUT_VALUE, WITH_TWO = ("null", "not null"), ("between", "not between")


@dataclass(frozen=True)
class Row:
    """One line of the form: a path, an operator, and one or two values as they were typed."""

    path: str
    operator: str = "=="
    value: str = ""
    to: str = ""

    @property
    def is_filled(self) -> bool:
        """Whether it says something yet."""
        return bool(self.path) and (self.operator in WITHOUT_VALUE or self.value != "")


def rows_of(paths: list[str], operators: list[str], values: list[str], ends: list[str]) -> list[Row]:
    """The lines of the form, from its fields in order; those without a path are left out."""
    def at(texts: list[str], place: int, otherwise: str = "") -> str:
        return texts[place] if place < len(texts) else otherwise
    return [Row(path.strip(), at(operators, n, "=="), at(values, n), at(ends, n)) for n, path in enumerate(paths) if path.strip()]


def expression(cls: type[Mapped], rows: list[Row], free: str = "") -> str:
    """The query that lines and a free text mean together; the class alone where there are none."""
    parts = [text(cls, row) for row in rows if row.is_filled]
    if free.strip():
        parts.append(" ".join(free.split()))
    if len(parts) > 1:
        return " & ".join(f"({part})" for part in parts)
    return parts[0] if parts else spelled(cls)


def text(cls: type[Mapped], row: Row) -> str:
    """One line as text; raises QueryError where its value does not fit."""
    walk = walk_to(cls, row.path)
    path = f"{spelled(cls)}.{walk.dotted}"
    if row.operator in WITHOUT_VALUE:
        return f"{path} {'==' if row.operator == 'null' else '!='} None"
    if row.operator in WITH_TWO:
        found = f"{path}.between({literal(walk, row.value)}, {literal(walk, row.to)})"
        return f"~{found}" if row.operator.startswith("not") else found
    if row.operator in ("like", "not like", "contains"):
        found = f"{path}.{row.operator.removeprefix('not ')}({row.value!r})"
        return f"~{found}" if row.operator.startswith("not") else found
    if row.operator == "in":
        return f"{path}.in_([{', '.join(literal(walk, one) for one in re.split(r'[,;]', row.value) if one.strip())}])"
    return f"{path} {row.operator} {literal(walk, row.value)}"


def literal(walk: Walk, typed: str) -> str:
    """A value that was typed, as Python writes one of the type of the attribute."""
    if walk.end is not None:
        raise QueryError(f"{walk} is a link; compare an attribute of it, such as {walk}.{next(iter(walk.end.__mapping__.names))}")
    return repr(value(walk, typed.strip() if walk.leaf.type is not str else typed))


def value(walk: Walk, typed: str) -> Any:
    """A value that was typed, in the type of the attribute."""
    kind = walk.leaf.type
    try:
        if kind is bool:
            return TRUTH[typed.lower()]
        if kind is int:
            return whole(typed)
        if kind is float:
            return float(typed)
        if kind is datetime.datetime:
            return moment(typed).isoformat().removesuffix("+00:00")
    except (KeyError, ValueError):
        unit = f" in {walk.leaf.unit}" if walk.leaf.unit else ""
        raise QueryError(f"{walk} is {kind.__name__}{unit}, and cannot be compared with {typed[:60]!r}") from None
    return typed
