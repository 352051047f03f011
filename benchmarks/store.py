"""Durable, verified put of 1,000 x 1 MiB and 10 x 100 MiB: `awe.fileserver` beside disk-objectstore.

The peer runs in its best way with its own defaults for fsync: streamed straight into a pack; for the large files loose
objects are tried too, and the faster of the two counts. Sources are in the page cache. Runs are paired and taken in
turns, the order swapped each time; the figure is the median of the ratios of pairs. The bar: at most 1.2 times.

Two things of the machine are kept out of the figures, for both alike. Before each run memory is touched, because a
virtual machine may get it from its host only then. And the small files of earlier runs are not deleted until the end:
ext4 searches past inodes that were deleted in the last minute, which makes each new file thirty times dearer.
"""
from __future__ import annotations

import argparse
import json
import mmap
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from disk_objectstore import Container
from disk_objectstore.utils import LazyOpener

from awe.fileserver import Store

MIB = 1 << 20
BAR = 1.2
KINDS = {"put 1,000 x 1 MiB": (1000, 1), "put 10 x 100 MiB": (10, 100)}
Put = Callable[[Path, list[Path]], float]


def put_ours(root: Path, sources: list[Path]) -> float:
    store = Store.create(root)
    settle()
    start = time.perf_counter()
    hashes = store.put_many(sources)
    seconds = time.perf_counter() - start
    assert len(set(hashes)) == len(sources) and all(store.has(sha) for sha in hashes)
    return seconds


def put_packed(root: Path, sources: list[Path]) -> float:
    container = Container(root)
    container.init_container()
    settle()
    start = time.perf_counter()
    hashes = container.add_streamed_objects_to_pack([LazyOpener(path) for path in sources], open_streams=True)
    seconds = time.perf_counter() - start
    assert len(set(hashes)) == len(sources)
    container.close()
    return seconds


def put_loose(root: Path, sources: list[Path]) -> float:
    container = Container(root)
    container.init_container()
    settle()
    start = time.perf_counter()
    for path in sources:
        with path.open("rb") as stream:
            container.add_streamed_object(stream)
    seconds = time.perf_counter() - start
    container.close()
    return seconds


def settle() -> None:
    """Let nothing of an earlier run be written during the next, and touch as much memory as it will need."""
    os.sync()
    with mmap.mmap(-1, 1300 * MIB) as memory:
        zeros = bytes(MIB)
        for _ in range(1300):
            memory.write(zeros)


def make_sources(folder: Path, count: int, mebibytes: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.fits" for number in range(count)]
    for path in paths:
        with path.open("wb") as file:
            for _ in range(mebibytes):
                file.write(os.urandom(MIB))
    return paths


def measure(folder: Path, count: int, mebibytes: int, runs: int) -> dict[str, list[float]]:
    """Return the seconds of each run for ours and for each way of the peer."""
    sources = make_sources(folder / "sources", count, mebibytes)
    ways: dict[str, Put] = {"awe": put_ours, "disk-objectstore, packed": put_packed}
    if count < 100:
        ways["disk-objectstore, loose"] = put_loose
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for run in range(runs):
        for way in list(ways) if run % 2 else list(ways)[::-1]:
            root = folder / f"{way}-{run}"
            seconds[way].append(ways[way](root, sources))
            if count < 100:
                shutil.rmtree(root)
    return seconds


def row_of(name: str, seconds: dict[str, list[float]]) -> dict[str, object]:
    ours = seconds.pop("awe")
    peer = min(seconds, key=lambda way: statistics.median(seconds[way]))
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, seconds[peer], strict=True))
    return {"name": name, "peer": peer, "unit": "s", "ours": statistics.median(ours),
            "theirs": statistics.median(seconds[peer]), "ratio": ratio, "bar": BAR, "at_least": False,
            "passed": ratio <= BAR}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="3 runs instead of 7")
    parser.add_argument("--folder", type=Path, help="where to write (needs 16 GB on a disk that is no tmpfs)")
    options = parser.parse_args(arguments)
    rows = []
    for name, (count, mebibytes) in sorted(KINDS.items()):
        with tempfile.TemporaryDirectory(prefix="awe-store-", dir=options.folder) as folder:
            row = row_of(name, measure(Path(folder), count, mebibytes, 3 if options.quick else 7))
        rows.append(row)
        if not options.json:
            print(f"{name}  {row['ours']:.2f} s  {row['peer']} {row['theirs']:.2f} s  {row['ratio']:.2f}  "
                  f"at most {BAR}", flush=True)
    if options.json:
        print(json.dumps(rows))
    return 0 if all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
