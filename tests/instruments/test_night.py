from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from awe.instruments import midnight_of, night_of, night_window

instants = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
offsets = st.sampled_from([-12.0, -10.0, -7.0, -4.0, 0.0, 1.0, 5.5, 5.75, 14.0])


def test_nights_of_the_real_sets():
    assert night_of(datetime(2019, 5, 3, 9, 3, 11, tzinfo=UTC), -7) == date(2019, 5, 2)
    assert night_of(datetime(2019, 3, 26, 1, 4, 25, tzinfo=UTC), -7) == date(2019, 3, 25)
    assert night_of(datetime(2022, 10, 24, 0, 15, tzinfo=UTC), 5.5) == date(2022, 10, 23)


def test_noon_begins_the_night():
    noon, end = night_window(date(2003, 2, 14), -4)
    assert noon == datetime(2003, 2, 14, 16, tzinfo=UTC) and end == datetime(2003, 2, 15, 16, tzinfo=UTC)
    assert night_of(noon, -4) == date(2003, 2, 14)
    assert night_of(noon - timedelta(microseconds=1), -4) == date(2003, 2, 13)
    assert midnight_of(date(2003, 2, 14), -4) == datetime(2003, 2, 15, 4, tzinfo=UTC)


@given(instants, offsets)
def test_an_instant_lies_in_its_night(instant, offset):
    night = night_of(instant, offset)
    start, stop = night_window(night, offset)
    assert start <= instant < stop
    assert night_of(midnight_of(night, offset), offset) == night
    assert night_of(instant.astimezone(timezone(timedelta(hours=3))), offset) == night
    assert night_of(instant.replace(tzinfo=None), offset) == night
