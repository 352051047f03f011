"""Dates as headers write them, to aware UTC datetimes."""
from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from awe.errors import HeaderError

FORMATS = ("auto", "iso", "dd/mm/yy", "yyyymmdd", "mjd", "jd", "unix")
SCALES = ("utc", "tai", "tt")

_ISO = re.compile(r"(\d{4})[-/](\d\d?)[-/](\d\d?)(?:[T ]+(\S+))?")
_OLD = re.compile(r"(\d\d?)[/-](\d\d?)[/-](\d\d)(?:[T ]+(\S+))?")
_RUN = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[T_ -]?(\d{6}(?:\.\d+)?))?")
_CLOCK = re.compile(r"(\d\d?)[:hH ](\d\d?)(?:[:mM ](\d\d?(?:\.\d*)?)[sS]?)?")
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_JD_OF_MJD = 2400000.5
_NUMERIC = ("mjd", "jd", "unix")


def parse_date(value: object, form: str = "auto", clock: object = None) -> datetime:
    """Return the instant that `value` tells, in the time scale of the header, marked UTC.

    Parameters
    ----------
    value : object
        Text or number of the card.
    form : str
        One of `FORMATS`; ``auto`` tells ISO, DD/MM/YY, YYYYMMDD, MJD and JD apart.
    clock : object, optional
        Time of day of a second card (``hh:mm:ss.s`` or decimal hours), for dates that come without one.

    Raises
    ------
    HeaderError
        Where the text is not a date, or has no time of day.
    """
    number = _as_number(value)
    if form in _NUMERIC or (form == "auto" and number is not None and not _looks_run_together(value)):
        return _from_number(value, number, form)
    day, rest = _calendar(str(value).strip(), form)
    time_of_day = rest if rest is not None else clock
    if time_of_day is None:
        raise HeaderError(f"date {value!r} has no time of day; name the card that has it with time = \"KEYWORD\"")
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + parse_clock(time_of_day)


def parse_clock(value: object) -> timedelta:
    """Return the time of day that ``hh:mm:ss.s``, ``hhmmss.s`` or a number of hours tells."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        hours, minutes, seconds = float(value), 0.0, 0.0
    else:
        text = str(value).strip().rstrip("Zz")
        text = re.sub(r"\+00:?00$", "", text)
        match = _CLOCK.fullmatch(text) or re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d*)?)", text)
        if match is None:
            raise HeaderError(f"{value!r} is not a time of day such as 04:48:21.31")
        hours, minutes, seconds = (float(group or 0) for group in match.groups())
    if not (0 <= hours <= 24 and 0 <= minutes < 60 and 0 <= seconds <= 61):
        raise HeaderError(f"{value!r} is not a time of day such as 04:48:21.31")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def to_utc(instant: datetime, scale: str) -> datetime:
    """Convert an instant of the time scale `scale` (utc, tai, tt) to UTC, leap seconds included."""
    if scale == "utc":
        return instant
    from astropy.time import Time  # a fifth of a second to load, and most dates are in UTC

    converted = Time(instant.replace(tzinfo=None), scale=scale).utc.to_datetime()
    return converted.replace(tzinfo=UTC)  # type: ignore[no-any-return]


def _as_number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(str(value))
    except ValueError:
        return None


def _looks_run_together(value: object) -> bool:
    return _RUN.fullmatch(str(value).strip()) is not None


def _from_number(value: object, number: float | None, form: str) -> datetime:
    if number is None or number != number:
        raise HeaderError(f"{value!r} is not a number, as a date in the form {form} should be")
    if form == "unix":
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    mjd = number - _JD_OF_MJD if form == "jd" or (form == "auto" and number > 2.0e6) else number
    if not 0 < mjd < 1.1e5:
        raise HeaderError(f"{value!r} is not a plausible date in the form {form}")
    days = int(mjd)
    return _MJD_EPOCH + timedelta(days=days, microseconds=round((mjd - days) * 86_400_000_000))


def _calendar(text: str, form: str) -> tuple[date, str | None]:
    """Split text into its day and its time of day."""
    if form in ("auto", "iso") and (match := _ISO.fullmatch(text)):
        return _day(text, int(match[1]), int(match[2]), int(match[3])), match[4]
    if form in ("auto", "dd/mm/yy") and (match := _OLD.fullmatch(text)):
        return _day(text, 1900 + int(match[3]), int(match[2]), int(match[1])), match[4]
    if form in ("auto", "yyyymmdd") and (match := _RUN.fullmatch(text)):
        return _day(text, int(match[1]), int(match[2]), int(match[3])), match[4]
    wanted = "a date such as 2019-03-26T02:27:31" if form == "auto" else f"a date in the form {form}"
    raise HeaderError(f"{text!r} is not {wanted}")


def _day(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise HeaderError(f"{text!r} is not a date: {error}") from None
