"""Brings `candidate` in line with the objects it is derived from: after a damage, or when a new class asks by new keys."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sqlalchemy as sa

from awe.persist import batch, tables
from awe.persist.among import among, numbers
from awe.persist.candidates import candidate_rows, found_by, is_eligible, spans_of
from awe.persist.identity import EVERYBODY
from awe.persist.insert import Root, note_spans
from awe.persist.load import by_class, read_class
from awe.persist.mapping import OBJECTS, UNKNOWN, Mapped, class_of
from awe.persist.rows import Row, write_rows
from awe.persist.session import Database
from awe.persist.touched import touch

BLOCK = 2000


class Rebuilt(NamedTuple):
    """How many rows were missing, and how many should not have been there."""

    missing: int
    wrong: int


def rebuild_candidates(database: Database, *, dry: bool = False) -> Rebuilt:
    """Compare the rows of `candidate` with the objects of all installed classes, and mend what differs unless `dry`.

    Rows of classes that are not installed stay as they are; those of objects that are gone go.
    """
    database.need_owner("comparing candidates with objects")

    def work(connection: sa.Connection) -> Rebuilt:
        total = _orphans(connection, dry)
        with database.seen_by(EVERYBODY) as everything:
            for cls in [each for number, each in OBJECTS.items() if number != UNKNOWN]:
                for oids in _blocks(connection, cls):
                    missing, wrong = _compare(everything, connection, cls, oids)
                    total = Rebuilt(total.missing + len(missing), total.wrong + len(wrong))
                    if not dry:
                        _mend(database, connection, missing, wrong)
        return total
    return database.write(work)


def fill_candidates(database: Database, connection: sa.Connection, oids: list[int]) -> None:
    """Write the rows of `candidate` of objects that were written without, in a transaction."""
    with database.seen_by(EVERYBODY) as everything:
        for start in range(0, len(oids), BLOCK):
            for class_id, group in by_class(everything, oids[start:start + BLOCK]).items():
                missing, wrong = _compare(everything, connection, class_of(class_id), group)
                _mend(database, connection, missing, wrong)


def _orphans(connection: sa.Connection, dry: bool) -> Rebuilt:
    orphaned = tables.candidate.c.oid.not_in(sa.select(tables.object_.c.oid))
    count = connection.scalar(sa.select(sa.func.count()).select_from(tables.candidate).where(orphaned)) or 0
    if count and not dry:
        connection.execute(sa.delete(tables.candidate).where(orphaned))
    return Rebuilt(0, count)


def _blocks(connection: sa.Connection, cls: type[Mapped]) -> Iterator[list[int]]:
    root = tables.object_.c
    oids = list(connection.scalars(sa.select(root.oid).where(root.class_id == cls.__mapping__.class_id).order_by(root.oid)))
    for start in range(0, len(oids), BLOCK):
        yield oids[start:start + BLOCK]


def _compare(everything: Database, connection: sa.Connection, cls: type[Mapped], oids: list[int]) -> tuple[set[Row], set[Row]]:
    """The rows that are missing, and those that are wrong, of some objects of one class."""
    objects = read_class(everything, cls, oids)
    batch.remember(objects.values())
    wanted: set[Row] = set()
    for obj in objects.values():
        root = Root._make(obj.__dict__["_row"])
        found, eligible = found_by(obj, everything.key_sets), is_eligible(root.is_valid, root.quality_flags, cls.blocking_flags)
        wanted.update(candidate_rows(found, root, eligible))
    columns = [sa.type_coerce(column, sa.types.NullType()) for column in tables.candidate.c]
    statement = sa.select(*columns).where(among(tables.candidate.c.oid, everything.dialect))
    there = {tuple(row) for row in connection.execute(statement, numbers(oids, everything.dialect))}
    return wanted - there, there - wanted


def _mend(database: Database, connection: sa.Connection, missing: Iterable[Row], wrong: Iterable[Row]) -> None:
    key = tables.candidate.primary_key.columns
    for row in wrong:
        connection.execute(sa.delete(tables.candidate).where(*(column == row[n] for n, column in enumerate(key))))
    rows = sorted(missing)
    write_rows(connection, tables.candidate, rows)
    note_spans(database, connection, spans_of(rows))
    touch(connection, {row[0] for row in (*rows, *wrong)})
