"""The one way into the database: records, in one transaction."""
from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError
from awe.persist import sharing, tables
from awe.persist.candidates import Found, candidate_rows, found_by, is_eligible, spans_of
from awe.persist.canonical import canonical, digest16
from awe.persist.declare import number_of
from awe.persist.identity import level_of
from awe.persist.mapping import Mapped
from awe.persist.outbox import Outbox
from awe.persist.record import FileRow, Input, Record
from awe.persist.rows import Row, class_rows
from awe.persist.serial import draw
from awe.persist.session import Database, current
from awe.persist.touched import touch_with
from awe.persist.types import FOREVER, to_microseconds
from awe.persist.value import value_of

Rows = dict[sa.Table, list[Row]]

#: The order in which tables are filled, so that nothing refers to a row that is not there yet; those of classes come second.
AFTER = (tables.edge, tables.want, tables.candidate)


class Root(NamedTuple):
    """A row of `object`, as the database keeps it."""

    oid: int
    object_id: bytes
    class_id: int
    creation_date: int
    creator_id: int
    project_id: int
    privileges: int
    t_start: int
    t_end: int
    is_valid: int
    quality_flags: int
    process_status: int
    anchor: int
    scope_id: int
    recipe_id: int
    params_id: int
    derivation: bytes | None
    value: bytes


assert Root._fields == tuple(tables.object_.columns.keys())


def insert(records: Sequence[Record], connection: sa.Connection | None = None) -> None:
    """Write all of `records` in one transaction; their objects are persistent when it has been committed.

    Records may refer to one another's objects.  With a `connection` of `transaction()` they are part of that transaction.

    Raises
    ------
    ForbiddenError
        the context is anonymous, an object is committed already, or one uses what its readers cannot see
    NotFoundError
        an input does not exist or cannot be seen
    """
    database = current()
    if not records:
        return
    if database.identity.is_anonymous:
        raise ForbiddenError("nobody in particular cannot write; connect with a user")
    for record in records:
        if "_row" in record.obj.__dict__:
            raise ForbiddenError(f"{record.obj!r} is committed already; make a new one")
    if connection is None:
        database.write(lambda connection: _Writer(database, connection, records).write())
    else:
        _Writer(database, connection, records).write()


class _Writer:
    """Writes the records of one transaction."""

    def __init__(self, database: Database, connection: sa.Connection, records: Sequence[Record]) -> None:
        self.database, self.connection, self.records = database, connection, records
        self.oids, self.dates = draw(connection, len(records))
        self.oid_of = {id(record.obj): oid for record, oid in zip(records, self.oids, strict=True)}
        self.inputs = sharing.read_inputs(database, connection, self._input_oids())
        self.roots: dict[int, Root] = {}
        self.found: dict[int, Found] = {}
        self.rows: Rows = defaultdict(list)
        self.files: list[tuple[int, FileRow]] = []

    def write(self) -> None:
        """Write all rows, and let the objects be persistent after the commit."""
        for record, oid, moment in zip(self.records, self.oids, self.dates, strict=True):
            self.roots[oid] = self._root(record, oid, moment)
            self.found[oid] = found_by(record.obj, self.database.key_sets)
        touched: set[bytes] = set()
        attached = []
        for record, oid in zip(self.records, self.oids, strict=True):
            links = self._links(record)
            self._add(record, oid, links)
            touched |= self.found[oid].all
            attached.append((record.obj, self.roots[oid], links))
        sharing.check(self.roots, self.rows[tables.edge], self.inputs)
        self._write(touched)
        self.database.after_commit(lambda: _attach(self.database, attached))

    def _write(self, touched: set[bytes]) -> None:
        rows = self.rows
        rows[tables.edge].sort()
        rows[tables.candidate].sort()
        outbox = Outbox(self.connection)
        outbox.rows(tables.object_, list(self.roots.values()))
        for table in [table for table in rows if table not in AFTER]:
            outbox.rows(table, rows[table])
        for table in AFTER:
            outbox.rows(table, rows[table])
        note_files(outbox, self.files)
        touch_with(outbox, touched)
        outbox.send()
        note_spans(self.database, self.connection, spans_of(rows[tables.candidate]))

    def _input_oids(self) -> set[int]:
        used = {self._oid(each.input) for record in self.records for each in record.inputs}
        linked = {self._oid(obj) for record in self.records for name in type(record.obj).__mapping__.links
                  if (obj := record.obj.__dict__.get(name)) is not None}
        return (used | linked) - set(self.oids)

    def _oid(self, obj: Mapped | int) -> int:
        if isinstance(obj, int):
            return obj
        oid = self.oid_of.get(id(obj)) or obj.__dict__.get("_row", [None])[0]
        if oid is None:
            raise NotFoundError(f"{obj!r} is not committed, and what is linked to it cannot be either; commit it first")
        return int(oid)

    def _root(self, record: Record, oid: int, moment: int) -> Root:
        obj, who, number = record.obj, self.database.identity, self.database.names.number
        given = obj.__dict__
        mapping = type(obj).__mapping__
        number(self.connection, tables.class_, {"class_id": mapping.class_id}, name=mapping.name)
        created = stamp(given.get("creation_date"), moment)
        privileges = given.get("privileges") or who.privileges
        who.check_level(level_of(privileges))
        return Root(oid, bytes.fromhex(given.get("object_id") or os.urandom(16).hex()), mapping.class_id, created,
                    who.user_id, who.project_id, privileges,
                    stamp(given.get("timestamp_start"), FOREVER[0]), stamp(given.get("timestamp_end"), FOREVER[1]),
                    given.get("is_valid", 1), given.get("quality_flags", 0), given.get("process_status", 0),
                    stamp(given.get("anchor"), created), self._scope(obj), self._recipe(record), self._parameters(record),
                    record.derivation, record.value or value_of(obj, {file.role: file.sha256 for file in record.files}))

    def _scope(self, obj: Any) -> int:
        instrument, chip, filter_ = obj.scope()
        if not (instrument or chip or filter_):
            return 0
        return self.database.names.number(self.connection, tables.scope, {"instrument": instrument, "chip": chip, "filter": filter_})

    def _recipe(self, record: Record) -> int:
        recipe = record.recipe
        if recipe is None:
            return 0
        key = {"class_id": type(record.obj).__mapping__.class_id, "version": recipe.version, "digest": recipe.digest,
               "git": recipe.git, "env": canonical(dict(recipe.env))}
        return self.database.names.number(self.connection, tables.recipe, key)

    def _parameters(self, record: Record) -> int:
        if not record.parameters:
            return 0
        values = dict(record.parameters)
        return self.database.names.number(self.connection, tables.parameters, {"digest": digest16(values)}, json=canonical(values))

    def _links(self, record: Record) -> dict[str, int | None]:
        """The values of the columns ``<name>_oid``: from the inputs, else from what the object holds."""
        links: dict[str, int | None] = {}
        given = {each.slot: each.input for each in record.inputs}
        for name in type(record.obj).__mapping__.links:
            linked = given.get(name, record.obj.__dict__.get(name))
            links[f"{name}_oid"] = None if linked is None else self._oid(linked)
        return links

    def _add(self, record: Record, oid: int, links: dict[str, int | None]) -> None:
        root, rows = self.roots[oid], self.rows
        for table, row in class_rows(record.obj, oid, links, self.database.dialect):
            rows[table].append(row)
        rows[tables.edge] += [self._edge(root, each) for each in record.inputs]
        rows[tables.want] += [(oid, number_of(w.slot), w.sel, w.t_from, w.t_to, w.n) for w in record.wants]
        blocking = type(record.obj).blocking_flags if record.blocking is None else record.blocking
        rows[tables.candidate] += candidate_rows(self.found[oid], root, is_eligible(root.is_valid, root.quality_flags, blocking))
        self.files += [(oid, file) for file in record.files]

    def _edge(self, root: Root, each: Input) -> Row:
        oid = self._oid(each.input)
        there = self.inputs.get(oid)
        if there is None and oid not in self.roots:
            raise NotFoundError(f"input {each.slot}[{each.pos}] (row {oid}) does not exist, or cannot be seen by "
                                f"{self.database.identity.user}")
        sel = each.sel or (self.found[oid].own if oid in self.found else there.own if there else b"")
        value = each.input_value or (self.roots[oid].value if oid in self.roots else there.value if there else b"")
        return (root.oid, number_of(each.slot), each.pos, oid, sel, root.anchor if each.at is None else each.at, value, each.per)


def stamp(moment: Any, default: int) -> int:
    """A moment as the database keeps it."""
    return default if moment is None else moment if isinstance(moment, int) else to_microseconds(moment)


def note_spans(database: Database, connection: sa.Connection, spans: set[int]) -> None:
    """Keep the table of bins that some candidate is in."""
    for span in sorted(spans):
        database.names.number(connection, tables.span, {"span": span}, length=1 << span)


def note_files(outbox: Outbox, files: Sequence[tuple[int, FileRow]]) -> None:
    """Keep the rows of files, by the row number of their object, and of their contents, which objects may share."""
    outbox.rows(tables.object_file, [(oid, file.role, file.ext, bytes.fromhex(file.sha256), file.global_name) for oid, file in files])
    note_contents(outbox, {bytes.fromhex(file.sha256): file.size for _, file in files})


def note_contents(outbox: Outbox, sizes: Mapping[bytes, int]) -> None:
    """Keep the rows of contents: SHA-256 -> size; one that is known stays."""
    marks = "?, ?" if outbox.connection.dialect.name == "sqlite" else "%s, %s"
    outbox.run(f"INSERT INTO file (sha256, size) VALUES ({marks}) ON CONFLICT DO NOTHING", sorted(sizes.items()))


def _attach(database: Database, written: list[tuple[Mapped, Root, dict[str, int | None]]]) -> None:
    """Let objects know that they are persistent, and be the ones that queries find."""
    for obj, root, links in written:
        mapping, state = type(obj).__mapping__, obj.__dict__
        for name in mapping.system:
            state.pop(name, None)
        for name, declared in mapping.attributes.items():
            state.setdefault(name, declared.default)
        for name in mapping.lists:
            if name in state:
                state[name] = list(state[name])
        for name in mapping.parts:
            part = state.setdefault(name, None)
            if part is not None:
                part.__dict__["_owner"] = root.oid
        state.update(links, _row=tuple(root), _database=database)
        database.objects[root.oid] = obj
