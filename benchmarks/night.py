"""Where the time of a whole night goes: `CoaddFrame.get` on a simulated run, from raw frames to the coadd, one process.

A thread looks at the stack of the main thread every few milliseconds, from the start of the process to its end, and each look counts for
what is going on: computing on pixels (`awe.science` and the arithmetic of `awe.targets`), reading and writing files, or what the system
itself takes: imports and compiling, the database, planning and book-keeping.  The bar: computing and files are at least 85 %.  The run
is simulated and ingested before; two chips of 2048x2048 pixels with ten exposures, their biases, darks, dome and twilight flats.
"""
from __future__ import annotations

import argparse
import collections
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

BAR = 0.85
EVERY = 0.004
#: In this order: what a stack is counted for is the first of which a part occurs in the name of a file or of a function on it.
KINDS = {"imports and compiling": ("importlib._bootstrap", "/numba/core/", "/numba/np/"),
         "files": ("/awe/fileserver/", "/awe/targets/image.py", "/awe/targets/sections.py", "/awe/science/fitsform.py", "/astropy/io/fits/",
                   "/awe/instruments/fitsfile", "/awe/instruments/rawbytes", "/awe/catalogues/parquet", "/pyarrow/", "make:contents"),
         "computing": ("/awe/science/", "/awe/targets/"),
         "database": ("/sqlalchemy/", "/awe/persist/"), "planning": ("/awe/dataflow/",)}
OWN = ("imports and compiling", "database", "planning", "other")


class Sampler:
    """Looks at the stack of one thread, from its own, and counts."""

    def __init__(self, thread: int) -> None:
        self.thread, self.counts, self.leaves = thread, collections.Counter[str](), collections.Counter[str]()
        self.stop = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self) -> None:
        """Count until told to stop; a look that came late counts for the time since the last."""
        last = time.perf_counter()
        while not self.stop.wait(EVERY):
            frame = sys._current_frames().get(self.thread)
            now = time.perf_counter()
            kind, leaf = kind_of(frame)
            self.counts[kind] += round((now - last) * 1e6)
            self.leaves[f"{kind}: {leaf}"] += round((now - last) * 1e6)
            last = now


def kind_of(frame: FrameType | None) -> tuple[str, str]:
    """What a stack is counted for, and the innermost of our functions on it."""
    names, ours = [], ""
    while frame is not None:
        code = frame.f_code
        names.append(f"{code.co_filename}:{code.co_name}")
        if not ours and "/awe/" in code.co_filename:
            ours = f"{code.co_filename.partition('/awe/')[2]}:{code.co_name}"
        frame = frame.f_back
    for kind, parts in KINDS.items():
        if any(part in name for name in names for part in parts):
            # what targets ask of the database is not arithmetic
            if kind == "computing" and not any("/awe/science/" in name for name in names) and any("/sqlalchemy/" in n for n in names):
                continue
            return kind, ours
    return "other", ours


def night(home: Path, sampler: Sampler) -> dict[str, Any]:
    """Make the coadd in this process; what was counted."""
    start = time.perf_counter()
    from awe.targets import CoaddFrame  # imports count
    from benchmarks.pool import opened
    instance = opened(home)
    coadd = CoaddFrame.get(object="FIELD1", workers=0)
    assert coadd.depth
    instance.close()
    seconds = time.perf_counter() - start
    sampler.stop.set()
    return {"seconds": seconds, "counts": sampler.counts, "leaves": sampler.leaves.most_common(40)}


def shares(counts: dict[str, int]) -> dict[str, float]:
    """Parts of the whole."""
    total = sum(counts.values())
    return {kind: counts.get(kind, 0) / total for kind in (*KINDS, "other")}


def main() -> int:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="one run on chips of 512 pixels")
    parser.add_argument("--runs", type=int, default=3, help="how many runs")
    parser.add_argument("--folder", type=Path, help="where the ingested run is kept for the next time")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.home:
        print(json.dumps(night(options.home, Sampler(threading.get_ident()))))
        return 0
    with tempfile.TemporaryDirectory(prefix="awe-night-") as temporary:
        folder = options.folder or Path(temporary)
        found = [measured(folder, Path(temporary), options.quick) for _ in range(1 if options.quick else options.runs)]
    parts = {kind: statistics.median(shares(one["counts"])[kind] for one in found) for kind in (*KINDS, "other")}
    own = statistics.median(sum(shares(one["counts"])[kind] for kind in OWN) for one in found)
    seconds = statistics.median(one["seconds"] for one in found)
    row = {"name": "a night through CoaddFrame.get: computing and files", "peer": "the system's own", "unit": "s",
           "ours": seconds * (1 - own), "theirs": seconds * own, "ratio": 1 - own, "bar": BAR, "at_least": True,
           "passed": 1 - own >= BAR, "parts": parts}
    print(json.dumps([row]) if options.json else "\n".join(
        [f"{kind:24s} {100 * part:5.1f} %" for kind, part in parts.items()] + [f"{seconds:.1f} s in all"]
        + [f"{taken / 1e6:7.2f} s  {leaf}" for leaf, taken in found[-1]["leaves"]]))
    return 0 if row["passed"] else 1


def measured(folder: Path, temporary: Path, quick: bool) -> dict[str, Any]:
    """One run in a process of its own, in a copy of the instance."""
    import shutil

    from awe.simulate.config import RunConfig
    from benchmarks.pool import prepare
    home = folder / "home"
    if not home.exists():
        folder.mkdir(exist_ok=True)
        size = 512 if quick else 2048
        prepare(folder, RunConfig(width=size, height=size, exposures=4 if quick else 10))
    copy = temporary / "copy"
    shutil.copytree(home, copy)
    root = str(Path(__file__).parent.parent)
    words = [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); from benchmarks.night import main; sys.exit(main())",
             root, "--home", str(copy)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    shutil.rmtree(copy)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main())
