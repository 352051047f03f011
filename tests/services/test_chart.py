from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.services.chart import Point, axis, chart

FLOATS = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_every_point_lies_within_its_axes(pairs: list[tuple[float, float]]) -> None:
    drawn = chart([Point(x, y) for x, y in pairs], "x", "y")
    assert drawn is not None and len(drawn.marks) == len(pairs)
    for x, y, _, _, _ in drawn.marks:
        assert drawn.left <= x <= drawn.right and drawn.top <= y <= drawn.bottom
    assert 1 <= len(drawn.x.ticks) <= 14 and 1 <= len(drawn.y.ticks) <= 14


@pytest.mark.parametrize("seconds", [5, 600, 86400, 40 * 86400, 300 * 86400, 4000 * 86400])
def test_moments_have_ticks_at_any_distance(seconds: int) -> None:
    start = datetime.datetime(2024, 3, 10, 22, 13, tzinfo=datetime.UTC)
    drawn = chart([Point(start, 1.0), Point(start + datetime.timedelta(seconds=seconds), 2.0)], "time", "y")
    assert drawn is not None and 1 <= len(drawn.x.ticks) <= 14


def test_what_has_no_value_is_left_out_and_counted() -> None:
    drawn = chart([Point(1.0, math.nan), Point(2.0, None), Point(3.0, 4.0)], "x", "y")
    assert drawn is not None and drawn.left_out == 2
    assert chart([Point(1.0, math.inf)], "x", "y") is None


def test_one_value_has_an_axis_too() -> None:
    found = axis([5.0], 0.0, 100.0)
    assert found.low < 5.0 < found.high and found.place(5.0) == 50.0
