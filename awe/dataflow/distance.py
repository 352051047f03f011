"""How far away the nearest is of what could not be had: said in the reason of what would be made of it."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from awe.dataflow.asked import asked
from awe.dataflow.select import Sight, rows
from awe.dataflow.site import DAY
from awe.dataflow.state import Reason
from awe.persist.types import FOREVER, from_microseconds

if TYPE_CHECKING:
    from awe.dataflow.node import Node

COLUMNS = (("n", "int"), ("sel", "bytes"), ("start", "int"), ("until", "int"), ("is_group", "int"))


class Distance:
    """The words for how far the nearest is that can be found under a digest, of which there is none between two times.

    They are known once `measure` has looked; until then, and where there is nothing at any time, they are `otherwise`.  What lies
    between the two times and may not be used is counted too.
    """

    __slots__ = ("at", "is_group", "is_told", "sel", "start", "until", "words")

    def __init__(self, sel: bytes, at: int, start: int, until: int, otherwise: str, *, is_group: bool) -> None:
        self.sel, self.at, self.start, self.until, self.is_group = sel, at, start, until, is_group
        self.words, self.is_told = otherwise, False

    def is_at(self, nearest: int) -> Distance:
        """Take note that there is something between the two times, only too little."""
        self.words, self.is_told = distance(self.at, nearest), True
        return self

    def tell(self, earlier: int | None, later: int | None, left_out: int) -> None:
        """Take note of the last time before and the first time after at which there is something, and of how many may not be used."""
        times = [time for time in (earlier, later) if time is not None and FOREVER[0] < time < FOREVER[1]]
        if times and not self.is_told:
            nearest = min(times, key=lambda time: abs(time - self.at))
            self.words = distance(self.at, nearest) if self.is_group else (
                f"the nearest is valid {'from' if nearest == later else 'until'} {from_microseconds(nearest):%Y-%m-%d}, "
                f"{abs(nearest - self.at) / DAY:.1f} days away")
        if left_out:
            unusable = f"{left_out} within reach {'is' if left_out == 1 else 'are'} invalid or flagged"
            self.words = f"{self.words}; {unusable}" if self.words else unusable

    def __str__(self) -> str:
        return self.words


class Lacking:
    """What there is none of, in words, and why: how far away the nearest is, or the reasons of what it would be made from."""

    __slots__ = ("what", "whys")

    def __init__(self, what: str, whys: Sequence[Distance | Reason | Node]) -> None:
        self.what, self.whys = what, whys

    def distances(self) -> Iterator[Distance]:
        """What has to be measured before this can be said; nodes see to their own."""
        for why in self.whys:
            if isinstance(why, Distance):
                yield why
            elif isinstance(why, Reason):
                yield from (each for each in why.about if isinstance(each, Distance))

    def __str__(self) -> str:
        whys = [str(why) if isinstance(why, (Distance, Reason)) else f"{why.name} {why.reasons[0].text}" if why.reasons else ""
                for why in self.whys]
        return "; ".join(dict.fromkeys([self.what, *filter(None, whys)]))


def distance(at: int, nearest: int) -> str:
    """How far a time is from the one that is wanted."""
    return f"the nearest is {abs(nearest - at) / DAY:.1f} days away, on {from_microseconds(nearest):%Y-%m-%d}"


def measure(connection: sa.Connection, sight: Sight, distances: Sequence[Distance]) -> None:
    """Find the nearest for all of these: one statement."""
    if not distances:
        return
    source = asked(connection, "far", COLUMNS, [(n, one.sel, one.start, one.until, int(one.is_group)) for n, one in enumerate(distances)])
    there = f"from candidate c where c.sel=f.sel and c.eligible=1 and {sight.where('c')}"
    earlier = (f"case when f.is_group=1 then (select max(c.t_start) {there} and c.span=0 and c.t_start<f.start) "
               f"else (select max(c.t_end) {there} and c.t_end<=f.start) end")
    later = f"(select min(c.t_start) {there} and (c.span=0 or f.is_group=0) and c.t_start>=f.until)"
    left_out = (f"(select count(*) from candidate c where c.sel=f.sel and c.eligible=0 and {sight.where('c')} and f.is_group=1 "
                "and c.span=0 and c.t_start>=f.start and c.t_start<f.until)")
    for n, *found in rows(connection, f"select f.n,{earlier},{later},{left_out} from {source} f"):
        distances[n].tell(*found)
