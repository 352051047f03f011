"""How often somebody may try: so many times, then one more after each pause."""
from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

#: So many who try are remembered.
REMEMBERED = 10_000


class Rate:
    """A bucket of tries for each who tries, filled again with time.

    Parameters
    ----------
    tries
        how many at once
    seconds
        how long it takes until one more is there
    """

    def __init__(self, tries: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.tries, self.seconds, self.clock = tries, seconds, clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: Hashable) -> float:
        """Take one try; returns how many seconds are to be waited for one, 0 where there was one."""
        now = self.clock()
        with self._lock:
            left, since = self._left.get(who, (float(self.tries), now))
            left = min(float(self.tries), left + (now - since) / self.seconds)
            allowed = left >= 1
            self._left[who] = (left - 1 if allowed else left, now)
            self._left.move_to_end(who)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
            return 0.0 if allowed else (1 - left) * self.seconds

    def forgive(self, who: Hashable) -> None:
        """Give all tries back, after one that was right."""
        with self._lock:
            self._left.pop(who, None)
