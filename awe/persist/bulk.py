"""Many new objects of one class at once, column by column: a night of frames, a survey's records."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError
from awe.persist import sharing, tables
from awe.persist.candidates import is_eligible
from awe.persist.columns import Columns, checked
from awe.persist.declare import natural_key, number_of
from awe.persist.identity import level_of
from awe.persist.insert import note_files, note_spans
from awe.persist.mapping import Mapped
from awe.persist.mapping import Mapping as ClassMapping
from awe.persist.outbox import Outbox
from awe.persist.record import FileRow
from awe.persist.rows import Row, columns_of, encoded, stream_rows
from awe.persist.selector import class_name, selectors, span_of
from awe.persist.serial import draw
from awe.persist.session import Database, current
from awe.persist.touched import touch
from awe.persist.types import FOREVER, to_microseconds
from awe.persist.values import values_of


def bulk_insert(cls: type[Mapped], columns: Mapping[str, Any], *, files: Sequence[Sequence[FileRow]] | None = None,
                values: Sequence[bytes] | None = None, connection: sa.Connection | None = None) -> list[int]:
    """Write many objects of `cls` in one transaction, and return their row numbers.

    The rows are the same as those of as many commits, at a fraction of the time; no Python objects are made.

    Parameters
    ----------
    cls
        their class, which has tables
    columns
        name -> values, one for each object, or a single value for all: attributes, links (committed objects or their row
        numbers), attributes of parts as ``"imstat.stdev"``, and what all objects have, such as ``anchor``,
        ``timestamp_start``, ``is_valid`` or ``quality_flags``
    files
        the files of each object
    values
        the value of each object; computed where they are not given
    connection
        of `transaction()`, to be part of that transaction

    Raises
    ------
    UnknownNameError
        a column is none of the class
    QueryError
        columns differ in length, or a key has no value
    ForbiddenError
        the context is anonymous, or something linked to has fewer readers than the new objects
    """
    database = current()
    if database.identity.is_anonymous:
        raise ForbiddenError("nobody in particular cannot write; connect with a user")

    def work(connection: sa.Connection) -> list[int]:
        return _Bulk(database, connection, Columns(database, connection, cls, columns), files, values).write()
    return database.write(work) if connection is None else work(connection)


class _Bulk:
    """The rows of one call, as columns."""

    def __init__(self, database: Database, connection: sa.Connection, columns: Columns,
                 files: Sequence[Sequence[FileRow]] | None, values: Sequence[bytes] | None) -> None:
        self.database, self.connection, self.columns, self.files = database, connection, columns, files
        self.cls, self.mapping, self.n = columns.cls, columns.cls.__mapping__, columns.length
        self.oids, dates = draw(connection, self.n)
        self.created = self._moments("creation_date", dates)
        self.anchor = self._moments("anchor", self.created)
        self.starts, self.ends = self._moments("timestamp_start", FOREVER[0]), self._moments("timestamp_end", FOREVER[1])
        self.privileges = self._system("privileges", database.identity.privileges)
        self.is_valid, self.flags = self._system("is_valid", 1), self._system("quality_flags", 0)
        self.object_ids = self._object_ids()
        self.values = list(values) if values is not None else values_of(columns, files)
        self.own = self._own()

    def write(self) -> list[int]:
        """Write the rows of all tables."""
        if not self.n:
            return []
        self._check_sharing()
        self._write(tables.object_, self._object_columns())
        for table in self.mapping.tables:
            self._write(table, [self.oids, *self._class_columns(self.mapping, table, {**self.columns.own, **self._link_columns()})])
        for name, given in self.columns.parts.items():
            theirs = self.mapping.parts[name].type.__mapping__
            self._write(theirs.table, [self.oids, repeat(number_of(name)), *self._class_columns(theirs, theirs.table, given)])
        self._write_edges()
        self._write_candidates()
        if self.files:
            named = [(oid, file) for oid, each in zip(self.oids, self.files, strict=True) for file in each]
            outbox = Outbox(self.connection)
            note_files(outbox, named)
            outbox.send()
        return self.oids

    # ------------------------------------------------------------------ columns

    def _system(self, name: str, default: int) -> list[int]:
        return self.columns.own.get(name) or [default] * self.n

    def _moments(self, name: str, default: Any) -> list[int]:
        given = self.columns.own.get(name)
        if given is not None:
            return [to_microseconds(moment) for moment in given]
        return [default] * self.n if isinstance(default, int) else list(default)

    def _object_ids(self) -> list[bytes]:
        given = self.columns.own.get("object_id")
        if given is not None:
            return [bytes.fromhex(each) for each in given]
        random = os.urandom(16 * self.n)
        return [random[start:start + 16] for start in range(0, 16 * self.n, 16)]

    def _own(self) -> list[bytes]:
        texts = {name: self.columns.key_texts(name) for name in natural_key(self.cls)}
        checked(texts, list(texts.values()), self.cls)
        return selectors(class_name(self.cls), texts, self.n)  # type: ignore[return-value]

    def _scopes(self) -> list[int]:
        names = [self.columns.values(name) if name in self.mapping.declared else [None] * self.n for name in self.cls.scope_names]
        number, known = self.database.names.number, {(None, None, None): 0}
        for each in set(zip(*names, strict=True)) - set(known):
            instrument, chip, filter_ = (name or "" for name in each)
            known[each] = number(self.connection, tables.scope, {"instrument": instrument, "chip": chip, "filter": filter_})
        return [known[each] for each in zip(*names, strict=True)]

    def _object_columns(self) -> list[Any]:
        who, mapping = self.database.identity, self.mapping
        self.database.names.number(self.connection, tables.class_, {"class_id": mapping.class_id}, name=mapping.name)
        return [self.oids, self.object_ids, repeat(mapping.class_id), self.created, repeat(who.user_id), repeat(who.project_id),
                self.privileges, self.starts, self.ends, self.is_valid, self.flags, self._system("process_status", 0), self.anchor,
                self._scopes(), repeat(0), repeat(0), repeat(None), self.values]

    def _link_columns(self) -> dict[str, list[int | None]]:
        absent: list[int | None] = [None] * self.n
        return {f"{name}_oid": self.columns.links.get(name, absent) for name in self.mapping.links}

    def _class_columns(self, mapping: ClassMapping, table: sa.Table, given: Mapping[str, list[Any]]) -> list[list[Any]]:
        return [encoded(given[name], encode) if name in given else [default] * self.n
                for name, default, encode in columns_of(mapping, table, self.database.dialect)]

    # ------------------------------------------------------------------ rows

    def _write(self, table: sa.Table, columns: Sequence[Any]) -> None:
        stream_rows(self.connection, table, zip(*columns, strict=False))

    def _write_edges(self) -> None:
        sels: dict[int | None, bytes] = {None: b"", **{oid: bytes(row.own) for oid, row in self.columns.inputs.items()}}
        values: dict[int | None, bytes] = {None: b"", **{oid: bytes(row.value) for oid, row in self.columns.inputs.items()}}
        slots = [zip(self.oids, repeat(slot), repeat(0), column, map(sels.__getitem__, column), self.anchor,
                     map(values.__getitem__, column), repeat(None), strict=False)
                 for slot, column in sorted((number_of(name), column) for name, column in self.columns.links.items())]
        rows: Iterable[Row] = chain.from_iterable(zip(*slots, strict=True))
        if any(None in column for column in self.columns.links.values()):
            rows = (row for row in rows if row[3] is not None)
        stream_rows(self.connection, tables.edge, rows)

    def _write_candidates(self) -> None:
        blocking = self.cls.blocking_flags
        pairs = set(zip(self.is_valid, self.flags, strict=True))
        eligible = {pair: int(is_eligible(*pair, blocking)) for pair in pairs}
        may = [eligible[pair] for pair in zip(self.is_valid, self.flags, strict=True)]
        who = self.database.identity
        tail = [self.created, self.object_ids, may, self.privileges, repeat(who.project_id), repeat(who.user_id),
                repeat(0), self.own, self.values]
        spans = {pair: span_of(*pair) for pair in set(zip(self.starts, self.ends, strict=True))}
        binned = [spans[pair] for pair in zip(self.starts, self.ends, strict=True)]
        intervals, points = self._sels()
        rows: list[Row] = []
        for sels in intervals:
            rows += zip(sels, binned, self.starts, self.oids, self.ends, *tail, strict=False)
        after = [at + 1 for at in self.anchor]
        for sels in points:
            rows += zip(sels, repeat(0), self.anchor, self.oids, after, *tail, strict=False)
        found = {sel for sels in (*intervals, *points) for sel in sels if sel is not None}
        if 0 in spans.values() or any(None in sels for sels in (*intervals, *points)):
            rows = [row for row in set(rows) if row[0] is not None]
        rows.sort(key=itemgetter(0))
        stream_rows(self.connection, tables.candidate, rows)
        note_spans(self.database, self.connection, set(spans.values()))
        touch(self.connection, found)

    def _sels(self) -> tuple[list[Sequence[bytes | None]], list[Sequence[bytes | None]]]:
        """The digests of intervals, the natural key first, and of points in time; each key set once."""
        intervals: dict[Any, Sequence[bytes | None]] = {(class_name(self.cls), frozenset(natural_key(self.cls))): self.own}
        points: dict[Any, Sequence[bytes | None]] = {}
        for asked in self.database.key_sets.of(self.cls):
            found, key = points if asked.is_group else intervals, (asked.identity, frozenset(asked.names))
            if key not in found:
                found[key] = selectors(key[0], {name: self.columns.key_texts(name) for name in asked.names}, self.n)
        return list(intervals.values()), list(points.values())

    def _check_sharing(self) -> None:
        who, inputs = self.database.identity, self.columns.inputs
        who.check_level(max(map(level_of, set(self.privileges))))
        readers = {level: sharing.Reader(level, who.project_id, who.user_id) for level in set(self.privileges)}
        for column in self.columns.links.values():
            used = set(zip(self.privileges, column, strict=True))
            sharing.check(readers, [(level, 0, 0, oid) for level, oid in used if oid is not None], inputs)
