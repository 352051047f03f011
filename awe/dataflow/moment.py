"""Times as people write them."""
from __future__ import annotations

import datetime

from awe.dataflow.site import Site
from awe.errors import QueryError
from awe.persist.types import to_microseconds

When = str | datetime.date | datetime.datetime


def moment(when: When, site: Site) -> int:
    """The instant that is meant: a date is the local night that begins on it, taken at local midnight.

    >>> moment("2003-02-14T03:12", Site()) == moment(datetime.datetime(2003, 2, 14, 3, 12), Site())
    True
    """
    if isinstance(when, str):
        when = parsed(when)
    if isinstance(when, datetime.datetime):
        return to_microseconds(when)
    return site.midnight(to_microseconds(datetime.datetime(when.year, when.month, when.day)))


def parsed(text: str) -> datetime.date | datetime.datetime:
    """A date or a moment in UTC, from ISO text."""
    try:
        return datetime.date.fromisoformat(text) if len(text) == 10 else datetime.datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f"{text!r} is no time; write a night as 2003-02-14 or a moment in UTC as 2003-02-14T03:12") from None
