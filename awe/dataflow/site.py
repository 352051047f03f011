"""Nights, groups and default validity: what a place and its habits decide.

Everything is counted in int64 microseconds since 1970, UTC.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Site:
    """The place where an instrument stands and the habits of those who calibrate it.

    `validity` maps a class name to days before and after an object's anchor, `search` to how many days away a group of
    raw frames may be, `at_least` to how many members a group needs, `within` to what makes a group;
    a class that is not named there goes by its declarations.
    """

    utc_offset: float = 0.0
    validity: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    search: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, int] = field(default_factory=dict)
    within: Mapping[str, str | float] = field(default_factory=dict)

    def night_of(self, at: int) -> int:
        """The number of the local night, noon to noon, that holds `at`."""
        return (at + round(self.utc_offset * HOUR) - DAY // 2) // DAY

    def night(self, at: int) -> tuple[int, int]:
        """Start and end of the local night that holds `at`."""
        start = self.night_of(at) * DAY + DAY // 2 - round(self.utc_offset * HOUR)
        return start, start + DAY

    def midnight(self, year_month_day: int) -> int:
        """Local midnight at the end of the day that begins at UTC `year_month_day`: the middle of its night."""
        return year_month_day + DAY - round(self.utc_offset * HOUR)


def window_of(within: str | float | None, at: int, site: Site) -> tuple[int, int] | None:
    """The window of the group that holds `at`: its night, or so many days about it; None means all times.

    Windows of a day or more are about local midnight, so that all that is asked for in one night is made from one group.
    """
    if within is None:
        return None
    if within == "night":
        return site.night(at)
    half, middle = round(float(within) * DAY), at if float(within) < 1 else sum(site.night(at)) // 2
    return middle - half, middle + half + 1


def windows_of(times: Sequence[int], at: int, within: str | float | None, site: Site) -> list[tuple[int, int]]:
    """The windows of all groups that members with these `times` may be in, for what is wanted for `at`."""
    if not times:
        return []
    if within is None:
        return [(min(times), max(times) + 1)]
    found = {window_of(within, time if within == "night" else at, site) for time in times}
    return sorted(window for window in found if window is not None)


def default_validity(anchor: int, days: tuple[float, float] | None, neighbours: Sequence[int],
                     forever: tuple[int, int]) -> tuple[int, int]:
    """The time stamps of a new object: so many days before and after, never past the midpoint to a neighbour."""
    if days is None:
        return forever
    low, high = midpoints(anchor, neighbours)
    return max(low, anchor - round(days[0] * DAY)), min(high, anchor + round(days[1] * DAY))


def midpoints(anchor: int, neighbours: Sequence[int]) -> tuple[int, int]:
    """The midpoints to the nearest neighbour before and after; far away where there is none."""
    earlier = [time for time in neighbours if time < anchor]
    later = [time for time in neighbours if time > anchor]
    return ((max(earlier) + anchor + 1) // 2 if earlier else -(1 << 62), (min(later) + anchor + 1) // 2 if later else 1 << 62)
