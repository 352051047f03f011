"""The few things that may change after the commit, such as validity, time stamps and privileges; each with a line in the change log."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError, did_you_mean
from awe.persist import sharing, tables
from awe.persist.candidates import candidate_rows, found_by, is_eligible, spans_of
from awe.persist.guard import EDITED
from awe.persist.identity import ASTROWISE, LEVELS, Identity
from awe.persist.insert import Root, note_spans, stamp
from awe.persist.journal import Line, note_change
from awe.persist.load import raw
from awe.persist.project import managed_by, membership, number_of_project
from awe.persist.publish import publish
from awe.persist.rows import write_rows
from awe.persist.session import Database, current
from awe.persist.touched import touch
from awe.persist.types import coerce

FIELDS = ("is_valid", "timestamp_start", "timestamp_end", "privileges", "quality_flags", "project")


def edit(obj: Any, field: str, value: Any, why: str, *, blocking: int | None = None) -> None:
    """Change one field of a committed object.

    Parameters
    ----------
    obj
        the object
    field
        ``is_valid`` (0 bad, 1 OK, 2 qualified), ``timestamp_start``, ``timestamp_end``, ``privileges`` (see `publish`),
        ``quality_flags`` or ``project``
    value
        the new value
    why
        the reason, kept in the change log
    blocking
        the quality flags that keep an object from being used; by default those of its class

    Raises
    ------
    QueryError
        there is no such field, or it cannot have that value
    ForbiddenError
        it is somebody else's, or others could no longer see what they use
    """
    edit_all([obj], field, value, why, blocking=blocking)


def edit_all(objects: Iterable[Any], field: str, value: Any, why: str, *, blocking: int | None = None,
             undo_of: Mapping[int, int] | None = None) -> None:
    """Change one field of several objects, all in one transaction.

    `undo_of` says, by the row numbers of objects, which lines of the change log are taken back.
    """
    objects = list(objects)
    database = current()
    who = database.identity
    if field not in FIELDS:
        raise QueryError(f"{field!r} cannot be edited{did_you_mean(field, FIELDS)}")
    if who.is_anonymous:
        raise ForbiddenError("nobody in particular cannot change anything; connect with a user")
    for obj in objects:
        if "_row" not in obj.__dict__:
            raise QueryError(f"{obj!r} is not committed; set {field} as an attribute")
        if type(obj).__abstract__:
            raise ForbiddenError(f"{obj!r}: nothing of it can be edited before its package is installed")
    if field == "privileges" and objects:
        publish(objects, stamp(coerced(objects[0], field, value), 0), why, undo_of=undo_of)
        return

    def work(connection: sa.Connection) -> None:
        for obj in objects:
            _edit(database, connection, obj, field, value, why, blocking, (undo_of or {}).get(obj.oid))
    database.write(work)


def _edit(database: Database, connection: sa.Connection, obj: Any, field: str, value: Any, why: str, blocking: int | None,
          undo_of: int | None) -> None:
    who, table, column = database.identity, tables.object_, EDITED[field]
    row = connection.execute(sa.select(*map(raw, table.c)).where(table.c.oid == obj.oid, who.visible(table))).one_or_none()
    if row is None:
        raise NotFoundError(f"{obj!r} is not there any more, or cannot be seen")
    new = _checked(connection, obj, field, value, row)
    old = getattr(row, column)
    if new == old:
        return
    _allow(connection, who, obj, field, new, row)
    changed: Any = {column: new}
    root = Root._make(row)._replace(**changed)
    note_change(connection, Line(obj.oid, field, old, new, undo_of), who.user_id, why)
    _rewrite(database, connection, obj, root, is_eligible(root.is_valid, root.quality_flags,
                                                          type(obj).blocking_flags if blocking is None else blocking))
    database.after_commit(lambda: obj.__dict__.update(_row=tuple(root)))


def coerced(obj: Any, field: str, value: Any) -> Any:
    """The value in the type of the field."""
    declared = type(obj).__mapping__.system[field]
    try:
        found = coerce(declared.type, value)
    except TypeError:
        raise QueryError(f"{field} is {declared.type.__name__} ({declared.doc}), not {value!r}") from None
    if found is None or (field == "is_valid" and found not in (0, 1, 2)) or (field == "privileges" and found not in LEVELS):
        raise QueryError(f"{field} is {declared.doc}, not {value!r}")
    return found


def _checked(connection: sa.Connection, obj: Any, field: str, value: Any, row: Any) -> int:
    """The value as the database keeps it."""
    found = coerced(obj, field, value)
    if field == "project":
        return number_of_project(connection, found)
    new = stamp(found, 0)
    start, end = (new, row.t_end) if field == "timestamp_start" else (row.t_start, new)
    if field.startswith("timestamp") and start >= end:
        raise QueryError(f"{obj!r} would be valid from {field} on and never; its other time stamp is "
                         f"{obj.timestamp_end if field == 'timestamp_start' else obj.timestamp_start}")
    return new


def _allow(connection: sa.Connection, who: Identity, obj: Any, field: str, new: int, row: Any) -> None:
    """Raise ForbiddenError where the change is not theirs to make, or would hide or show what it must not."""
    member_of = membership(connection, who)
    if row.creator_id != who.user_id and row.project_id not in member_of:
        raise ForbiddenError(f"{obj!r} was made by {obj.creator} for {obj.project}: {field} is changed by them or by members of "
                             f"{obj.project}, and {who.user} is none")
    if field == "project":
        manages = managed_by(connection, who)
        theirs = row.project_id in manages or (row.creator_id == who.user_id and row.privileges < ASTROWISE)
        if not theirs or new not in (manages if row.privileges >= ASTROWISE else member_of):
            raise ForbiddenError(f"{obj!r} is moved by its creator to a project they take part in, or by managers; one that is public "
                                 f"(privileges {row.privileges}) only by managers of both, which {who.user} is not")
        sharing.check_edit(connection, obj, sharing.Reader(row.privileges, new, row.creator_id))


def _rewrite(database: Database, connection: sa.Connection, obj: Any, root: Root, eligible: bool) -> None:
    """Bring the rows of `candidate` up to date: anew, since the interval is part of their key."""
    found = found_by(obj, database.key_sets)
    rows = candidate_rows(found, root, eligible)
    connection.execute(sa.delete(tables.candidate).where(tables.candidate.c.oid == root.oid))
    write_rows(connection, tables.candidate, rows)
    note_spans(database, connection, spans_of(rows))
    touch(connection, set(found.all))
