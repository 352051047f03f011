from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import HeaderError
from awe.instruments.dates import parse_date, to_utc

EXPECTED = datetime(2019, 3, 26, 2, 27, 31, 130000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value,form,clock",
    [
        ("2019-03-26T02:27:31.13", "auto", None),
        ("2019-03-26 02:27:31.13", "auto", None),
        ("2019-03-26", "auto", "02:27:31.13"),
        ("2019/03/26", "iso", "02:27:31.13Z"),
        ("20190326", "auto", "02:27:31.13"),
        ("20190326T022731.13", "yyyymmdd", None),
        ("2019-3-26", "auto", "2:27:31.13"),
        ("2019-03-26T02:27:31.13Z", "auto", None),
        ("20190326", "auto", "022731.13"),
        ("2019-03-26T02:27:31.13+00:00", "auto", None),
    ],
)
def test_forms(value, form, clock):
    assert parse_date(value, form, clock) == EXPECTED


def test_old_fits_dates_are_of_the_twentieth_century():
    assert parse_date("26/10/92", "auto", "03:04:08") == datetime(1992, 10, 26, 3, 4, 8, tzinfo=UTC)
    assert parse_date("26/10/92", "dd/mm/yy", 12.5) == datetime(1992, 10, 26, 12, 30, tzinfo=UTC)


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)))
def test_julian_dates(instant):
    mjd = (instant - datetime(1858, 11, 17)) / timedelta(days=1)
    for value, form in (
        (mjd, "mjd"),
        (mjd, "auto"),
        (mjd + 2400000.5, "jd"),
        (mjd + 2400000.5, "auto"),
        (str(mjd), "auto"),
    ):
        assert abs(parse_date(value, form) - instant.replace(tzinfo=UTC)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "value,form",
    [
        ("2019-03-26", "auto"),
        ("2019-13-26T00:00:00", "auto"),
        ("2019-02-30T00:00:00", "iso"),
        ("yesterday", "auto"),
        ("hh:mm:ss.ss", "auto"),
        ("2019-03-26T25:00:00", "auto"),
        ("26/10/92T00:00", "iso"),
        ("nan", "mjd"),
        ("", "auto"),
        ("2019-03-26T02:61:00", "auto"),
        (True, "auto"),
        (-5, "mjd"),
        (9e9, "jd"),
        (float("inf"), "auto"),
    ],
)
def test_nonsense(value, form):
    with pytest.raises(HeaderError):
        parse_date(value, form)


def test_leap_seconds():
    tai = datetime(2003, 10, 19, 4, 48, 21, 310000, tzinfo=UTC)
    assert to_utc(tai, "tai") == tai - timedelta(seconds=32)
    assert to_utc(tai, "utc") == tai
    assert abs(to_utc(tai, "tt") - (tai - timedelta(seconds=64.184))) < timedelta(microseconds=2)
