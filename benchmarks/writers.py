"""Commits a second of eight processes at once beside those of one, of objects made of others, each in a transaction of its own.

The peer is the same program alone.  On PostgreSQL eight reach at least three times the commits of one; SQLite has one writer at
a time, so there the figure is told and has no bar: eight must all end well.
"""
from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from databases import Make, run
from observatory import Filter

from awe.persist.session import connect

BAR = 3.0
WRITERS = 8


def write(url: str, writer: int, commits: int, start: Any, took: Any) -> None:
    """Commit so many objects, one after the other, once everybody is ready."""
    database = connect(url, user="ann", project="sky")
    Filter(name=f"warm{writer}-{time.time_ns()}").commit()
    start.wait()
    began = time.perf_counter()
    for n in range(commits):
        Filter(name=f"w{writer}-{n}-{time.time_ns()}").commit()
    took.put(time.perf_counter() - began)
    database.close()


def rate(url: str, writers: int, commits: int) -> float:
    """Commits a second of so many processes at once."""
    spawned = multiprocessing.get_context("spawn")
    start, took = spawned.Barrier(writers), spawned.Queue()
    processes = [spawned.Process(target=write, args=(url, writer, commits, start, took)) for writer in range(writers)]
    for process in processes:
        process.start()
    slowest = max(took.get() for _ in processes)
    for process in processes:
        process.join()
        assert process.exitcode == 0, f"a writer ended with {process.exitcode}"
    return writers * commits / slowest


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One figure."""
    database = make()
    url, commits = database.engine.url.render_as_string(hide_password=False), 50 if options.quick else 200
    eight, one = [], []
    for _ in range(options.runs):
        one.append(rate(url, 1, commits))
        eight.append(rate(url, WRITERS, commits))
    database.close()
    ratio = statistics.median(a / b for a, b in zip(eight, one, strict=True))
    bar = BAR if kind == "postgresql" else None
    yield {"name": f"commits of {WRITERS} writers, {kind}", "peer": "one writer", "unit": "1/s", "ours": statistics.median(eight),
           "theirs": statistics.median(one), "ratio": ratio, "bar": bar, "at_least": True, "passed": None if bar is None else ratio >= bar}


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
