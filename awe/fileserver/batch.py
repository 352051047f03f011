"""The same work on many things, in a few threads, with the results in order."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sized
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], things: Iterable[T], results: list[R], threads: int) -> None:
    """Append ``work(thing)`` to `results` for each thing, in order.

    Things are taken one at a time as threads get free, so a generator of large ones is never held as a whole. After an
    error no new thing is begun; the first error is raised when all threads have ended, and `results` then holds None
    where a thing was not done.
    """
    if isinstance(things, Sized):
        threads = min(threads, len(things))
    run = _Run(work, things, results)
    workers = [threading.Thread(target=run.work_on, daemon=True) for _ in range(max(1, threads) - 1)]
    for worker in workers:
        worker.start()
    run.work_on()
    for worker in workers:
        worker.join()
    if run.error is not None:
        raise run.error


class _Run:
    def __init__(self, work: Callable[[T], R], things: Iterable[T], results: list[R]) -> None:
        self.error: BaseException | None = None
        self._work: Callable[..., object] = work
        self._things = iter(things)
        self._results: list[object] = results  # type: ignore[assignment]
        self._lock = threading.Lock()

    def work_on(self) -> None:
        """Take things and do them, until there are none or somebody failed."""
        try:
            while (item := self._next()) is not None:
                place, thing = item
                self._results[place] = self._work(thing)
        except BaseException as error:  # noqa: BLE001  (carried over to the thread that waits)
            with self._lock:
                self.error = self.error or error

    def _next(self) -> tuple[int, object] | None:
        with self._lock:
            if self.error is not None:
                return None
            for thing in self._things:
                self._results.append(None)
                return len(self._results) - 1, thing
            return None
