"""How values stand on a page."""
from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from awe.face.description import VALID
from awe.face.values import moment
from awe.persist.types import FOREVER, to_microseconds

LONGEST = 80
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def value(given: Any) -> str:
    """One value: numbers in six digits, moments to the second, a dash where there is none."""
    if given is None or given == "":
        return "\N{EN DASH}"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return "NaN" if math.isnan(given) else f"{given:.6g}"
    if isinstance(given, datetime.datetime):
        return when(given)
    if isinstance(given, bytes):
        return given.hex()[:16]
    text = " ".join(str(given).split())
    return text if len(text) <= LONGEST else text[:LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


@functools.lru_cache(maxsize=4096)
def when(given: datetime.datetime) -> str:
    """A moment in UTC; the ends of time are said to be such."""
    count = to_microseconds(given)
    if count <= FOREVER[0]:
        return "since ever"
    if count >= FOREVER[1]:
        return "for ever"
    return moment(given.replace(microsecond=0))


def day(given: datetime.datetime) -> str:
    """The day of a moment."""
    return f"{given:%Y-%m-%d}"


def size(count: float) -> str:
    """Bytes, as a person reads them."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 else f"{count:.3g} {UNITS[unit]}"


def number(count: int) -> str:
    """A count, with thin spaces between its thousands."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def short(object_id: str) -> str:
    """The beginning of an identity."""
    return object_id[:8]


def validity(is_valid: int) -> str:
    """What the user's judgement means."""
    return VALID.get(is_valid, str(is_valid))


def link(object_id: str, text: str = "") -> Markup:
    """A link to the page of an object."""
    return Markup('<a class="id" href="/object/{0}">{1}</a>').format(escape(object_id), text or short(object_id))


FILTERS: dict[str, Callable[..., Any]] = {"value": value, "when": when, "day": day, "size": size, "number": number, "short": short,
                                          "validity": validity, "link": link}
