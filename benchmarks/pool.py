"""A pool of two workers beside one, on the simulated run: everything beneath one source list, from raw frames.

Both are asked for in a copy of one instance that the run was ingested into, in turns; workers start anew each time, as they do
for somebody who types `awe get --workers 2`.  The bar: at least 1.7 times as fast where each worker computes in one thread.  SQLite
and a local store.

One worker alone computes in as many threads as there are processors, and two share them, so that beside such a worker a pool gains
only what kernels leave idle.  That is told too, and has no bar.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from awe.config import Config
from awe.dataflow.instance import Instance, open_instance
from awe.fileserver import Store
from awe.ingest import add_instrument, ingest, ingest_catalogue
from awe.persist import session
from awe.simulate import simulate_run
from awe.simulate.config import RunConfig
from awe.targets import SourceList
from awe.targets.instrument import sites

BAR = 1.7


def opened(home: Path) -> Instance:
    """Open an instance, with the habits of its cameras."""
    instance = open_instance(Config(home=home, user="ann"))
    instance.site = sites()
    return instance


def prepare(folder: Path, config: RunConfig) -> Path:
    """An instance that a simulated run was ingested into."""
    home = folder / "home"
    home.mkdir()
    settings = Config(home=home, user="ann")
    session.connect(settings.url, user="ann", create=True).close()
    Store.create(settings.store_path)
    instance = opened(home)
    run = simulate_run(folder / "run", seed=20240311, config=config)
    add_instrument(run.instrument)
    ingest(list(run.raw_files), commit=True)
    ingest_catalogue(run.reference, "simref", run.reference_mapping, use_for="simcam")
    instance.close()
    return home


def making(home: Path, workers: int, threads: int) -> float:
    """Seconds until a source list is there, in a copy of an instance, by workers with so many threads each."""
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    copy = home.with_name(f"copy{workers}")
    shutil.copytree(home, copy)
    instance = opened(copy)
    start = time.perf_counter()
    SourceList.get(object="FIELD1", workers=workers)
    seconds = time.perf_counter() - start
    instance.close()
    shutil.rmtree(copy)
    return seconds


def row(peer: str, two: list[float], one: list[float], bar: float | None) -> dict[str, Any]:
    """How many times as fast two workers are."""
    speed = statistics.median(single / double for double, single in zip(two, one, strict=True))
    return {"name": "a source list by two workers of one thread", "peer": peer, "unit": "s", "ours": statistics.median(two),
            "theirs": statistics.median(one), "ratio": speed, "bar": bar, "at_least": True, "passed": bar is None or speed >= bar}


def main() -> int:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="one run of each on small chips, instead of seven on large ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="awe-bench-") as folder:
        home = prepare(Path(folder), RunConfig.small() if options.quick else RunConfig())
        times = [(making(home, 2, 1), making(home, 1, 1), making(home, 1, 2)) for _ in range(1 if options.quick else 7)]
    two, one, whole = (list(column) for column in zip(*times, strict=True))
    rows = [row("one worker of one thread", two, one, BAR), row("one worker of two threads", two, whole, None)]
    shown = ("name", "ours", "unit", "peer", "theirs", "ratio", "bar")
    print(json.dumps(rows) if options.json else "\n".join("  ".join(str(row[name]) for name in shown) for row in rows))
    return 0 if all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
