"""Validities as a figure: time to the right, creation date upwards, and above all what is used as time passes."""
from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from markupsafe import Markup, escape

from awe.persist.identity import LEVELS
from awe.persist.types import from_microseconds, to_microseconds
from awe.services.period import Period
from awe.services.svg import Scale, element, time_ticks, together
from awe.services.validity import ECLIPSED, FLAGGED, INVALID, OTHER, PARTLY, USED, Bar, Lane
from awe.services.words import when

WIDTH, LEFT, RIGHT, HEAD, STRIP, FOOT = 1000.0, 84.0, 8.0, 6.0, 20.0, 22.0
#: How high a row is: less where there are many.
TALL, LOW, ROOM = 15.0, 4.0, 520.0
CLASSES = {USED: "used", PARTLY: "eclipsed", ECLIPSED: "eclipsed", FLAGGED: "flagged", INVALID: "invalid", OTHER: "other"}
MARKS = {FLAGGED: "\N{BLACK FLAG}", INVALID: "\N{MULTIPLICATION SIGN}"}


def patterns() -> Markup:
    """What fills bars: each state has a pattern of its own, so that colour says nothing alone."""
    def pattern(name: str, *inside: Markup) -> Markup:
        ground = element("rect", width=6, height=6, class_="ground")
        return element("pattern", ground, *inside, id=f"fill-{name}", width=6, height=6, patternUnits="userSpaceOnUse")
    rising = element("path", d="M-1 7 L7 -1 M-1 1 L1 -1 M5 7 L7 5", class_="stroke eclipsed")
    standing = element("path", d="M1.5 0 V6 M4.5 0 V6", class_="stroke flagged")
    crossed = element("path", d="M0 0 L6 6 M6 0 L0 6", class_="stroke invalid")
    dots = element("circle", cx=3, cy=3, r=1, class_="dot other")
    return element("defs", pattern("eclipsed", rising), pattern("flagged", standing), pattern("invalid", crossed), pattern("other", dots))


def swatch(state: str) -> Markup:
    """A piece of a bar, for the legend."""
    name = CLASSES[state]
    inside = [element("rect", x=.5, y=.5, width=25, height=11, rx=2, class_=f"bar {name}", fill=fill(name))]
    if state == PARTLY:
        inside.append(element("rect", x=.5, y=.5, width=13, height=11, rx=2, class_="bar used"))
    return element("svg", *inside, width=26, height=12, viewBox="0 0 26 12", class_="swatch", aria_hidden="true")


def fill(name: str) -> str | None:
    """The pattern of a class of bars; none where it is one colour."""
    return None if name == "used" else f"url(#fill-{name})"


def rows_of(bars: Sequence[Bar]) -> list[tuple[str, list[Bar]]]:
    """Bars in rows, the oldest first: those of one day of creation share a row as long as they do not overlap."""
    found: list[tuple[str, list[Bar]]] = []
    taken: list[list[tuple[int, int]]] = []
    first = 0
    for bar in bars:
        day, span = f"{bar.creation_date:%Y-%m-%d}", bar.span
        if not found or found[-1][0] != day:
            first = len(found)
        row = next((n for n in range(first, len(found)) if has_room(taken[n], span)), len(found))
        if row == len(found):
            found.append((day, []))
            taken.append([])
        found[row][1].append(bar)
        bisect.insort(taken[row], span)
    return found


def has_room(taken: Sequence[tuple[int, int]], span: tuple[int, int]) -> bool:
    """Whether a span overlaps none of those that are taken, which are in order and do not overlap each other."""
    place = bisect.bisect_left(taken, span)
    return (place == 0 or taken[place - 1][1] <= span[0]) and (place == len(taken) or span[1] <= taken[place][0])


def told(cls_name: str, bar: Bar) -> str:
    """What is said of a bar while it is pointed at."""
    used = "; ".join(f"{short(start)} \N{EN DASH} {short(until)}" for start, until in bar.used[:3])
    lines = [f"{cls_name} {bar.object_id[:8]}: {bar.state}", bar.why,
             f"valid {when(bar.timestamp_start)} \N{EN DASH} {when(bar.timestamp_end)}",
             f"used {used}{' ...' if len(bar.used) > 3 else ''}" if used else "",
             f"made {when(bar.creation_date)} by {bar.creator} for {bar.project} ({LEVELS[bar.privileges]})"]
    return "\n".join(line for line in lines if line)


def short(count: int) -> str:
    """A moment in microseconds, to the minute."""
    return when(from_microseconds(count))[:16]


class Timeline:
    """Draws lanes of one class over one period; `edit` is the address that changes an object, by its identity."""

    def __init__(self, cls_name: str, period: Period, edit: Callable[[str], str]) -> None:
        self.cls_name, self.period, self.edit = cls_name, period, edit
        self._tips: dict[int, Markup] = {}
        self.ends = to_microseconds(period.start), to_microseconds(period.end)
        self.x = Scale(*self.ends, LEFT, WIDTH - RIGHT)

    def lane(self, lane: Lane) -> Markup:
        """One lane: the line of what is used, and under it all bars, the latest on top."""
        rows = rows_of(lane.bars)
        height = min(TALL, max(LOW, ROOM / max(1, len(rows))))
        top = HEAD + STRIP + 8
        bottom = top + height * len(rows)
        parts = [self.grid(HEAD, bottom), self.strip(lane, HEAD)]
        last = float("inf")
        for place, (day, members) in enumerate(rows):
            y = bottom - height * (place + 1)
            if last - y >= 11 and (place == 0 or rows[place - 1][0] != day):
                parts.append(element("text", day, x=LEFT - 6, y=y + height / 2 + 3.5, text_anchor="end"))
                last = y
            parts += [self.bar(bar, y, height) for bar in members]
        parts.append(self.axis(bottom))
        return self.figure(bottom + FOOT, parts, f"{self.cls_name} {lane.name}: which is used when")

    def overview(self, lanes: Sequence[Lane], address: Callable[[Lane], str]) -> Markup:
        """Only what is used, a line for each lane; its name leads to all of it."""
        parts = [self.grid(HEAD, HEAD + len(lanes) * (STRIP + 4))]
        for place, lane in enumerate(lanes):
            y = HEAD + place * (STRIP + 4)
            name = element("text", lane.name[:14], x=LEFT - 6, y=y + STRIP / 2 + 4, text_anchor="end", class_="ink")
            parts.append(element("a", name, href=address(lane), data_tip=f"{lane.name}: {len(lane.bars)} objects"))
            parts.append(self.strip(lane, y, label=False))
        bottom = HEAD + len(lanes) * (STRIP + 4)
        return self.figure(bottom + FOOT, [*parts, self.axis(bottom)], f"{self.cls_name}: which is used when")

    def tip(self, bar: Bar) -> Markup:
        """What is said of a bar, wherever it stands."""
        if bar.oid not in self._tips:
            self._tips[bar.oid] = escape(told(self.cls_name, bar))
        return self._tips[bar.oid]

    def figure(self, height: float, parts: Sequence[Markup], label: str) -> Markup:
        """The whole figure."""
        return element("svg", patterns(), *parts, viewBox=f"0 0 {WIDTH:g} {height:.0f}", class_="figure timeline", role="group",
                       aria_label=label, data_walk="")

    def grid(self, top: float, bottom: float) -> Markup:
        """Thin lines at round times."""
        places = [self.x(at) for at, _ in time_ticks(*self.ends)]
        return together(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="gridline") for x in places)

    def axis(self, y: float) -> Markup:
        """Time, under all bars."""
        line = element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y + 1, y2=y + 1, class_="axis")
        words = [element("text", word, x=self.x(at), y=y + 15, text_anchor="middle") for at, word in time_ticks(*self.ends)]
        return together([line, *words])

    def strip(self, lane: Lane, y: float, *, label: bool = True) -> Markup:
        """What is used as time passes; a gap where there is nothing."""
        parts = [element("text", "used", x=LEFT - 6, y=y + STRIP / 2 + 4, text_anchor="end", class_="ink")] if label else []
        shade: dict[int, int] = {}
        for start, until, bar in lane.top:
            x, width = self.x(start), max(0.8, self.x(until) - self.x(start))
            if bar is None:
                tip = f"nothing is used from {short(start)} until {short(until)}"
                parts.append(element("rect", x=x, y=y + 3, width=width, height=STRIP - 6, class_="gap", data_tip=tip))
                continue
            name = f"use{shade.setdefault(bar.oid, len(shade) % 2)}"
            inside = [element("rect", x=x, y=y, width=width, height=STRIP, class_=f"use {name}")]
            if width > 64:
                inside.append(element("text", bar.object_id[:8], x=x + width / 2, y=y + STRIP / 2 + 4, text_anchor="middle", class_="on"))
            parts.append(element("a", *inside, href=self.edit(bar.object_id), data_tip=self.tip(bar),
                                 aria_label=f"{bar.object_id[:8]} is used from {short(start)} until {short(until)}"))
        return together(parts)

    def bar(self, bar: Bar, y: float, height: float) -> Markup:
        """One object; where it is used it is solid."""
        name, inset = CLASSES[bar.state], 1.5 if height > 8 else 0.4
        x, end, tall = self.x(bar.span[0]), self.x(bar.span[1]), height - 2 * inset
        inside = [element("rect", x=x, y=y + inset, width=max(1.5, end - x), height=tall, rx=min(2.0, height / 4), class_=f"bar {name}",
                          fill=fill(name))]
        if bar.state in (USED, PARTLY):
            pieces = [(self.x(start), max(1.0, self.x(until) - self.x(start))) for start, until in bar.used]
            inside += [element("rect", x=left, y=y + inset, width=width, height=tall, class_="bar used") for left, width in pieces]
        if bar.state in MARKS and height > 8:
            inside.append(element("text", MARKS[bar.state], x=min(x + 3, WIDTH - RIGHT - 9), y=y + height / 2 + 4, class_=f"mark {name}"))
        return element("a", *inside, href=self.edit(bar.object_id), data_tip=self.tip(bar),
                       aria_label=f"{bar.object_id[:8]}: {bar.state}")


def address(path: str, **values: str) -> str:
    """A path with what is not empty."""
    return f"{path}?{urlencode({name: value for name, value in values.items() if value})}"
