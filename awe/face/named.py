"""The object that is meant by the beginning of its identity, or by the global name of a file."""
from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from awe.dataflow.instance import Instance
from awe.errors import AmbiguousError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.load import load

SHORTEST = 4
SHOWN = 6


def object_named(instance: Instance, text: str) -> Any:
    """The one visible object whose object_id begins like this, or whose file has this global name.

    Raises
    ------
    QueryError
        it is neither the beginning of an object_id nor a global name
    NotFoundError
        there is none, or none that can be seen
    AmbiguousError
        several begin like this
    """
    oids = with_identity(instance, text.lower()) if re.fullmatch(r"[0-9a-fA-F]{1,32}", text) else with_file(instance, text)
    found = list(load(instance.database, oids).values())
    if not found:
        raise NotFoundError(f"{text!r} is neither the beginning of an object_id nor the global name of a file that "
                            f"{instance.config.user} can see; `awe query` finds what there is")
    if len(found) > 1:
        raise AmbiguousError(f"several objects begin with {text}: {', '.join(map(repr, found[:SHOWN]))}; give more digits")
    return found[0]


def with_identity(instance: Instance, prefix: str) -> list[int]:
    """The row numbers of objects whose object_id begins with `prefix`."""
    if len(prefix) < SHORTEST:
        raise QueryError(f"{prefix!r} is too short to find an object by; give at least {SHORTEST} digits of its object_id")
    low, high = bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
    o = tables.object_
    statement = sa.select(o.c.oid).where(o.c.object_id >= low, o.c.object_id <= high, instance.database.identity.visible(o)).limit(SHOWN)
    with instance.database.reading() as connection:
        return list(connection.scalars(statement))


def with_file(instance: Instance, name: str) -> list[int]:
    """The row numbers of objects that have a file of this global name."""
    f = tables.object_file.c
    with instance.database.reading() as connection:
        return list(connection.scalars(sa.select(f.oid).where(f.global_name == name)))
