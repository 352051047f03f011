"""Read a link once for all objects that were read together."""
from __future__ import annotations

import functools
import weakref
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.declare import Dependency, DependencyList, Part, number_of
from awe.persist.load import load
from awe.persist.mapping import Mapped, Mapping
from awe.persist.session import Database


def remember(objects: Iterable[Mapped]) -> None:
    """Note on each object which others were read together with it."""
    objects = list(objects)
    together = [weakref.ref(obj) for obj in objects]
    for obj in objects:
        obj.__dict__["_together"] = together


def fill(obj: Mapped, declared: Dependency[Any] | DependencyList[Any] | Part[Any]) -> None:
    """Read what `declared` names, for `obj` and for all objects read together with it that have not got it yet."""
    name, database = declared.name, obj.__dict__["_database"]
    waiting = {obj.__dict__["_row"][0]: obj}
    for ref in obj.__dict__.get("_together", ()):
        other = ref()
        if other is not None and name not in other.__dict__ and name in type(other).__mapping__.declared:
            waiting[other.__dict__["_row"][0]] = other
    if isinstance(declared, Dependency):
        _fill_links(database, declared, waiting)
    elif isinstance(declared, DependencyList):
        _fill_lists(database, declared, waiting)
    else:
        _fill_parts(database, declared, waiting)


def _fill_links(database: Database, declared: Dependency[Any], waiting: dict[int, Any]) -> None:
    column = f"{declared.name}_oid"
    linked = {obj.__dict__[column] for obj in waiting.values()} - {None}
    found = load(database, linked, declared.type)
    remember(found.values())
    for obj in waiting.values():
        obj.__dict__[declared.name] = found.get(obj.__dict__[column])


def _fill_lists(database: Database, declared: DependencyList[Any], waiting: dict[int, Any]) -> None:
    edge = tables.edge.c
    statement = sa.select(edge.target, edge.input).where(
        among(edge.target, database.dialect), edge.slot == number_of(declared.name)).order_by(edge.target, edge.pos)
    members: dict[int, list[int]] = defaultdict(list)
    with database.reading() as connection:
        for target, member in connection.execute(statement, numbers(waiting, database.dialect)).all():
            members[target].append(member)
    found = load(database, {oid for group in members.values() for oid in group}, declared.type)
    remember(found.values())
    for oid, obj in waiting.items():
        obj.__dict__[declared.name] = [found[member] for member in members[oid] if member in found]


def _fill_parts(database: Database, declared: Part[Any], waiting: dict[int, Any]) -> None:
    cls: type[Mapped] = declared.type
    mapping = cls.__mapping__
    statement = _part_statement(mapping, database.dialect)
    names = tuple(mapping.columns)
    for obj in waiting.values():
        obj.__dict__[declared.name] = None
    with database.reading() as connection:
        rows = connection.execute(statement, {**numbers(waiting, database.dialect), "slot": number_of(declared.name)}).all()
    for row in rows:
        part = object.__new__(cls)
        state = part.__dict__
        state.update(zip(names, row[1:], strict=True))
        state["_owner"] = row[0]
        waiting[row[0]].__dict__[declared.name] = part


@functools.cache
def _part_statement(mapping: Mapping, dialect: str) -> sa.Select[Any]:
    table = mapping.table.c
    return sa.select(table.owner_oid, *mapping.columns.values()).where(
        among(table.owner_oid, dialect), table.slot == sa.bindparam("slot"))
