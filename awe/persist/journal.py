"""The change log: who changed what of an object, when and why."""
from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.guard import EDITED
from awe.persist.rows import write_rows
from awe.persist.serial import moments
from awe.persist.types import from_microseconds

COLUMNS = ("oid", "field", "old", "new", "who", "when", "why", "undo_of")
#: The lock of PostgreSQL under which lines are written, so that numbers and moments grow in the order of the commits.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('awe_change'))"



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
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(LOCK)
    (when,) = moments(connection)
    write_rows(connection, tables.change, [(line.oid, line.field, _text(line.old), _text(line.new), who, when, why, line.undo_of)
                                           for line in lines], COLUMNS)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True)
class Change:
    """One line of the change log, as a person reads it.

    Attributes
    ----------
    seq
        its number, by which it can be undone
    oid
        the row number of the object
    field, old, new
        what was changed, from what to what
    who, when, why
        the user, the moment and the reason
    undo_of
        the number of the line that it takes back
    """

    seq: int
    oid: int
    field: str
    old: Any
    new: Any
    who: str
    when: datetime.datetime
    why: str
    undo_of: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, as JSON has them."""
        return {name: value.isoformat() if isinstance(value, datetime.datetime) else value for name, value in asdict(self).items()}

    def __str__(self) -> str:
        undone = f" (undoes {self.undo_of})" if self.undo_of else ""
        return f"{self.seq}: {self.field} {self.old} -> {self.new} by {self.who} at {self.when:%Y-%m-%d %H:%M:%S}: {self.why}{undone}"


def lines(connection: sa.Connection, *where: sa.ColumnElement[bool], parameters: Mapping[str, Any] | None = None,
          latest: int | None = None) -> list[Change]:
    """The lines for which something holds, the oldest first; where `latest` says how many, only so many, the latest first."""
    change, user = tables.change, tables.user
    statement = sa.select(change, user.c.name.label("user")).select_from(change.outerjoin(user, user.c.id == change.c.who)).where(*where)
    statement = statement.order_by(change.c.seq) if latest is None else statement.order_by(change.c.seq.desc()).limit(latest)
    rows = connection.execute(statement, dict(parameters or {})).all()
    projects = {}
    if any(row.field == "project" for row in rows):
        projects = {str(row.id): row.name for row in connection.execute(sa.select(tables.project.c.id, tables.project.c.name))}
    return [Change(row.seq, row.oid, row.field, _read(row.field, row.old, projects), _read(row.field, row.new, projects), row.user or "",
                   row.when, row.why, row.undo_of) for row in rows]


def last_lines(connection: sa.Connection, about: Collection[tuple[int, str]]) -> dict[tuple[int, str], Change]:
    """The last line about each field of each object."""
    dialect, change = connection.dialect.name, tables.change.c
    oids = numbers({oid for oid, _ in about}, dialect)
    found = lines(connection, among(change.oid, dialect), parameters=oids)
    return {(line.oid, line.field): line for line in found if (line.oid, line.field) in about}


def _read(field: str, text: str | None, projects: Mapping[str, str]) -> Any:
    """A value of the log as the attribute has it."""
    if text is None or field not in EDITED:
        return text
    if field == "project":
        return projects.get(text, text)
    return from_microseconds(int(text)) if field.startswith("timestamp") else int(text)


def changes_of(connection: sa.Connection, oid: int, moment: int | None = None) -> list[Any]:
    """The lines about one object up to a moment, the oldest first; the columns of `change`, and `user`, who did it."""
    change, user = tables.change, tables.user
    until = [] if moment is None else [change.c.when <= from_microseconds(moment)]
    joined = change.join(user, user.c.id == change.c.who)
    return list(connection.execute(sa.select(change, user.c.name.label("user")).select_from(joined)
                                   .where(change.c.oid == oid, *until).order_by(change.c.seq)))
