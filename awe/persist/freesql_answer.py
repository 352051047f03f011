"""What a statement of a user's own may take, and what it answers."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe.errors import QueryError


@dataclass(frozen=True)
class Limits:
    """How far a statement may go: rows that are answered, seconds, and bytes of all values together."""

    rows: int = 1000
    seconds: float = 10.0
    bytes: int = 10_000_000


@dataclass(frozen=True)
class Answer:
    """The columns and rows of an answer, and whether there are no more rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_whole: bool


def too_long(limits: Limits) -> QueryError:
    """The error for a statement that took too long."""
    return QueryError(f"the statement took longer than {limits.seconds:g} seconds, and was broken off; ask for less")


def too_large(limits: Limits) -> QueryError:
    """The error for an answer that is too large."""
    return QueryError(f"the answer has more than {limits.bytes} bytes; ask for fewer or shorter values")
