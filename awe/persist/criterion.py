"""What a query asks for, as a small tree that knows nothing of SQL yet."""
from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from awe.errors import QueryError
from awe.persist.declare import Attribute, DependencyList, Part, SystemAttribute
from awe.persist.mapping import Mapped
from awe.persist.types import coerce
from awe.persist.walk import Step, Walk

#: What whole numbers of a database are smaller than.
LARGEST = 1 << 63
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "like", "contains", "in")
#: Which of them make sense at a link, list or part, and at a value.
AT_LINKS = {"==", "!=", "in", "contains"}


@dataclass(frozen=True)
class Compare:
    """The value at the end of `walk` is compared with `value`."""

    walk: Walk
    operator: str
    value: Any


@dataclass(frozen=True)
class Both:
    """All of `parts` hold; with no parts, everything does."""

    parts: tuple[Criterion, ...] = ()


@dataclass(frozen=True)
class Either:
    """At least one of `parts` holds."""

    parts: tuple[Criterion, ...]


@dataclass(frozen=True)
class Not:
    """`part` does not hold."""

    part: Criterion


Criterion = Compare | Both | Either | Not

EVERYTHING = Both()


def compare(walk: Walk, operator: str, value: Any) -> Compare:
    """The criterion that `walk` compares so with `value`, which is brought into the declared type.

    Raises QueryError where that cannot be.
    """
    if walk.end is not None:
        return Compare(walk, operator, _linked(walk, operator, value))
    if operator == "in":
        return Compare(walk, operator, tuple(_typed(walk, each) for each in _several(walk, value)))
    if operator in ("like", "contains"):
        if _is_identity(walk.leaf):
            raise QueryError(f"{walk}.{operator}({value!r}) compares a part of an identity; compare all its 32 digits by == or in_")
        if walk.leaf.type is not str or not isinstance(value, str):
            raise QueryError(f"{walk}.{operator}({value!r}) compares texts, and {walk} is {walk.leaf.type.__name__}")
        return Compare(walk, operator, _storable(walk, value))
    if value is None and operator not in ("==", "!="):
        raise QueryError(f"{walk} {operator} None has no answer; only == and != can be asked of None")
    return Compare(walk, operator, _typed(walk, value))


def _several(walk: Walk, values: Any) -> list[Any]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise QueryError(f"{walk}.in_ takes several values, such as a list, not {values!r}")
    return list(values)


def _typed(walk: Walk, value: Any) -> Any:
    leaf = walk.leaf
    if leaf.type is datetime.datetime and isinstance(value, str):
        return _moment(walk, value)
    if leaf.type is datetime.datetime and type(value) is datetime.date:
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC)
    if leaf.type is int and isinstance(value, float):
        return value
    if leaf.type is bytes and isinstance(value, str):
        return _digest(walk, value)
    if _is_identity(leaf) and isinstance(value, str):
        return _digest(walk, value).hex()
    try:
        return _storable(walk, coerce(leaf.type, value))
    except TypeError:
        unit = f" in {leaf.unit}" if leaf.unit else ""
        raise QueryError(f"{walk} is {leaf.type.__name__}{unit}, and cannot be compared with {value!r}") from None


def _is_identity(leaf: Step) -> bool:
    return isinstance(leaf, SystemAttribute) and leaf.column == "object_id"


def _digest(walk: Walk, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise QueryError(f"{walk} is a digest in hexadecimal digits, not {text[:40]!r}") from None


def _storable(walk: Walk, value: Any) -> Any:
    """The value, where a database can hold its like."""
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        raise QueryError(f"{walk} is compared with a number of {len(hex(value)) - 2} hexadecimal digits; no database holds such a one")
    if isinstance(value, str) and any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value):
        raise QueryError(f"{walk} is compared with a text that holds zero bytes or halves of letters; no database holds such a one")
    return value


def _moment(walk: Walk, text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f"{walk} is a moment such as '2003-02-14T01:30' in UTC, not {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _linked(walk: Walk, operator: str, value: Any) -> Any:
    """The row numbers that a link is compared with; None for None."""
    if operator not in AT_LINKS or (operator == "contains" and not isinstance(walk.leaf, DependencyList)):
        raise QueryError(f"{walk} is a link, which has no {operator!r}; compare an attribute of it, such as {walk}.{_example(walk)}")
    if operator == "in":
        return tuple(_row_number(walk, each) for each in _several(walk, value))
    return _row_number(walk, value)


def _row_number(walk: Walk, obj: Any) -> int | None:
    if obj is None:
        return None
    if isinstance(walk.leaf, Part):
        raise QueryError(f"{walk} is a part of its owner, and can be compared with None only; compare {walk}.{_example(walk)}")
    if not isinstance(obj, Mapped):
        raise QueryError(f"{walk} is a link to a {walk.leaf.type.__name__}, not {obj!r}; compare an attribute of it, "
                         f"such as {walk}.{_example(walk)} == {obj!r}")
    oid: int | None = obj.__dict__.get("_row", (None,))[0]
    if oid is None:
        raise QueryError(f"{obj!r} is not committed, so nothing can be linked to it")
    return oid


def _example(walk: Walk) -> str:
    assert walk.end is not None
    return next(iter(walk.end.__mapping__.attributes), "object_id")


def is_value(step: Step) -> bool:
    """Whether a step ends at a value and not at another object."""
    return isinstance(step, Attribute | SystemAttribute)
