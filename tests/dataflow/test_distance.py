"""What cannot be had for want of raw data: the reason says how far away the nearest is, and when."""
from __future__ import annotations

import re

import pytest

from awe.dataflow.state import State
from awe.errors import NoRawDataError
from awe.persist.context import context
from awe.persist.edit import edit
from tests.dataflow import toy
from tests.dataflow.conftest import when


@pytest.fixture
def march(observatory):
    """Dome flats of two nights in March 2026, frames of one of them, and nothing else."""
    for night in (0, 0, 5, 5):
        observatory.flat(night, 10, hour=1.0)
    observatory.frame(0, 100, hour=1.0)
    return observatory


def texts(plan):
    (top,) = plan.tops
    assert top.state is State.MISSING
    return " | ".join(reason.text for reason in top.reasons)


@pytest.mark.parametrize("date, nearest", [("2025-03-01", "2026-03-01"), ("2027-03-06", "2026-03-06")])
def test_a_group_says_which_raws_are_nearest_however_far(march, date, nearest):
    text = texts(toy.Flat.plan(instrument="cam", date=date))
    found = re.fullmatch(r"needs at least 2 RawFlat of one night, found 0; the nearest is (.*) days away, on (.*)", text)
    assert found is not None and found[2] == nearest
    assert float(found[1]) == pytest.approx(365, abs=0.6)
    with pytest.raises(NoRawDataError, match=f"days away, on {nearest}"):
        toy.Flat.get(instrument="cam", date=date)


def test_too_few_within_reach_say_how_far_they_are(march):
    march.flat(100, 10, hour=0)
    text = texts(toy.Flat.plan(instrument="cam", time=when(98)))
    assert text == "needs at least 2 RawFlat of one night, found 1; the nearest is 2.0 days away, on 2026-06-09"


def test_what_may_be_made_from_either_says_it_of_both(march):
    march.raw(toy.RawSky, 9, 3)
    text = texts(toy.Master.plan(instrument="cam", chip="c1", filter="r", time=when(200)))
    assert "Twilight cam c1 r needs at least 1 RawSky of one night, found 0; the nearest is 191.0 days away, on 2026-03-10" in text
    assert "Flat cam c1 r needs at least 2 RawFlat of one night, found 0; the nearest is 195.0 days away, on 2026-03-06" in text


def test_what_stands_on_it_says_it_too(march):
    march.frame(100, 7, exposure="late", field="G")
    for plan in (toy.Reduced.plan(exposure="late"), toy.Fine.plan(exposure="late"), toy.Stack.plan(field="G")):
        assert "RawFlat of one night, found 0; the nearest is 95.0 days away, on 2026-03-06" in texts(plan), str(plan)


def test_only_what_can_be_used_and_seen_counts(march):
    for raw in toy.RawFlat.select_all():
        if raw.anchor > when(4):
            edit(raw, "is_valid", 0, "bad")
    assert "on 2026-03-01" in texts(toy.Flat.plan(instrument="cam", time=when(200)))
    context.set_privileges(1)
    march.flat(150, 10)
    context.set_privileges(3)
    assert "on 2026-03-01" in texts(toy.Flat.plan(instrument="cam", time=when(200)))


@pytest.mark.parametrize("bad, words", [
    (1, "found 1; the nearest is 0.0 days away, on 2026-06-09; 1 within reach is invalid or flagged"),
    (2, "found 0; the nearest is 95.0 days away, on 2026-03-06; 2 within reach are invalid or flagged"),
])
def test_what_is_near_and_may_not_be_used_is_counted(march, bad, words):
    """Somebody who sees two flats of that night is told why they are too few."""
    march.flat(100, 10, hour=1.0)
    march.flat(100, 11, hour=1.0)
    for raw in [one for one in toy.RawFlat.select_all() if one.anchor > when(50)][:bad]:
        edit(raw, "is_valid", 0, "bad")
    assert texts(toy.Flat.plan(instrument="cam", time=when(100, hour=1.0))) == f"needs at least 2 RawFlat of one night, {words}"


def test_nothing_at_any_time_is_said_so(march):
    text = texts(toy.Master.plan(instrument="cam", chip="c1", filter="r", time=when(200)))
    assert "needs at least 1 RawSky of one night, found 0; there is none with instrument=cam, chip=c1, filter=r" in text


def test_a_definition_that_is_not_valid_yet_says_from_when_on_it_is(march):
    for band in toy.Band.select_all():
        edit(band, "timestamp_start", when(3), "was put in then")
    frame = toy.RawFrame.select_all()[0]
    text = texts(toy.Reduced.plan(exposure=frame.exposure))
    assert "the nearest is valid from 2026-03-04, 3.0 days away" in text
