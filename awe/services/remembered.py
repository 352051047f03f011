"""Answers that take long and hardly change, kept for a moment for each who asks."""
from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 200


class Remembered(Generic[T]):
    """Keeps what `make` answers, by key, for some seconds; one thread makes it, and others wait for that."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.clock = seconds, clock
        self._kept: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer for `key`, made anew where it is too old."""
        with self._lock:
            lock = self._making.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                kept = self._kept.get(key)
            if kept is not None and self.clock() - kept[0] < self.seconds:
                return kept[1]
            found = make()
            with self._lock:
                self._kept[key] = (self.clock(), found)
                while len(self._kept) > MOST:
                    old, _ = self._kept.popitem(last=False)
                    self._making.pop(old, None)
            return found

    def forget(self) -> None:
        """Make everything anew."""
        with self._lock:
            self._kept.clear()
