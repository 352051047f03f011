"""`python -m awe.quickstart DIR`: what `scripts/quickstart` runs once everything is installed."""
from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from pathlib import Path

from awe.cli.main import guarded
from awe.quickstart.walk import Walk
from awe.simulate import RunConfig


def walk(words: list[str]) -> int:
    """Read the arguments and walk."""
    parser = argparse.ArgumentParser(prog="scripts/quickstart", description="Simulate an observing run, ask for a coadd and its sources, "
                                     "and compare them with the truth.")
    parser.add_argument("directory", nargs="?", type=Path, help="a new or empty directory (awe-quickstart, or the next that is free)")
    parser.add_argument("--seed", type=int, help="the same seed gives the same run; without it a new one is drawn and printed")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="how many processes make targets")
    parser.add_argument("--small", action="store_true", help="chips of 256 x 256 pixels")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--strict", action="store_true", help="exit code 1 where a figure is out of its range")
    options = parser.parse_args(words)
    config = RunConfig.small() if options.small else RunConfig()
    verdict = Walk(options.directory or free_directory(), options.seed, options.workers, config)()
    if options.json:
        figures = {figure.name: {"value": figure.value, "unit": figure.unit, "good": figure.is_good} for figure in verdict.figures}
        options.json.write_text(json.dumps({"figures": figures, "stars": verdict.n_stars}, indent=1) + "\n")
    return 1 if options.strict and not verdict.is_good else 0


def free_directory() -> Path:
    """``awe-quickstart``, or the first of ``awe-quickstart-2``, ``-3``, ... that is not there."""
    names = itertools.chain(["awe-quickstart"], (f"awe-quickstart-{number}" for number in itertools.count(2)))
    return next(path for path in map(Path, names) if not path.exists())


if __name__ == "__main__":
    sys.exit(guarded(walk, sys.argv[1:]))
