"""Stretches of the calendar: a year, quarter, month or week, the one before and the one after."""
from __future__ import annotations

import datetime
from dataclasses import dataclass

KINDS = ("year", "quarter", "month", "week")
MONTHS = {"year": 12, "quarter": 3, "month": 1}


@dataclass(frozen=True)
class Period:
    """From `start`, included, until `end`, excluded; both at midnight UTC."""

    kind: str
    start: datetime.datetime
    end: datetime.datetime

    @property
    def label(self) -> str:
        """Its name: ``2026``, ``2026 quarter 2``, ``2026-05``, ``week of 2026-05-04``."""
        words = {"year": f"{self.start:%Y}", "quarter": f"{self.start:%Y} quarter {(self.start.month + 2) // 3}",
                 "month": f"{self.start:%B %Y}"}
        return words.get(self.kind, f"week of {self.start:%Y-%m-%d}")

    @property
    def before(self) -> Period:
        """The one before it."""
        return period_of(self.kind, self.start - datetime.timedelta(days=1))

    @property
    def after(self) -> Period:
        """The one after it."""
        return period_of(self.kind, self.end)


def period_of(kind: str, moment: datetime.datetime) -> Period:
    """The year, quarter, month or week that a moment lies in; weeks begin on Monday."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "week":
        start = day - datetime.timedelta(days=day.weekday())
        return Period(kind, start, start + datetime.timedelta(days=7))
    length = MONTHS[kind]
    start = day.replace(month=(day.month - 1) // length * length + 1, day=1)
    count = start.month - 1 + length
    return Period(kind, start, start.replace(year=start.year + count // 12, month=count % 12 + 1))
