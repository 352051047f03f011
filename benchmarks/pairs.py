"""Measuring two ways to do one thing in turns, in this process and as processes of their own."""
from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science.fitsform import BLOCK, file_of

Work = Callable[[], Any]


@dataclass(frozen=True)
class Bar:
    """One promise: how many times faster than a peer, or at most so much of something."""

    name: str
    peer: str
    bar: float | None
    unit: str = "s"


def seconds(work: Work) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor(work: Work) -> float:
    """Processor seconds it takes once, in this process and in those it waits for: what tells on a machine that others use."""
    start = os.times()
    work()
    end = os.times()
    return sum(end[:4]) - sum(start[:4])


def faster(bar: Bar, runs: int, ours: Work, theirs: Work) -> dict[str, Any]:
    """A row with the median of the ratios theirs / ours, measured in turns after one run of each that does not count."""
    ours(), theirs()
    return row(bar, [(seconds(ours), seconds(theirs)) for _ in range(runs)])


def row(bar: Bar, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """The row of `faster`, from pairs that were measured."""
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    return {"name": bar.name, "peer": bar.peer, "unit": bar.unit, "ours": mine, "theirs": other, "ratio": ratio, "bar": bar.bar,
            "at_least": True, "passed": None if bar.bar is None else ratio >= bar.bar}


def at_most(name: str, value: float, bar: float | None, unit: str, peer: str = "-", theirs: float | None = None) -> dict[str, Any]:
    """A row for something that has to stay below a bar."""
    return {"name": name, "peer": peer, "unit": unit, "ours": value, "theirs": theirs, "ratio": None, "bar": bar, "at_least": False,
            "passed": None if bar is None else value <= bar}


def alone(script: str | Path, *words: str) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a process of its own, whose last line is what `peak` gives."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, str(script), *words], check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, float(json.loads(done.stdout.splitlines()[-1]))


def write_planes(path: Path, planes: Mapping[str, NDArray[Any]]) -> None:
    """Write a FITS file as targets do, one HDU after the other; the first plane is that of the primary HDU."""
    small = ("", np.zeros((1, 1), np.float32), {})
    with open(path, "wb") as stream:
        for number, (name, plane) in enumerate(planes.items()):
            if number == 0:
                stream.write(file_of([(name, plane, {})]))
            else:
                stream.write(memoryview(file_of([small, (name, plane, {})]))[2 * BLOCK:])


def peak() -> float:
    """The most memory that this process has had so far, MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")
