"""Two linked attributes of 1,000 of 100,000 frames: `q.values` and list comprehensions beside SQL written by hand.

    q = (Reduced.chip.name == 'ccd53') & (Reduced.filter.name == '#841')
    q.values('imstat.stdev', 'flat.imstat.stdev')                          # at most 2 times the SQL, one statement
    [k.imstat.stdev for k in q], [k.flat.imstat.stdev for k in q]          # at most 15 times, at most 10 statements

The peer is one SELECT with five joins on plain tables with integer keys and their indexes, filled with the same values and
without owners, privileges or validity, through the bare driver.  Caches are warm.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from databases import Make, paired, row_of, run, seconds
from insert import prepare
from observatory import Reduced

from awe.persist.bulk import bulk_insert
from awe.persist.session import Database

PLAIN = """CREATE TABLE p_chip (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE p_filter (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE p_imstat (id INTEGER PRIMARY KEY, mean FLOAT8, median FLOAT8, stdev FLOAT8);
CREATE TABLE p_flat (id INTEGER PRIMARY KEY, chip INTEGER, filter INTEGER, imstat INTEGER);
CREATE TABLE p_frame (id INTEGER PRIMARY KEY, chip INTEGER, filter INTEGER, flat INTEGER, imstat INTEGER, filename TEXT);
CREATE INDEX p_frame_chip ON p_frame (chip);
CREATE INDEX p_frame_filter ON p_frame (filter);
CREATE INDEX p_frame_flat ON p_frame (flat)"""
FIVE_JOINS = """SELECT i.stdev, j.stdev FROM p_frame f JOIN p_chip c ON c.id = f.chip JOIN p_filter b ON b.id = f.filter
JOIN p_imstat i ON i.id = f.imstat JOIN p_flat g ON g.id = f.flat JOIN p_imstat j ON j.id = g.imstat
WHERE c.name = 'ccd53' AND b.name = '#841' ORDER BY f.id"""


def fill(database: Database, count: int) -> None:
    """`count` frames, a hundredth of which are of chip ccd53 and filter #841, and the plain tables of the peer."""
    flats = prepare(database)["flat"]
    ours = next(flat for flat in flats if (flat.chip.name, flat.filter.name) == ("ccd53", "#841"))
    others = [flat for flat in flats if flat is not ours]
    chosen = [others[n // 100 % len(others)] if n % 100 else ours for n in range(count)]
    bulk_insert(Reduced, {"chip": [flat.chip for flat in chosen], "filter": [flat.filter for flat in chosen], "flat": chosen,
                          "exposure": list(range(count)), "filename": [f"f{n}" for n in range(count)],
                          "imstat.mean": 1.0, "imstat.median": 1.0, "imstat.stdev": [n / 7 for n in range(count)]})
    frames = [(n + 1, flat.chip.oid, flat.filter.oid, flat.oid, n + 1, f"f{n}") for n, flat in enumerate(chosen)]
    plain = {"p_chip": [(chip.oid, chip.name) for chip in {flat.chip for flat in flats}],
             "p_filter": [(each.oid, each.name) for each in {flat.filter for flat in flats}],
             "p_imstat": [*((n + 1, 1.0, 1.0, n / 7) for n in range(count)),
                          *((count + flat.oid, 1.0, 1.0, flat.imstat.stdev) for flat in flats)],
             "p_flat": [(flat.oid, flat.chip.oid, flat.filter.oid, count + flat.oid) for flat in flats], "p_frame": frames}
    mark = "?" if database.dialect == "sqlite" else "%s"
    with database.transaction() as connection:
        for statement in PLAIN.split(";"):
            connection.exec_driver_sql(statement)
        for table, rows in plain.items():
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({', '.join([mark] * len(rows[0]))})", rows)
    with database.reading() as connection:
        connection.exec_driver_sql("ANALYZE")


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Two figures."""
    count = 10_000 if options.quick else 100_000
    database = make()
    fill(database, count)
    found: dict[str, Any] = {}
    with database.engine.connect() as connection:
        cursor: Any = connection.connection.cursor()

        def peer() -> None:
            cursor.execute(FIVE_JOINS)
            found["peer"] = cursor.fetchall()

        def values() -> None:
            q = (Reduced.chip.name == "ccd53") & (Reduced.filter.name == "#841")
            found["values"] = q.values("imstat.stdev", "flat.imstat.stdev")

        def comprehensions() -> None:
            database.objects.clear()
            q = (Reduced.chip.name == "ccd53") & (Reduced.filter.name == "#841")
            x = [k.imstat.stdev for k in q]
            y = [k.flat.imstat.stdev for k in q]
            found["walk"] = list(zip(x, y, strict=True))
        statements = count_statements(database, comprehensions)
        for work in (peer, values):
            work()
        assert found["peer"] == found["values"] == found["walk"] and len(found["peer"]) == count // 100
        assert count_statements(database, values) == 1 and statements <= 10
        runs = 5 * options.runs
        yield row_of(f"q.values, {count // 100:,} of {count:,}, {kind}", "five joins",
                     *paired(lambda: seconds(values), lambda: seconds(peer), runs), 2.0)
        yield row_of(f"list comprehensions in {statements} statements, {count // 100:,} of {count:,}, {kind}", "five joins",
                     *paired(lambda: seconds(comprehensions), lambda: seconds(peer), runs), 15.0)
    database.close()


def count_statements(database: Database, work: Any) -> int:
    """How many statements `work` sends."""
    log: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        log.append(statement)
    sa.event.listen(database.engine, "before_cursor_execute", note)
    work()
    sa.event.remove(database.engine, "before_cursor_execute", note)
    return len(log)


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
