"""Kernels over bands of rows, on several threads, with the same bits on any number of them.

The kernels of the detector half are compiled to release the GIL and are handed bands of rows by Python
threads. The bands do not depend on the number of threads and each pixel is written by one band, so results
do not either. This is preferred to numba's own parallel loops because it compiles in a third of the time,
leaves no threads behind that would forbid a later fork, and may be called from several threads at once.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_wanted: list[int] = []


def threads() -> int:
    """Return how many threads kernels use: as set, else NUMBA_NUM_THREADS, else the processors of this process."""
    if _wanted:
        return _wanted[0]
    stated = os.environ.get("NUMBA_NUM_THREADS", "")
    return max(1, int(stated)) if stated.isdecimal() else len(os.sched_getaffinity(0))


def set_threads(number: int | None) -> None:
    """Use `number` threads in this process from now on (None: the default); results do not depend on it."""
    _wanted[:] = [] if number is None else [max(1, number)]


def together(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[work(item) for item in items]``, several at a time where there are several threads.

    Raises
    ------
    Exception
        The first that `work` raised, in the order of items.
    """
    every = list(items)
    number = min(threads(), len(every))
    if number <= 1:
        return [work(item) for item in every]
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, every))


def run(work: Callable[[int, int], None], rows: int, height: int = 64) -> None:
    """Call ``work(y0, y1)`` for bands of `height` rows that cover range(rows).

    Raises
    ------
    Exception
        The first that `work` raised, in order of bands.
    """
    starts = range(0, rows, max(1, height))
    number = min(threads(), len(starts))
    if number <= 1:
        for start in starts:
            work(start, min(start + height, rows))
        return
    with ThreadPoolExecutor(number) as pool:
        for future in [pool.submit(work, start, min(start + height, rows)) for start in starts]:
            future.result()
