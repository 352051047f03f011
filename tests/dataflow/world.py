"""Everything an instance holds, as plain Python objects: read from the base tables, without the code that is under test."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.declare import Dependency, declarations, natural_key, number_of
from awe.persist.mapping import class_of
from awe.persist.session import Database


@dataclass
class Edge:
    """A recorded input."""

    pos: int
    input: Obj
    sel: bytes
    at: int
    value: bytes
    per: bytes | None


@dataclass(eq=False)
class Obj:
    """An object."""

    oid: int
    cls: type
    object_id: str
    created: int
    creator: int
    project: int
    privileges: int
    start: int
    end: int
    is_valid: int
    flags: int
    anchor: int
    version: int
    params: dict[str, Any]
    derivation: bytes | None
    value: bytes
    attributes: dict[str, Any] = field(default_factory=dict)
    edges: dict[str, list[Edge]] = field(default_factory=dict)
    wants: dict[str, tuple[bytes, int, int, int]] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, Any]:
        return {name: self.get(name) for name in natural_key(self.cls)}

    def get(self, path: str) -> Any:
        """The value of a dotted path; a link at its end counts by its name."""
        found: Any = self
        for name in path.split("."):
            found = None if found is None else found.attributes[name]
        return found.attributes["name"] if isinstance(found, Obj) else found

    @property
    def order(self) -> tuple[int, str]:
        return self.created, self.object_id

    @property
    def eligible(self) -> bool:
        return self.is_valid == 2 or (self.is_valid == 1 and not self.flags & self.cls.blocking_flags)

    def __repr__(self) -> str:
        return f"<{self.cls.__name__} #{self.oid} {self.keys}>"


@dataclass
class World:
    """All objects, stored parameter sets, and failures for good."""

    objects: dict[int, Obj]
    sets: list[Any]
    failures: dict[bytes, str]

    @classmethod
    def read(cls, database: Database) -> World:
        with database.reading() as connection:
            return cls(objects_in(connection), connection.execute(sa.select(tables.parameter_set)).all(), failures_in(connection))


def objects_in(connection: sa.Connection) -> dict[int, Obj]:
    versions = {0: 0, **{row.id: row.version for row in connection.execute(sa.select(tables.recipe))}}
    params = {0: {}, **{row.id: json.loads(row.json) for row in connection.execute(sa.select(tables.parameters))}}
    found: dict[int, Obj] = {}
    moments = ("creation_date", "t_start", "t_end", "anchor")
    raw = [sa.type_coerce(column, sa.BigInteger).label(column.name) if column.name in moments else column
           for column in tables.object_.columns]
    for row in connection.execute(sa.select(*raw)):
        found[row.oid] = Obj(row.oid, class_of(row.class_id), row.object_id, row.creation_date, row.creator_id, row.project_id,
                             row.privileges, row.t_start, row.t_end, row.is_valid, row.quality_flags, row.anchor,
                             versions[row.recipe_id], params[row.params_id], row.derivation and bytes(row.derivation), bytes(row.value))
    for used in {obj.cls for obj in found.values()}:
        for table in used.__mapping__.tables:
            for row in connection.execute(sa.select(table)).mappings():
                if row["oid"] in found and found[row["oid"]].cls is used:
                    found[row["oid"]].attributes.update(row)
    for obj in found.values():
        for name, declared in declarations(obj.cls).items():
            if isinstance(declared, Dependency):
                obj.attributes[name] = found.get(obj.attributes.get(f"{name}_oid"))
    names = {(obj.cls, number_of(name)): name for obj in found.values() for name in declarations(obj.cls)}
    for row in connection.execute(sa.select(tables.edge).order_by(tables.edge.c.pos)):
        target = found[row.target]
        edge = Edge(row.pos, found[row.input], bytes(row.sel), row.at, bytes(row.input_value), row.per and bytes(row.per))
        target.edges.setdefault(names[target.cls, row.slot], []).append(edge)
    for row in connection.execute(sa.select(tables.want)):
        target = found[row.target]
        target.wants[names[target.cls, row.slot]] = (bytes(row.sel), row.t_from, row.t_to, row.n)
    return found


def failures_in(connection: sa.Connection) -> dict[bytes, str]:
    last = {}
    for row in connection.execute(sa.select(tables.job).order_by(tables.job.c.id)):
        last[row.derivation and bytes(row.derivation)] = row
    return {derivation: row.reason for derivation, row in last.items() if row.state == "failed" and row.permanent}
