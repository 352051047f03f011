"""Everybody who sees an object sees what it was made from; what would break that is refused."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.errors import ForbiddenError
from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.identity import LEVELS, all_readers_see
from awe.persist.mapping import class_of
from awe.persist.rows import Row
from awe.persist.session import Database


def read_inputs(database: Database, connection: sa.Connection, oids: set[int]) -> dict[int, Any]:
    """What has to be known of the visible objects among `oids` to use them: owner, value, digest of the natural key."""
    if not oids:
        return {}
    root, found = tables.object_.c, tables.candidate.c
    own = sa.select(found.own).where(found.oid == root.oid).limit(1).scalar_subquery().label("own")
    statement = sa.select(root.oid, root.class_id, root.privileges, root.project_id, root.creator_id, root.value, own).where(
        among(root.oid, database.dialect), database.identity.visible(tables.object_))
    return {row.oid: row for row in connection.execute(statement, numbers(oids, database.dialect))}


def check(readers: Mapping[int, Any], edges: Iterable[Row], inputs: Mapping[int, Any]) -> None:
    """Raise ForbiddenError when one of the new objects uses what not all who see it may see."""
    hidden = {}
    for target, _, _, used, *_ in edges:
        thing = inputs.get(used) or readers[used]
        if not all_readers_see(readers[target], thing):
            hidden[used] = (readers[target], thing)
    if hidden:
        reader, thing = next(iter(hidden.values()))
        raise ForbiddenError(f"an object with privileges {_level(reader)} cannot use {len(hidden)} with fewer readers, "
                             f"such as {_one(thing)}; publish those first, or lower context.set_privileges")


def _level(row: Any) -> str:
    return f"{row.privileges} ({LEVELS.get(row.privileges)})"


def _one(row: Any) -> str:
    return f"a {class_of(row.class_id).__name__} with privileges {_level(row)}"


class Reader(NamedTuple):
    """Who sees an object."""

    privileges: int
    project_id: int
    creator_id: int


def check_edit(connection: sa.Connection, obj: Any, changed: Reader) -> None:
    """Raise ForbiddenError when with readers `changed` others could not see what they use, or it would use what others cannot."""
    root, edge = tables.object_.c, tables.edge.c
    columns = (root.oid, root.class_id, root.privileges, root.project_id, root.creator_id)
    inputs = connection.execute(sa.select(*columns).join(tables.edge, edge.input == root.oid).where(edge.target == obj.oid)).all()
    users = connection.execute(sa.select(*columns).join(tables.edge, edge.target == root.oid).where(edge.input == obj.oid)).all()
    hidden = [row for row in inputs if not all_readers_see(changed, row)]
    if hidden:
        raise ForbiddenError(f"{obj!r} with privileges {changed.privileges} would use {len(hidden)} objects with fewer readers, "
                             f"such as {_one(hidden[0])}; publish those first")
    if not all(all_readers_see(row, changed) for row in users):
        raise ForbiddenError(f"{obj!r} is used by what would have more readers; move that first, or publish {obj!r} before")
