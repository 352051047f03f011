"""Which calibration is used when: the objects of one kind as bars, and what the one selection rule picks as time passes.

The rule itself is not here: every moment at which its answer can change is asked of `awe.dataflow.finding.winners`, all of them together.
"""
from __future__ import annotations

import bisect
import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from awe.dataflow.finding import winners
from awe.dataflow.lifecycle import Makeable
from awe.dataflow.request import Request
from awe.errors import QueryError
from awe.persist.criterion import Both, Criterion, compare
from awe.persist.declare import Dependency, natural_key
from awe.persist.journal import Change, last_lines
from awe.persist.selection import Order, Selection, statement
from awe.persist.selection import rows as rows_of
from awe.persist.session import current
from awe.persist.types import to_microseconds
from awe.persist.walk import Walk
from awe.services.period import Period

#: So many objects are drawn; of more a shorter time is to be looked at.
MOST = 5000
COLUMNS = ("oid", "object_id", "creation_date", "timestamp_start", "timestamp_end", "is_valid", "quality_flags", "creator", "project",
           "privileges")
USED, PARTLY, ECLIPSED, FLAGGED, INVALID, OTHER = "used", "partly used", "eclipsed", "flagged", "invalid", "not asked for"
STATES = (USED, PARTLY, ECLIPSED, FLAGGED, INVALID, OTHER)

Span = tuple[int, int]


@dataclass
class Bar:
    """One object: its validity within the period, and where of that it is used.

    Attributes
    ----------
    used
        the stretches of time for which the rule picks it
    why
        why it is in its state, in words
    """

    oid: int
    object_id: str
    creation_date: datetime.datetime
    timestamp_start: datetime.datetime
    timestamp_end: datetime.datetime
    is_valid: int
    quality_flags: int
    creator: str
    project: str
    privileges: int
    keys: dict[str, Any]
    state: str = ECLIPSED
    why: str = ""
    used: list[Span] = field(default_factory=list)

    @property
    def span(self) -> Span:
        """Its validity, in microseconds."""
        return to_microseconds(self.timestamp_start), to_microseconds(self.timestamp_end)


@dataclass
class Lane:
    """All objects of one natural key, and what is used as time passes: (from, until, object or None)."""

    keys: dict[str, Any]
    bars: list[Bar]
    top: list[tuple[int, int, Bar | None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The keys that tell it from other lanes."""
        return " ".join(str(value) for name, value in self.keys.items() if name != "instrument") or "all"


def is_timed(cls: Any) -> bool:
    """Whether objects of a class are calibrations, or products with a plan number, of an instrument and valid for some time."""
    numbered = bool(getattr(cls, "plan_number", "")) or getattr(cls, "is_calibration", False)
    return not cls.__abstract__ and issubclass(cls, Makeable) and numbered and "instrument" in natural_key(cls)


def lanes(cls: Any, period: Period, keys: dict[str, str], *, only_good: bool = False) -> list[Lane]:
    """What is valid at some time of a period, a lane for each natural key; three statements, however many objects there are."""
    bars = read(cls, period, keys)
    grouped: dict[tuple[Any, ...], list[Bar]] = defaultdict(list)
    for bar in bars:
        grouped[tuple(bar.keys.values())].append(bar)
    found = [Lane(members[0].keys, members) for _, members in sorted(grouped.items(), key=lambda pair: tuple(map(str, pair[0])))]
    pick(cls, found, period)
    explain(cls, found)
    if only_good:
        for lane in found:
            lane.bars = [bar for bar in lane.bars if bar.state not in (FLAGGED, INVALID)]
    return found


def read(cls: Any, period: Period, keys: dict[str, str]) -> list[Bar]:
    """The objects that are valid at some time of a period, the oldest first."""
    names = natural_key(cls)
    ends = {name: f"{name}.name" if isinstance(cls.__mapping__.declared[name], Dependency) else name for name in names}
    parts: list[Criterion] = [compare(Walk.of(cls, ends[name]), "==", value) for name, value in keys.items() if name in ends and value]
    parts += [compare(Walk.of(cls, "timestamp_start"), "<", period.end), compare(Walk.of(cls, "timestamp_end"), ">", period.start)]
    rows = of_classes(cls, Both(tuple(parts)), (*COLUMNS, *ends.values()))
    if len(rows) > MOST:
        raise QueryError(f"more than {MOST} objects of {cls.__name__} are valid in {period.label}; look at one chip, or at a shorter time")
    width = len(COLUMNS)
    return [Bar(*(*row[:width], dict(zip(ends, row[width:], strict=True)))) for row in rows]


def of_classes(cls: Any, criterion: Criterion, paths: Sequence[str]) -> list[Any]:
    """The values at the ends of some paths, the oldest object first.

    Which classes are meant is said in terms of `object` too: an index by class and validity finds there what is valid in a period.
    """
    numbers = [one.__mapping__.class_id for one in cls.__mapping__.concrete()]
    walks, order = tuple(Walk.of(cls, path) for path in paths), (Order(Walk.of(cls, "creation_date")),)

    def build(chosen: Selection) -> Any:
        asked = chosen.values(walks, order, all_of_them=False).limit(MOST + 1)
        return asked.where(chosen.object.c.class_id.in_(numbers))
    database = current()
    return rows_of(database, statement(database, cls, criterion, ("valid", walks), build))


def pick(cls: Any, found: Sequence[Lane], period: Period) -> None:
    """Ask the rule at every moment at which its answer can change, for all lanes at once."""
    first, last = to_microseconds(period.start), to_microseconds(period.end)
    moments = [sorted({first, *(end for bar in lane.bars for end in bar.span if first < end < last)}) for lane in found]
    asked = [Request(cls, lane.keys, at) for lane, times in zip(found, moments, strict=True) for at in times]
    answers = iter(winners(asked))
    for lane, times in zip(found, moments, strict=True):
        by_oid = {bar.oid: bar for bar in lane.bars}
        for at, until in zip(times, [*times[1:], last], strict=True):
            winner = next(answers)
            bar = by_oid.get(winner.oid) if winner is not None else None
            if lane.top and lane.top[-1][2] is bar:
                lane.top[-1] = (lane.top[-1][0], until, bar)
            else:
                lane.top.append((at, until, bar))
        for start, until, bar in lane.top:
            if bar is not None:
                bar.used.append((start, until))


def explain(cls: Any, found: Sequence[Lane]) -> None:
    """Say of each bar in which state it is, and why."""
    edits = edited([bar.oid for lane in found for bar in lane.bars])
    for lane in found:
        starts = [start for start, _, _ in lane.top]
        for bar in lane.bars:
            bar.state, bar.why = judged(cls, bar, lane, over(bar, lane, starts), edits.get((bar.oid, "is_valid")))
            stamps = [edits[bar.oid, name] for name in ("timestamp_start", "timestamp_end") if (bar.oid, name) in edits]
            if stamps:
                line = max(stamps, key=lambda line: line.seq)
                bar.why += f"\ntime stamps edited by {line.who} on {line.when:%Y-%m-%d}: {line.why}"


def over(bar: Bar, lane: Lane, starts: Sequence[int]) -> list[Bar]:
    """The other objects that are used at some time while this one is valid."""
    first = max(0, bisect.bisect_right(starts, bar.span[0]) - 1)
    used = [other for start, _, other in lane.top[first:bisect.bisect_left(starts, bar.span[1])] if other is not None and other is not bar]
    return list({other.oid: other for other in used}.values())


def edited(oids: Sequence[int]) -> dict[tuple[int, str], Change]:
    """The last edit of validity and time stamps of each object."""
    if not oids:
        return {}
    with current().reading() as connection:
        return last_lines(connection, {(oid, name) for oid in oids for name in ("is_valid", "timestamp_start", "timestamp_end")})


def judged(cls: Any, bar: Bar, lane: Lane, over: Sequence[Bar], line: Change | None) -> tuple[str, str]:
    """The state of a bar, and why."""
    reason = f", said {line.who} on {line.when:%Y-%m-%d}: {line.why}" if line is not None else ""
    if bar.is_valid == 0:
        return INVALID, f"is_valid is 0{reason}"
    flags = ", ".join(cls.flag_names(bar.quality_flags)) if bar.quality_flags else ""
    if bar.quality_flags & cls.blocking_flags and bar.is_valid != 2:
        return FLAGGED, f"flagged: {flags}"
    also = f"; flagged {flags}" if flags else ""
    also += f"; qualified{reason}" if bar.is_valid == 2 else ""
    by = ", ".join(f"{other.object_id[:8]} of {other.creation_date:%Y-%m-%d}" for other in over[-3:])
    if not bar.used:
        newer = [other for other in over if other.creation_date >= bar.creation_date]
        if newer:
            return ECLIPSED, f"eclipsed by {by}, which {'is' if len(over) == 1 else 'are'} later{also}"
        return OTHER, f"the rule does not pick it: made with other parameters than are wanted{also}"
    length = sum(until - start for start, until in bar.used)
    whole = min(bar.span[1], lane.top[-1][1]) - max(bar.span[0], lane.top[0][0])
    if length < whole:
        return PARTLY, f"the latest for {100 * length / whole:.0f} % of its time here, else eclipsed by {by}{also}"
    return USED, f"the latest that is valid and not flagged{also}"
