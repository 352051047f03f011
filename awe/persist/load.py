"""Rows to objects: one row is one Python object for as long as anybody holds it."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.among import among
from awe.persist.mapping import Mapped, class_of
from awe.persist.session import Database

ROOT = tuple(tables.object_.columns.keys())
#: The columns of `object` as the database keeps them; attributes turn them into what a person reads.
ROOT_COLUMNS = tuple(sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in tables.object_.columns)
OID, CLASS_ID = ROOT.index("oid"), ROOT.index("class_id")


def load(database: Database, oids: Iterable[int], cls: type[Mapped] | None = None) -> dict[int, Any]:
    """Read the visible objects among `oids`, one statement a class; what Python holds already is not read again.

    `cls` says of which class, or class below it, all of them are, where that is known.
    """
    found: dict[int, Any] = {}
    wanted = []
    for oid in oids:
        held = database.objects.get(oid)
        if held is None:
            wanted.append(oid)
        else:
            found[oid] = held
    if wanted:
        found.update(read(database, wanted, cls))
    return found


def read(database: Database, oids: Sequence[int], cls: type[Mapped] | None = None) -> dict[int, Any]:
    """Read the visible objects among `oids` from the database, whether Python holds them or not."""
    only = list(cls.__mapping__.concrete()) if cls is not None else []
    if len(only) == 1:
        return read_class(database, only[0], oids)
    found: dict[int, Any] = {}
    for class_id, group in _by_class(database, oids).items():
        found.update(read_class(database, class_of(class_id), group))
    return found


def read_class(database: Database, cls: type[Mapped], oids: Sequence[int]) -> dict[int, Any]:
    """Read the visible objects of exactly `cls` among `oids`."""
    mapping = cls.__mapping__
    source: sa.FromClause = tables.object_
    for table in mapping.tables:
        source = source.join(table, table.c.oid == tables.object_.c.oid)
    statement = sa.select(*ROOT_COLUMNS, *mapping.columns.values()).select_from(source).where(
        among(tables.object_.c.oid, oids, database.dialect), database.identity.visible(tables.object_))
    with database.reading() as connection:
        rows: Any = connection.execute(statement).all()
    names = tuple(mapping.columns)
    return {row[OID]: build(database, cls, tuple(row[:len(ROOT)]), names, row[len(ROOT):]) for row in rows}


def build(database: Database, cls: type[Mapped], root: tuple[Any, ...], names: Sequence[str], own: Sequence[Any]) -> Any:
    """The object of one row; if Python holds it already, what may have been edited is brought up to date."""
    held = database.objects.get(root[OID])
    if held is not None:
        held.__dict__["_row"] = root
        return held
    obj = object.__new__(cls)
    state = obj.__dict__
    state["_row"], state["_database"] = root, database
    state.update(zip(names, own, strict=True))
    return database.objects.setdefault(root[OID], obj)


def _by_class(database: Database, oids: Sequence[int]) -> dict[int, list[int]]:
    columns = tables.object_.c
    statement = sa.select(columns.oid, columns.class_id).where(among(columns.oid, oids, database.dialect),
                                                               database.identity.visible(tables.object_))
    groups: dict[int, list[int]] = defaultdict(list)
    with database.reading() as connection:
        for oid, class_id in connection.execute(statement):
            groups[class_id].append(oid)
    return groups
