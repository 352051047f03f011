"""Bulk ingest of 100,000 records through the public call: `bulk_insert` beside the driver writing the very rows.

A record is a frame with three links, its statistics and its natural key: a row of `object`, of its class and of its part,
an edge for each link, two rows of `candidate` and one of `touched`.  The peer gets these rows as tuples that are ready and in
the order of the tables' keys, and writes them with `executemany` of sqlite3, or COPY of psycopg, into tables with the same
columns and indexes, with the same settings, in one transaction.  The bar: at most 1.5 times.
"""
from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Any

from databases import Make, paired, row_of, run, seconds
from observatory import Chip, Filter, Flat, Imstat, Instrument, Reduced

from awe.persist import tables
from awe.persist.bulk import bulk_insert
from awe.persist.rows import insert_text
from awe.persist.session import Database

BAR = 1.5


def prepare(database: Database) -> dict[str, list[Any]]:
    """What the records are linked to."""
    camera = Instrument(name="WFI")
    chips, filters = [Chip(name=f"ccd{50 + n}", instrument=camera) for n in range(8)], [Filter(name=f"#{840 + n}") for n in range(5)]
    flats = [Flat(chip=chip, filter=each, imstat=Imstat(stdev=1.0)) for chip in chips for each in filters]
    for flat in flats:
        flat.commit()
    return {"flat": flats}


def records(count: int, flats: list[Any]) -> dict[str, Any]:
    """The columns of `count` records."""
    chance = random.Random(1)
    chosen = [flats[n % len(flats)] for n in range(count)]
    return {"chip": [flat.chip for flat in chosen], "filter": [flat.filter for flat in chosen], "flat": chosen,
            "exposure": list(range(count)), "filename": [f"WFI.2003-02-14T{n:06d}.fits" for n in range(count)], "exptime": 300.0,
            "object": [f"field{n % 1000}" for n in range(count)], "imstat.mean": [chance.gauss(500, 9) for _ in range(count)],
            "imstat.median": [chance.gauss(500, 9) for _ in range(count)], "imstat.stdev": [chance.gauss(9, 1) for _ in range(count)]}


def rows_of(database: Database, above: int, seen: int) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """All rows that came after object `above` and line `seen` of `touched`, table by table, in the order of their keys."""
    written = [(tables.object_, "oid"), (Reduced.__mapping__.table, "oid"), (Imstat.__mapping__.table, "owner_oid"),
               (tables.edge, "target"), (tables.candidate, "oid"), (tables.touched, "seq")]
    found = []
    with database.reading() as connection:
        for table, column in written:
            names = tuple(table.columns.keys())
            keys = ", ".join(f'"{each.name}"' for each in table.primary_key)
            limit = seen if column == "seq" else above
            text = f'SELECT * FROM "{table.name}" WHERE {column} > {limit} ORDER BY {keys}'
            found.append((table.name, names, [tuple(row) for row in connection.exec_driver_sql(text)]))
    return found


def write(database: Database, rows: list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]) -> None:
    """The peer: the driver alone, in one transaction."""
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        cursor.execute("BEGIN IMMEDIATE" if database.dialect == "sqlite" else "BEGIN")
        for table, names, each in rows:
            if database.dialect == "sqlite":
                cursor.executemany(insert_text(table, names, "sqlite"), each)
            else:
                columns = ", ".join(f'"{name}"' for name in names)
                with cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
                    for row in each:
                        copy.write_row(row)
        cursor.execute("COMMIT")


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One figure."""
    count = 10_000 if options.quick else 100_000
    model = make()
    flats = prepare(model)["flat"]
    last = max(flat.oid for flat in flats)
    with model.reading() as connection:
        seen = connection.exec_driver_sql("SELECT max(seq) FROM touched").scalar()
    bulk_insert(Reduced, records(count, flats))
    rows = rows_of(model, last, seen)
    assert len(rows[0][2]) == count and len(rows[3][2]) == 3 * count
    model.close()

    def ours() -> float:
        database = make()
        columns = records(count, prepare(database)["flat"])
        spent = seconds(lambda: bulk_insert(Reduced, columns))
        database.close()
        return spent

    def peer() -> float:
        database = make()
        prepare(database)
        spent = seconds(lambda: write(database, rows))
        database.close()
        return spent
    best = "sqlite3 executemany" if kind == "sqlite" else "psycopg copy"
    total = sum(len(each) for _, _, each in rows)
    yield row_of(f"insert {count:,} records ({total:,} rows), {kind}", best, *paired(ours, peer, options.runs), BAR)


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
