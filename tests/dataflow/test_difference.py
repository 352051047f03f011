"""What differs between two objects, and where it begins."""
from __future__ import annotations

import json

import pytest

from awe.dataflow.difference import difference
from awe.errors import QueryError
from tests.dataflow.toy import Flat, Stack


@pytest.fixture
def stack(observatory):
    for number in (10, 11, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    return Stack.get(field="F")


def test_an_object_does_not_differ_from_itself(stack):
    found = difference(stack, stack)
    assert found.is_equal and found.causes() == [] and not list(found.lines())


def test_a_new_raw_far_below_is_the_one_cause(stack, observatory):
    raw = observatory.flat(0, 15)
    again = Stack.get(field="F")
    found = difference(stack, again)
    assert not found.is_equal
    assert found.causes() == [f"Flat.raws: only the second used {raw!r}"]
    assert found.measured["number"] == (stack.number, again.number)
    assert [each.slot for each in found.inputs] == ["frames", "frames"]
    text = str(found)
    assert "different values" in text and "because of" in text and "(shown above)" in text
    assert json.loads(json.dumps(found.as_dict()))["causes"] == found.causes()


def test_parameters_and_versions_are_causes(stack, monkeypatch):
    flat = stack.frames[0].flat
    monkeypatch.setattr(Flat, "version", 2)
    other = Flat.get(instrument="cam", chip="c1", filter="r", pars={"Flat": {"scale": 2.0}})
    found = difference(flat, other)
    assert found.causes() == ["Flat: scale 1.0 and 2.0", "Flat: version 1 and 2 of the class"]
    assert found.measured["level"] == (11.0, 22.0)


def test_an_equal_remake_is_equal_and_says_what_it_was_made_from(stack, observatory):
    raw = observatory.flat(0, 11)
    flat = stack.frames[0].flat
    again = Flat.get(instrument="cam", chip="c1", filter="r")
    found = difference(flat, again)
    assert flat.oid != again.oid and found.is_equal and found.causes() == [f"Flat.raws: only the second used {raw!r}"]


def test_another_member_and_another_class(stack, observatory):
    other = observatory.frame(0, 140)
    grown = Stack.get(field="F", grow=True)
    found = difference(stack, grown)
    assert len(found.inputs) == 1 and found.inputs[0].first is None and other.exposure in found.inputs[0].text
    with pytest.raises(QueryError, match="different classes"):
        difference(stack, stack.frames[0])
