"""The change log: who changed what of an object, when and why."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.types import now


def note_change(connection: sa.Connection, oid: int, field: str, old: Any, new: Any, who: int, why: str,
                undo_of: int | None = None) -> None:
    """Write one line, in the transaction of the change itself."""
    connection.execute(tables.change.insert().values(
        oid=oid, field=field, old=None if old is None else str(old), new=None if new is None else str(new), who=who, when=now(),
        why=why, undo_of=undo_of))


def changes_of(connection: sa.Connection, oid: int) -> list[Any]:
    """The lines about one object, the oldest first; the columns of `change`, and `user`, who did it."""
    change, user = tables.change, tables.user
    joined = change.join(user, user.c.id == change.c.who)
    return list(connection.execute(sa.select(change, user.c.name.label("user")).select_from(joined)
                                   .where(change.c.oid == oid).order_by(change.c.seq)))
