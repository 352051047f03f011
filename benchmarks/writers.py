"""Commits a second of eight processes at once beside those of one, of objects made of others, each in a transaction of its own.

The peer is the same program alone.  On PostgreSQL eight reach at least three times the commits of one; SQLite has one writer at
a time, so there the figure is told and has no bar: eight must all end well.

Commits are durable (fsync and synchronous_commit are on), so that what one writer does depends on how long the disk takes to be
sure: that is measured and told.  Where it takes next to nothing, one writer keeps a processor and a half busy, and eight can do
no more than the processors that there are.  So eight are also measured on a disk that takes 2 ms, as those of archives do: the
call that waits for the disk is made to wait so much longer, by a library put before that of the system.
"""
from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from databases import KINDS, Make, postgresql, run
from observatory import Filter

from awe.persist.session import connect

BAR = 3.0
WRITERS = 8


SLOW = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    usleep(2000);
    return real(file);
}
"""


@contextlib.contextmanager
def slow_disk() -> Iterator[Make]:
    """A maker of empty databases on a server of PostgreSQL whose disk takes 2 ms longer to be sure of what it wrote."""
    with tempfile.TemporaryDirectory(prefix="awe-bench-") as folder:
        source, library = Path(folder) / "slow.c", Path(folder) / "slow.so"
        source.write_text(SLOW)
        Path(folder).chmod(0o755)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        os.environ["LD_PRELOAD"] = str(library)
        try:
            server = postgresql()
            make = server.__enter__()
        finally:
            del os.environ["LD_PRELOAD"]
        try:
            yield make
        finally:
            server.__exit__(None, None, None)


def seconds_of_disk() -> float:
    """How long the disk takes to be sure of a page, in seconds; the median of a hundred."""
    with tempfile.TemporaryFile(prefix="awe-bench-") as file:
        found = []
        for _ in range(100):
            file.write(os.urandom(8192))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            found.append(time.perf_counter() - began)
    return statistics.median(found)


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
    bar = None if kind == "sqlite" else BAR
    disk = f", a disk of {1e3 * seconds_of_disk() + (2.0 if kind == 'slow' else 0.0):.1f} ms" if kind != "sqlite" else ""
    name = f"commits of {WRITERS} writers, {'postgresql' if kind == 'slow' else kind}{disk}"
    yield {"name": name, "peer": "one writer", "unit": "1/s", "ours": statistics.median(eight),
           "theirs": statistics.median(one), "ratio": ratio, "bar": bar, "at_least": True, "passed": None if bar is None else ratio >= bar}


if __name__ == "__main__":
    kinds = {**KINDS, **({"slow": slow_disk} if shutil.which("cc") else {})}
    sys.exit(run(__doc__ or "", measure, kinds))
