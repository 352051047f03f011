"""Figures of points, as templates draw them in SVG: scales, ticks, and where each point lies."""
from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from awe.persist.types import to_microseconds
from awe.services.words import value as shown

WIDTH, HEIGHT = 640.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 14.0, 22.0, 34.0
#: About so many ticks stand on an axis.
TICKS = 6
#: The shapes that tell groups apart, besides colours.
SHAPES = ("circle", "square", "diamond", "triangle", "ring", "cross")
#: Minutes between ticks.
STEPS = (1, 2, 5, 10, 30, 60, 180, 360, 720, 1440, 2880, 5760, 10080, 20160)
MONTH, YEAR = 30.4 * 86400e6, 365.25 * 86400e6


@dataclass(frozen=True)
class Point:
    """One point: its values, what it says when pointed at, where it leads, and the group it belongs to."""

    x: Any
    y: Any
    tip: str = ""
    href: str = ""
    group: str = ""
    warns: bool = False


@dataclass(frozen=True)
class Tick:
    """One tick: where it stands, and what it says."""

    at: float
    text: str


@dataclass
class Axis:
    """One axis: from values to where they lie; moments are counted in microseconds."""

    low: float
    high: float
    start: float
    end: float
    is_time: bool = False
    ticks: list[Tick] = field(default_factory=list)

    def place(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass
class Chart:
    """Points with their axes.

    Attributes
    ----------
    marks
        (x, y, shape, number of the group, point) of each point that can be drawn
    groups
        the names of the groups, in the order of their shapes
    left_out
        points that have no finite values
    """

    x: Axis
    y: Axis
    x_label: str
    y_label: str
    marks: list[tuple[float, float, str, int, Point]]
    groups: list[str]
    left_out: int
    width: float = WIDTH
    height: float = HEIGHT
    bottom: float = HEIGHT - BOTTOM
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP


def chart(points: Sequence[Point], x_label: str, y_label: str) -> Chart | None:
    """The figure of some points; None where none of them can be drawn."""
    drawn = [(number_of(one.x), number_of(one.y), one) for one in points]
    good = [(x, y, one) for x, y, one in drawn if math.isfinite(x) and math.isfinite(y)]
    if not good:
        return None
    is_time = isinstance(good[0][2].x, datetime.datetime)
    across = axis([x for x, _, _ in good], LEFT, WIDTH - RIGHT, is_time=is_time)
    up = axis([y for _, y, _ in good], HEIGHT - BOTTOM, TOP, is_time=isinstance(good[0][2].y, datetime.datetime))
    groups = sorted({one.group for _, _, one in good})
    number = {name: place % len(SHAPES) for place, name in enumerate(groups)}
    marks = [(round(across.place(x), 1), round(up.place(y), 1), SHAPES[number[one.group]], number[one.group], one) for x, y, one in good]
    return Chart(across, up, x_label, y_label, marks, groups, len(points) - len(good))


def number_of(value: Any) -> float:
    """A value as a number: moments in microseconds; NaN where it is none."""
    if isinstance(value, datetime.datetime):
        return float(to_microseconds(value))
    return float(value) if isinstance(value, int | float) else math.nan


def axis(values: Sequence[float], start: float, end: float, *, is_time: bool = False) -> Axis:
    """An axis that holds all values, with some room at either end."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or (3600e6 if is_time else abs(low) * 0.05 or 1.0)
    found = Axis(low - room, high + room, start, end, is_time)
    found.ticks = time_ticks(found) if is_time else plain_ticks(found)
    return found


def plain_ticks(one: Axis) -> list[Tick]:
    """Ticks at round numbers."""
    step = nice((one.high - one.low) / TICKS)
    first = math.ceil(one.low / step)
    values = [number * step for number in range(first, first + 4 * TICKS) if number * step <= one.high]
    return [Tick(round(one.place(value), 1), shown(float(f"{value:.12g}"))) for value in values]


def nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= step * 0.999)


def time_ticks(one: Axis) -> list[Tick]:
    """Ticks at whole hours, days, months or years."""
    span = one.high - one.low
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    first, last = (epoch + datetime.timedelta(microseconds=value) for value in (one.low, one.high))
    if span > 2 * YEAR:
        every = max(1, round(span / YEAR / TICKS))
        moments = [datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in range(first.year + 1, last.year + 1, every)]
        form = "%Y"
    elif span > 2 * MONTH:
        months = range(first.year * 12 + first.month, last.year * 12 + last.month, max(1, round(span / MONTH / TICKS)))
        moments, form = [datetime.datetime(month // 12, month % 12 + 1, 1, tzinfo=datetime.UTC) for month in months], "%Y-%m"
    else:
        minutes = next((each for each in STEPS if span / 60e6 / each <= TICKS), STEPS[-1])
        start = first.replace(hour=0, minute=0, second=0, microsecond=0)
        skipped = int((first - start).total_seconds() / 60 / minutes)
        moments = [start + datetime.timedelta(minutes=minutes * (skipped + number)) for number in range(int(span / 60e6 / minutes) + 3)]
        form = "%m-%d" if minutes >= 1440 else "%m-%d %H:%M"
    places = [(float(to_microseconds(each)), f"{each:{form}}") for each in moments]
    return [Tick(round(one.place(at), 1), text) for at, text in places if one.low <= at <= one.high]
