"""Rows to objects: one row is one Python object for as long as anybody holds it."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.identity import Identity
from awe.persist.mapping import Mapped, class_of
from awe.persist.session import Database

ROOT = tuple(tables.object_.columns.keys())
OID, CLASS_ID = ROOT.index("oid"), ROOT.index("class_id")

_statements: dict[Any, sa.Select[Any]] = {}


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
    for class_id, group in by_class(database, oids).items():
        found.update(read_class(database, class_of(class_id), group))
    return found


def read_class(database: Database, cls: type[Mapped], oids: Sequence[int]) -> dict[int, Any]:
    """Read the visible objects of exactly `cls` among `oids`."""
    statement = class_statement(cls, database.dialect, database.identity)
    rows = rows_among(database, statement, oids)
    return {row[OID]: obj for row, obj in zip(rows, build_all(database, cls, rows), strict=True)}


def rows_among(database: Database, statement: sa.Select[Any], oids: Iterable[int]) -> list[Any]:
    """The rows of a statement that asks for visible objects `among` some."""
    with database.reading() as connection:
        return list(connection.execute(statement, {**numbers(oids, database.dialect), **database.identity.parameters}).all())


def class_statement(cls: type[Mapped], dialect: str, who: Identity) -> sa.Select[Any]:
    """The statement that reads objects of one class, built once for all users of a kind."""
    key = (cls, dialect, who.kind)
    if key not in _statements:
        mapping = cls.__mapping__
        source: sa.FromClause = tables.object_
        for table in mapping.tables:
            source = source.join(table, table.c.oid == tables.object_.c.oid)
        statement: sa.Select[Any] = sa.select(*map(raw, tables.object_.c), *mapping.columns.values()).select_from(source).where(
            among(tables.object_.c.oid, dialect), who.visible(tables.object_))
        _statements[key] = statement
    return _statements[key]


def raw(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column of `object` as the database keeps it; attributes turn it into what a person reads."""
    return sa.type_coerce(column, sa.types.NullType()).label(column.key)


def build_all(database: Database, cls: type[Mapped], rows: Iterable[Any]) -> list[Any]:
    """The objects of rows that have the columns of `object` and then those of `cls`.

    Where Python holds an object already, what may have been edited is brought up to date.
    """
    names, width, keep, found = tuple(cls.__mapping__.columns), len(ROOT), database.objects.setdefault, []
    for row in rows:
        obj = object.__new__(cls)
        state = obj.__dict__
        root = state["_row"] = row[:width]
        state["_database"] = database
        state.update(zip(names, row[width:], strict=True))
        kept = keep(root[OID], obj)
        if kept is not obj:
            kept.__dict__["_row"] = root
        found.append(kept)
    return found


def by_class(database: Database, oids: Sequence[int]) -> dict[int, list[int]]:
    """Which of `oids` can be seen, by class."""
    columns, groups = tables.object_.c, defaultdict[int, list[int]](list)
    statement = sa.select(columns.oid, columns.class_id).where(among(columns.oid, database.dialect),
                                                               database.identity.visible(tables.object_))
    for oid, class_id in rows_among(database, statement, oids):
        groups[class_id].append(oid)
    return groups
