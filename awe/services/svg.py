"""Figures made on the server: elements that escape what they hold, scales, and the ticks of axes."""
from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from awe.persist.types import from_microseconds, to_microseconds

DAY = 86_400_000_000
#: How far apart ticks of time may be: hours, days, months.
HOURS, DAYS, MONTHS = (1, 3, 6, 12), (1, 2, 7, 14), (1, 3, 6, 12, 24, 60, 120)


def element(name: str, *inside: Any, **attributes: Any) -> Markup:
    """An element; an underscore at the end of an attribute is left out, others become dashes, and None is no attribute."""
    written = "".join([f' {_name(key)}="{_text(value)}"' for key, value in attributes.items() if value is not None])
    return Markup(f"<{name}{written}>{''.join(map(_text, inside))}</{name}>")


@functools.cache
def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _text(value: Any) -> str:
    """What may stand between tags or quotes; numbers have as many digits as a screen shows."""
    return f"{value:.5g}" if isinstance(value, float) else str.__str__(escape(value))


def together(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


@dataclass(frozen=True)
class Scale:
    """From values to places on the page, in proportion."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value; values beyond the ends lie at the ends."""
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) * (self.end - self.start) / ((self.high - self.low) or 1)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers between two values."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / about
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw)
    first = math.ceil(low / step)
    return [place * step for place in range(first, math.floor(high / step) + 1)]


def time_ticks(start: int, end: int, about: int = 8) -> list[tuple[int, str]]:
    """Moments between two, in microseconds, at round times, with their words."""
    hours = (end - start) / DAY * 24 / about
    for step in HOURS:
        if hours <= step:
            apart = step * DAY // 24
            return [(at, f"{from_microseconds(at):%m-%d %H:%M}") for at in range(-(-start // apart) * apart, end, apart)]
    for step in DAYS:
        if hours <= step * 24:
            first = -(-start // DAY) * DAY
            return [(at, f"{from_microseconds(at):%m-%d}") for at in range(first, end, step * DAY)]
    step = next((each for each in MONTHS if hours <= each * 30.5 * 24), MONTHS[-1])
    return list(months(start, end, step))


def months(start: int, end: int, step: int) -> Sequence[tuple[int, str]]:
    """The first days of months, every `step` of them."""
    first = from_microseconds(start)
    count, found = first.year * 12 + first.month - 1, []
    count = -(-count // step) * step
    while count // 12 < 9999:
        moment = datetime.datetime(count // 12, count % 12 + 1, 1, tzinfo=datetime.UTC)
        at = to_microseconds(moment)
        if at >= end:
            break
        if at >= start:
            found.append((at, f"{moment:%Y}" if step >= 12 else f"{moment:%b %Y}" if moment.month == 1 else f"{moment:%b}"))
        count += step
    return found
