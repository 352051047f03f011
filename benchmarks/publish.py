"""Publishing one object with a closure of 11,111: found, checked, raised, logged, in one transaction.

Everything is made of ten others, down four levels, and private; `publish` raises all of it to what every user sees.  There is
no peer that does the same; the bar is five seconds.
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
from awe.persist.publish import publish
from awe.persist.rows import write_rows

SECONDS = 5.0
FAN_IN = 10
COUNT = sum(FAN_IN ** level for level in range(5))


def fill(make: Make) -> tuple[Any, Any]:
    """The database, and the object on top."""
    database = make()
    database.act_as(database.identity.with_privileges(1))
    oids = bulk_insert(Filter, {"name": [f"n{n}" for n in range(COUNT)]})
    slot, digest = number_of("members"), b"0" * 16
    pairs = [(oids[n], k, oids[FAN_IN * n + 1 + k]) for n in range((COUNT - 1) // FAN_IN) for k in range(FAN_IN)]
    with database.transaction() as connection:
        write_rows(connection, tables.edge, [(target, slot, pos, made_of, digest, 0, digest, None) for target, pos, made_of in pairs])
    return database, (Filter.oid == oids[0])[0]


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One figure."""
    def ours() -> float:
        database, top = fill(make)
        spent = seconds(lambda: publish([top], 3, "out", closure=True))
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM object WHERE privileges = 3").scalar() == COUNT
            assert connection.exec_driver_sql("SELECT count(*) FROM candidate WHERE privileges = 3").scalar() == COUNT
        database.close()
        return spent
    yield row_of(f"publish a closure of {COUNT:,} objects, {kind}", "the bar of 5 s", *paired(ours, lambda: SECONDS, options.runs), 1.0)


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
