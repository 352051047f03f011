"""The walk that the whole system is for, on numbers."""
from __future__ import annotations

import pytest

from awe.dataflow.state import State
from awe.errors import HeldError, MakeError, NoRawDataError
from awe.persist.edit import edit
from tests.dataflow.toy import Flat, Master, RawFlat, RawFrame, RawSky, Reduced, Stack


@pytest.fixture
def night(observatory):
    for number in (10, 11, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    return observatory


def test_get_makes_everything_beneath_and_only_once(night):
    stack = Stack.get(field="F")
    assert stack.number == pytest.approx(sum(round(n / 11, 3) for n in (100, 120)) / 2)
    assert [frame.flat.level for frame in stack.frames] == [11.0, 11.0]
    assert Stack.get(field="F") is stack
    assert stack.is_up_to_date()
    assert len(Flat.select_all()) == 1 and len(Reduced.select_all()) == 2


def test_plan_says_why_and_makes_nothing(night):
    plan = Stack.plan(field="F")
    assert plan.counts() == {"up to date": 8, "to be made": 4}, "an optional input that is not there does not count"
    assert "none has been made" in str(plan)
    assert not len(Flat.select_all())


def test_a_new_flat_remakes_only_what_stands_on_it(night):
    stack = Stack.get(field="F")
    night.flat(0, 15)
    plan = Stack.plan(field="F")
    states = {node.cls.__name__: node.state for node in plan.nodes}
    assert states["Flat"] is State.OUT_OF_DATE and states["Reduced"] is State.UNDECIDED and states["Stack"] is State.UNDECIDED
    assert "added" in str(plan)
    again = Stack.get(field="F")
    assert again.oid != stack.oid and again.frames[0].flat.level == 12.0
    assert not stack.is_up_to_date()


def test_an_equal_flat_cuts_off_what_stands_on_it(night):
    stack = Stack.get(field="F")
    night.flat(0, 11)
    assert not Stack.plan(field="F").is_up_to_date
    assert Stack.get(field="F") is stack
    assert Stack.plan(field="F").is_up_to_date
    assert len(Flat.select_all()) == 2


def test_a_flat_that_was_invalidated_is_held(night):
    stack = Stack.get(field="F")
    flat = stack.frames[0].flat
    edit(flat, "is_valid", 0, "lamp was off")
    with pytest.raises(HeldError, match="held"):
        Flat.get(instrument="cam")
    assert len(Flat.select_all()) == 1
    raw = RawFlat.select_all()[0]
    edit(raw, "is_valid", 0, "drop it")
    assert Flat.get(instrument="cam").level == 11.5


def test_a_flag_holds_and_is_accepted(observatory):
    observatory.flat(0, 200)
    observatory.flat(0, 300)
    observatory.frame(0, 5)
    with pytest.raises(MakeError, match="HIGH"):
        Flat.get(instrument="cam")
    with pytest.raises(HeldError, match="HIGH"):
        Flat.get(instrument="cam")
    assert len(Flat.select_all()) == 1
    edit(Flat.select_all()[0], "is_valid", 2, "fine")
    assert Flat.get(instrument="cam").level == 250.0


def test_a_permanent_failure_is_held_and_a_transient_one_is_tried_again(observatory):
    bad = observatory.flat(0, -5)
    observatory.flat(0, 5)
    with pytest.raises(MakeError, match="below zero"):
        Flat.get(instrument="cam")
    with pytest.raises(HeldError, match="below zero"):
        Flat.get(instrument="cam")
    with pytest.raises(MakeError, match="below zero"):
        Flat.get(instrument="cam", retry=True)
    edit(bad, "is_valid", 0, "bad")
    observatory.flat(0, -950)
    for _ in range(2):
        with pytest.raises(MakeError, match="disk was away"):
            Flat.get(instrument="cam")


def test_parameters_select_and_remake(night):
    first = Flat.get(instrument="cam")
    doubled = Flat.get(instrument="cam", pars={"Flat": {"scale": 2}})
    assert doubled.level == 2 * first.level
    assert Flat.get(instrument="cam") is first
    assert Flat.get(instrument="cam", pars={"Flat": {"scale": 2.0}}) is doubled
    plan = Flat.plan(instrument="cam", pars={"Flat": {"scale": 3}})
    assert "scale 2.0 -> 3.0" in str(plan) or "scale 1.0 -> 3.0" in str(plan)


def test_no_raw_data_is_said_in_words(observatory):
    observatory.frame(0, 5)
    with pytest.raises(NoRawDataError, match="RawFlat"):
        Reduced.get(exposure="e1")
    with pytest.raises(NoRawDataError, match="did you mean 'F'"):
        observatory.frame(0, 5)
        Stack.get(field="f")
    observatory.flat(12, 10)
    with pytest.raises(NoRawDataError, match=r"at least 2.*12\.0 days away"):
        Reduced.get(exposure="e1")


def test_what_may_be_led_by_either_can_be_asked_for_with_either(night):
    master = Master.get(instrument="cam", chip="c1", filter="r")
    assert master.twilight is None and master.level == master.dome.level == 11.0
    night.raw(RawSky, 1, 3, chip="c2")
    assert {one.keys["chip"] for one in Master.requests(instrument="cam")} == {"c1", "c2"}


def test_an_open_set_may_grow(night):
    stack = Stack.get(field="F")
    night.frame(0, 140)
    plan = Stack.plan(field="F")
    assert plan.tops[0].state is State.MAY_GROW and stack.is_up_to_date()
    assert Stack.get(field="F") is stack
    assert len(Stack.get(field="F", grow=True).frames) == 3


def test_a_version_outdates(night, monkeypatch):
    flat = Flat.get(instrument="cam")
    monkeypatch.setattr(Flat, "version", 2)
    assert "version 1 -> 2" in str(Flat.plan(instrument="cam"))
    assert Flat.get(instrument="cam").oid != flat.oid


def test_a_new_version_of_the_camera_outdates(night):
    from tests.dataflow.toy import Camera

    Stack.get(field="F")
    Camera(name="cam", gain=2.0).commit()
    plan = Stack.plan(field="F")
    assert "Camera" in str(plan) and "replaced" in str(plan)
    assert RawFrame.select_all()[0].instrument.gain == 1.0


def test_two_workers_make_the_same(night):
    stack = Stack.get(field="F", workers=2)
    assert stack.number == pytest.approx(sum(round(n / 11, 3) for n in (100, 120)) / 2)
    assert len(Flat.select_all()) == 1
