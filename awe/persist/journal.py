"""The change log: who changed what of an object, when and why."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.insert import creation_dates
from awe.persist.rows import write_rows

COLUMNS = ("oid", "field", "old", "new", "who", "when", "why", "undo_of")



class Line(NamedTuple):
    """One line: a field of an object, what it was and what it becomes, as the database keeps them."""

    oid: int
    field: str
    old: Any
    new: Any
    undo_of: int | None = None


def note_change(connection: sa.Connection, line: Line, who: int, why: str) -> None:
    """Write one line, which the database applies to the object."""
    note_changes(connection, [line], who, why)


def note_changes(connection: sa.Connection, lines: Sequence[Line], who: int, why: str) -> None:
    """Write lines of one moment, which the database applies to their objects (see `guard`)."""
    (when,) = creation_dates(1)
    write_rows(connection, tables.change, [(line.oid, line.field, _text(line.old), _text(line.new), who, when, why, line.undo_of)
                                           for line in lines], COLUMNS)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def changes_of(connection: sa.Connection, oid: int) -> list[Any]:
    """The lines about one object, the oldest first; the columns of `change`, and `user`, who did it."""
    change, user = tables.change, tables.user
    joined = change.join(user, user.c.id == change.c.who)
    return list(connection.execute(sa.select(change, user.c.name.label("user")).select_from(joined)
                                   .where(change.c.oid == oid).order_by(change.c.seq)))
