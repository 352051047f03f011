"""Observing nights: noon to noon of local time at a fixed offset from UTC, named by the date they begin."""
from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta


def night_of(date_obs: datetime, utc_offset: float) -> date:
    """Return the night an instant belongs to: the local date at the noon before it.

    Parameters
    ----------
    date_obs : datetime
        Aware instant; one without a zone counts as UTC.
    utc_offset : float
        Hours that local time is ahead of UTC; no summer time.
    """
    instant = date_obs if date_obs.tzinfo is not None else date_obs.replace(tzinfo=UTC)
    local = instant.astimezone(UTC) + timedelta(hours=utc_offset)
    return (local - timedelta(hours=12)).date()


def night_window(night: date, utc_offset: float) -> tuple[datetime, datetime]:
    """Return the local noons, in UTC, between which a night lies; the first belongs to it, the second does not."""
    noon = datetime.combine(night, time(12), tzinfo=UTC) - timedelta(hours=utc_offset)
    return noon, noon + timedelta(days=1)


def midnight_of(night: date, utc_offset: float) -> datetime:
    """Return the local midnight, in UTC, at which a night is evaluated."""
    return night_window(night, utc_offset)[0] + timedelta(hours=12)
