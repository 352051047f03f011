"""In which order the nodes of a plan are dealt with: inputs first, and what others are making later."""
from __future__ import annotations

import heapq
import time
from collections.abc import Iterable
from typing import NamedTuple

from awe.dataflow.node import Node

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


class Later(NamedTuple):
    """A node that was put off: when to look at it again, and how long to wait if it has to be put off once more."""

    at: float
    place: int
    pause: float


class Schedule:
    """Hands out nodes whose inputs have all been dealt with, in the order of the plan."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = list(nodes)
        self._place = {node: place for place, node in enumerate(self._nodes)}
        self._open: list[int] = []
        self._above: dict[Node, list[int]] = {}
        for place, node in enumerate(self._nodes):
            below = {child for child in node.children() if child in self._place}
            self._open.append(len(below))
            for child in below:
                self._above.setdefault(child, []).append(place)
        self._ready = [place for place, count in enumerate(self._open) if not count]
        self._later: list[Later] = []
        self._pauses: dict[int, float] = {}
        self.left = len(self._nodes)

    def take(self) -> Node | None:
        """The next node that can be dealt with now, if there is one."""
        while self._later and self._later[0].at <= time.monotonic():
            later = heapq.heappop(self._later)
            self._pauses[later.place] = later.pause
            heapq.heappush(self._ready, later.place)
        return self._nodes[heapq.heappop(self._ready)] if self._ready else None

    def put_off(self, node: Node) -> None:
        """Hand `node` out again a little later: somebody else is at it."""
        place = self._place[node]
        pause = self._pauses.get(place, FIRST_PAUSE)
        heapq.heappush(self._later, Later(time.monotonic() + pause, place, min(1.5 * pause, LONGEST_PAUSE)))

    def finish(self, node: Node) -> None:
        """What stands on `node` need not wait for it any longer."""
        self.left -= 1
        for place in self._above.get(node, ()):
            self._open[place] -= 1
            if not self._open[place]:
                heapq.heappush(self._ready, place)

    @property
    def pause(self) -> float | None:
        """For how many seconds there is nothing to hand out; None until something is finished."""
        if self._ready:
            return 0.0
        return max(0.0, self._later[0].at - time.monotonic()) if self._later else None
