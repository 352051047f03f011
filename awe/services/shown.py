"""What pages answer: something to look at, that something was done, or a file."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, unit, meaning and type."""

    name: str
    unit: str = ""
    doc: str = ""
    type: type = str


@dataclass
class Table:
    """Rows under columns, as they can be taken away in other forms.

    `rows` may be any iterable: it is gone through once.
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    doc: str = ""
    python: str = ""


@dataclass
class Shown:
    """Something to look at.

    Attributes
    ----------
    template, title
        which template shows it, and what stands above it
    data
        plain data: what the template sees by these names, and what the twin in the API answers as JSON
    awe
        the line at the `Awe>` prompt that asks the same, or several
    more
        what the template sees besides, such as figures
    table
        what is sent where another form was asked for
    status
        of the answer
    """

    template: str
    title: str
    data: Mapping[str, Any]
    awe: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    table: Table | None = None
    status: int = 200


@dataclass
class Done:
    """Something was done: a page goes on to `to` and says so there, the API answers `data`."""

    message: str
    to: str
    data: Mapping[str, Any] = field(default_factory=dict)
    awe: str = ""


@dataclass
class Sent:
    """A file, or other bytes, as they are."""

    body: bytes
    media_type: str
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
