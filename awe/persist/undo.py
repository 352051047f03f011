"""Taking edits back: what a line of the change log says is undone by a line that says the opposite."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.comment import take_back
from awe.persist.edit import edit_all
from awe.persist.guard import EDITED, SAID
from awe.persist.journal import Change, last_lines, lines
from awe.persist.load import load
from awe.persist.session import Database, current


def undo(seqs: int | Iterable[int], why: str) -> list[Change]:
    """Take back the edits that these lines of the change log tell of, all of them or none; returns the lines that say so.

    An undoing is an edit like any other: whoever may edit the object may undo, and it can be undone itself.

    Raises
    ------
    NotFoundError
        there is no such line about an object that can be seen
    ForbiddenError
        a later change of the same field stands on it, it tells of a deletion, or the edit is not theirs
    """
    database = current()
    wanted = [seqs] if isinstance(seqs, int) else list(seqs)
    if not why.strip():
        raise QueryError("the reason is empty; say why, since others will ask")

    def work(connection: sa.Connection) -> list[Change]:
        found = {line.seq: line for line in lines(connection, tables.change.c.seq.in_(wanted))}
        objects = load(database, {line.oid for line in found.values()})
        _refuse(database, connection, wanted, found, objects)
        for seq in [seq for seq in sorted(found) if found[seq].field in SAID]:
            take_back(connection, found.pop(seq), why)
        for (field, old), seqs_of in _groups(found).items():
            back = {found[seq].oid: seq for seq in seqs_of}
            edit_all([objects[oid] for oid in back], field, old, why, undo_of=back)
        return lines(connection, tables.change.c.undo_of.in_(wanted))
    return database.write(work)


def _groups(found: dict[int, Change]) -> dict[tuple[str, Any], list[int]]:
    """Lines of one field that go back to the same value, the latest first."""
    groups: dict[tuple[str, Any], list[int]] = {}
    for seq in sorted(found, reverse=True):
        groups.setdefault((found[seq].field, found[seq].old), []).append(seq)
    return groups


def _refuse(database: Database, connection: sa.Connection, wanted: list[int], found: dict[int, Change], objects: dict[int, Any]) -> None:
    """Raise where a line cannot be taken back."""
    for seq in wanted:
        line = found.get(seq)
        if line is None or (line.oid not in objects and (line.field in EDITED or line.who != database.identity.user)):
            raise NotFoundError(f"there is no change {seq} of an object that {database.identity.user or 'anonymous'} can see; "
                                "obj.changes and `awe changes` list those there are")
        if line.field in SAID:
            continue
        if line.field not in EDITED:
            raise ForbiddenError(f"change {seq} says that an object was {line.why}, which cannot be taken back; make it again")
    last = last_lines(connection, {(line.oid, line.field) for line in found.values()})
    for line in (line for line in found.values() if line.field not in SAID):
        later = last[line.oid, line.field]
        if later.seq != line.seq:
            how = "undid it" if later.undo_of == line.seq else f"changed it from {later.old} to {later.new}"
            raise ForbiddenError(f"change {line.seq} cannot be undone: change {later.seq} by {later.who} ({later.why}) {how} later; "
                                 f"undo {later.seq} first")
