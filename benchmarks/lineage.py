"""All 1,110 ancestors of one object, among 111,110: `ancestors(obj)` beside a recursive CTE written by hand.

Everything is made of ten others, down five levels; the object asked for has three levels below it.  The peer walks a plain
table of two integers and returns the row numbers of the ancestors, through the bare driver.  `ancestors` tells besides
in which slot and place each one was used, and at which depth.
The bar: at most 3 times.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from databases import Make, paired, row_of, run, seconds
from observatory import Filter

from awe.persist import tables
from awe.persist.bulk import bulk_insert
from awe.persist.declare import number_of
from awe.persist.lineage import ancestors
from awe.persist.rows import write_rows

BAR = 3.0
FAN_IN = 10
PEER = """WITH RECURSIVE up(id) AS (SELECT input FROM p_edge WHERE target = {mark}
UNION SELECT e.input FROM up JOIN p_edge e ON e.target = up.id) SELECT id FROM up"""


def fill(make: Make, depth: int) -> tuple[Any, list[Any]]:
    """The database, and an object of each level but the last."""
    database = make()
    count = sum(FAN_IN ** level for level in range(depth + 1))
    oids = bulk_insert(Filter, {"name": [f"n{n}" for n in range(count)]})
    slot, at, digest = number_of("members"), 0, b"0" * 16
    pairs = [(oids[n], oids[FAN_IN * n + 1 + k]) for n in range((count - 1) // FAN_IN) for k in range(FAN_IN)]
    rows = [(target, slot, n % FAN_IN, made_of, digest, at, digest, None) for n, (target, made_of) in enumerate(pairs)]
    with database.transaction() as connection:
        write_rows(connection, tables.edge, rows)
        connection.exec_driver_sql("CREATE TABLE p_edge (target INTEGER, input INTEGER, PRIMARY KEY (target, input))")
        mark = "?, ?" if database.dialect == "sqlite" else "%s, %s"
        connection.exec_driver_sql(f"INSERT INTO p_edge VALUES ({mark})", pairs)
    with database.reading() as connection:
        connection.exec_driver_sql("ANALYZE")
    first = [sum(FAN_IN ** level for level in range(each)) for each in range(depth)]
    return database, [(Filter.oid == oids[n])[0] for n in first]


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One figure."""
    depth = 4 if options.quick else 5
    database, levels = fill(make, depth)
    asked = levels[depth - 3]
    found: dict[str, Any] = {}
    with database.engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        statement = PEER.format(mark="?" if kind == "sqlite" else "%s")

        def peer() -> None:
            cursor.execute(statement, (asked.oid,))
            found["peer"] = cursor.fetchall()

        def ours() -> None:
            found["ours"] = ancestors(asked).depths
        peer()
        ours()
        assert {row[0] for row in found["peer"]} == set(found["ours"]) and len(found["ours"]) == 1110
        mine, theirs = paired(lambda: seconds(ours), lambda: seconds(peer), 5 * options.runs)
        yield row_of(f"ancestors, 1,110 of {FAN_IN ** depth * 10 // 9 - 1:,}, {kind}", "recursive CTE", mine, theirs, BAR)
    database.close()


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
