"""How objects were made, read for many at once: inputs, parameters, code, files."""
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.errors import QueryError
from awe.persist import batch, tables
from awe.persist.among import among, numbers
from awe.persist.declare import Parameter, name_of_slot, number_of, slots
from awe.persist.load import read
from awe.persist.session import Database


class Making(NamedTuple):
    """How one object was made.

    Attributes
    ----------
    inputs
        slot -> the visible objects that it used, in order
    parameters
        name -> value, as it was made with
    code
        version of the class, digest of its source, commit, versions of the libraries that compute
    files
        role -> global name, SHA-256 and size
    """

    inputs: dict[str, list[Any]]
    parameters: dict[str, Any]
    code: dict[str, Any]
    files: dict[str, dict[str, Any]]


def database_of(obj: Any) -> Database:
    """Where a committed object was read from.

    Raises QueryError where it is not committed.
    """
    if "_row" not in obj.__dict__:
        raise QueryError(f"{obj!r} is not committed, and has no lineage yet")
    database: Database = obj.__dict__["_database"]
    return database


def making_of(objects: Iterable[Any]) -> dict[int, Making]:
    """How these objects were made, by their row numbers; the number of statements depends on how many classes their inputs have."""
    by_database: dict[Database, dict[int, Any]] = defaultdict(dict)
    for obj in objects:
        by_database[database_of(obj)][obj.oid] = obj
    found: dict[int, Making] = {}
    for database, some in by_database.items():
        inputs = inputs_of(database, some)
        with database.reading() as connection:
            parameters, recipes = _parameters(connection, some.values()), _recipes(connection, some.values())
            files = _files(connection, some)
        for oid, obj in some.items():
            declared = {name: getattr(obj, name) for name, d in type(obj).__mapping__.attributes.items() if isinstance(d, Parameter)}
            found[oid] = Making(inputs[oid], {**declared, **parameters.get(obj.params_id, {})}, _code(obj, recipes.get(obj.recipe_id)),
                                files.get(oid, {}))
    return found


def inputs_of(database: Database, objects: dict[int, Any]) -> dict[int, dict[str, list[Any]]]:
    """What each of these objects used, by the name of the slot; all are read together, and remember that."""
    edge = tables.edge.c
    statement = sa.select(edge.target, edge.slot, edge.input).where(among(edge.target, database.dialect)).order_by(
        edge.target, edge.slot, edge.pos)
    with database.reading() as connection:
        rows = connection.execute(statement, numbers(objects, database.dialect)).all()
    there = read(database, sorted({row.input for row in rows}))
    batch.remember(there.values())
    used: dict[int, dict[int, list[Any]]] = {oid: {number_of(name): [] for name in slots(type(obj))} for oid, obj in objects.items()}
    for target, slot, input_ in rows:
        if input_ in there:
            used[target].setdefault(slot, []).append(there[input_])
    return {oid: {_name(objects[oid], slot): some for slot, some in by_slot.items() if some} for oid, by_slot in used.items()}


def _name(obj: Any, slot: int) -> str:
    return next((name for name in slots(type(obj)) if number_of(name) == slot), None) or name_of_slot(slot)


def _parameters(connection: sa.Connection, objects: Iterable[Any]) -> dict[int, dict[str, Any]]:
    table, dialect = tables.parameters.c, connection.dialect.name
    statement = sa.select(table.id, table.json).where(among(table.id, dialect))
    return {id_: json.loads(text) for id_, text in connection.execute(statement, numbers({obj.params_id for obj in objects}, dialect))}


def _recipes(connection: sa.Connection, objects: Iterable[Any]) -> dict[int, Any]:
    table, dialect = tables.recipe, connection.dialect.name
    statement = sa.select(table).where(among(table.c.id, dialect))
    return {row.id: row for row in connection.execute(statement, numbers({obj.recipe_id for obj in objects}, dialect))}


def _code(obj: Any, row: Any) -> dict[str, Any]:
    if row is None:
        return {}
    name = obj.class_name if type(obj).__elsewhere__ else type(obj).__mapping__.name
    return {"class": name, "version": row.version, "digest": row.digest, "commit": row.git, "libraries": json.loads(row.env)}


def _files(connection: sa.Connection, oids: Iterable[int]) -> dict[int, dict[str, dict[str, Any]]]:
    kept, file, dialect = tables.object_file, tables.file, connection.dialect.name
    statement = sa.select(kept.c.oid, kept.c.role, kept.c.global_name, kept.c.sha256, file.c.size).select_from(
        kept.join(file, file.c.sha256 == kept.c.sha256)).where(among(kept.c.oid, dialect)).order_by(kept.c.oid, kept.c.role)
    found: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in connection.execute(statement, numbers(oids, dialect)):
        found[row.oid][row.role] = {"global_name": row.global_name, "sha256": bytes(row.sha256).hex(), "size": row.size}
    return found
