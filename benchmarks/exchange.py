"""Export and import of 1,000 objects with a file of 1 MiB each, beside putting the same files into a store.

Every object has three links, its statistics and its history; export writes rows and files into one directory, import verifies
them and brings them into an empty instance, each as the command does it.  The peer is `Store.put_many`, durable and verified,
of the same files.  Runs are in turns; the figure is the median of the ratios of pairs.  The bar: at least half its rate.
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

from insert import prepare, records
from observatory import Reduced

from awe.config import Config
from awe.dataflow.instance import Instance, open_instance
from awe.exchange import export_project, import_directory
from awe.fileserver import Store
from awe.persist import session
from awe.persist.bulk import bulk_insert
from awe.persist.record import FileRow

BAR = 0.5
MIB = 1 << 20


def make_instance(home: Path) -> Instance:
    """An empty instance."""
    home.mkdir()
    config = Config(home=home, user="ann", project="survey")
    session.connect(config.url, user="ann", project="survey", create=True).close()
    Store.create(config.store_path)
    return open_instance(config)


def fill(instance: Instance, sources: list[Path]) -> None:
    """An object for each file."""
    shas = instance.store.put_many(sources)
    files = [[FileRow("image", ".fits", sha, MIB, f"{sha}.fits")] for sha in shas]
    bulk_insert(Reduced, records(len(sources), prepare(instance.database)["flat"]), files=files)
    instance.store.unpin(shas)


def measure(folder: Path, count: int, runs: int) -> dict[str, list[float]]:
    """The seconds of each run of each way."""
    (folder / "sources").mkdir()
    sources = [folder / "sources" / f"{number}.fits" for number in range(count)]
    for path in sources:
        path.write_bytes(os.urandom(MIB))
    full = make_instance(folder / "full")
    fill(full, sources)
    seconds: dict[str, list[float]] = {"put": [], "export": [], "import": []}
    for run in range(runs):
        store, out = Store.create(folder / f"store-{run}"), folder / f"out-{run}"
        seconds["put"].append(timed(lambda store=store: store.put_many(sources)))
        seconds["export"].append(timed(lambda out=out: export_project(full, "survey", out)))
        empty = make_instance(folder / f"empty-{run}")
        seconds["import"].append(timed(lambda out=out, empty=empty: import_directory(empty, out, commit=True)))
        empty.close()
    full.close()
    return seconds


def timed(work: Any) -> float:
    os.sync()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row_of(way: str, seconds: dict[str, list[float]], count: int) -> dict[str, object]:
    ratio = statistics.median(theirs / ours for ours, theirs in zip(seconds[way], seconds["put"], strict=True))
    return {"name": f"{way} {count:,} objects with 1 MiB each", "peer": "put of the files alone", "unit": "s",
            "ours": statistics.median(seconds[way]), "theirs": statistics.median(seconds["put"]), "ratio": ratio, "bar": BAR,
            "at_least": True, "passed": ratio >= BAR}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="3 runs instead of 7, of 200 objects")
    parser.add_argument("--folder", type=Path, help="where to write (needs 25 GB on a disk that is no tmpfs)")
    options = parser.parse_args(arguments)
    size = (200, 3) if options.quick else (1000, 7)
    folder = Path(tempfile.mkdtemp(prefix="awe-exchange-", dir=options.folder))
    try:
        seconds = measure(folder, *size)
    finally:
        shutil.rmtree(folder)
    rows = [row_of(way, seconds, size[0]) for way in ("export", "import")]
    if options.json:
        print(json.dumps(rows))
    for row in () if options.json else rows:
        print(f"{row['name']}  {row['ours']:.2f} s  {row['peer']} {row['theirs']:.2f} s  {row['ratio']:.2f}  at least {BAR}")
    return 0 if all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
