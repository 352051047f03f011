"""How long one waits: `import awe`, `awe --help`, and until the prompt can be typed at, beside plain Python and plain IPython.

Each figure is the median of fresh processes, files in the page cache, taken in turns with the peer.  The prompt is started on
a pseudo-terminal on an instance that is there; the clock stops when ``Awe>`` has been drawn.  The bars are in seconds.
"""
from __future__ import annotations

import argparse
import json
import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from awe.cli.instance import make_instance
from awe.config import Config

AWE = "import sys; from awe.cli import main; sys.exit(main({words!r}))"
PLAIN = [sys.executable, "-c", "pass"]


def process(words: list[str]) -> float:
    """Seconds until a process has ended."""
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def until(words: list[str], prompt: bytes, environment: dict[str, str]) -> float:
    """Seconds until a process has drawn `prompt` on its terminal."""
    start = time.perf_counter()
    child, screen = pty.fork()
    if child == 0:
        os.execve(words[0], words, environment)
    seen = b""
    while prompt not in seen:
        if not select.select([screen], [], [], 60)[0]:
            raise SystemExit(f"{words} did not show {prompt!r} within a minute, but {seen[-200:]!r}")
        seen += os.read(screen, 65536)
    seconds = time.perf_counter() - start
    os.write(screen, b"\x04\x04")
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(screen)
    return seconds


def paired(name: str, peer: str, bar: float, runs: int, ours: Callable[[], float], theirs: Callable[[], float]) -> dict[str, Any]:
    """Measure in turns, after one run of each that does not count."""
    ours(), theirs()
    seconds = [(ours(), theirs()) for _ in range(runs)]
    mine, other = (statistics.median(column) for column in zip(*seconds, strict=True))
    return {"name": name, "peer": peer, "unit": "s", "ours": mine, "theirs": other, "ratio": statistics.median(a / b for a, b in seconds),
            "bar": bar, "at_least": False, "passed": mine <= bar}


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    make_instance(Config(home=folder / "instance"))
    environment = {**os.environ, "AWE_HOME": str(folder / "instance"), "TERM": "xterm", "IPYTHONDIR": str(folder / "ipython")}
    prompt = [sys.executable, "-c", AWE.format(words=[])]
    ipython = [sys.executable, "-m", "IPython", "--no-banner"]
    return [
        paired("import awe", "python -c pass", 0.3, runs, lambda: process([sys.executable, "-c", "import awe"]), lambda: process(PLAIN)),
        paired("awe --help", "python -c pass", 0.3, runs, lambda: process([sys.executable, "-c", AWE.format(words=["--help"])]),
               lambda: process(PLAIN)),
        paired("prompt ready", "ipython", 1.5, runs, lambda: until(prompt, b"Awe>", environment),
               lambda: until(ipython, b"In [", environment)),
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="2 runs instead of 7")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="awe-startup-") as folder:
        rows = measure(Path(folder), 2 if options.quick else 7)
    if options.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(f"{row['name']}  {row['ours']:.3f} s  {row['peer']} {row['theirs']:.3f} s  {row['ratio']:.2f}  at most {row['bar']} s")
    return 0 if all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
