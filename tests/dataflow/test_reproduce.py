"""Objects are made again from what was recorded, and compared."""
from __future__ import annotations

import pytest

from awe.errors import QueryError
from tests.dataflow import toy
from tests.dataflow.toy import Flat, Stack


@pytest.fixture
def stack(observatory):
    for number in (10, 11, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    return Stack.get(field="F")


def test_what_was_made_comes_out_identical_whatever_has_come_since(stack, observatory):
    observatory.flat(0, 99)
    assert Stack.get(field="F").oid != stack.oid
    for made in (stack, stack.frames[0], stack.frames[0].flat):
        again = made.reproduce()
        assert again and not again.measured and not again.files and not again.code, str(again)
        assert "comes out identical" in str(again)
    assert len(Flat.select_all()) == 2 and len(Stack.select_all()) == 2


def test_other_code_is_told_and_what_it_changes(stack, monkeypatch):
    flat = stack.frames[0].flat

    def make(self):
        self.level = toy.mean(self.raws) + 1.0
    monkeypatch.setattr(Flat, "make", make)
    monkeypatch.setattr(Flat, "version", 2)
    again = flat.reproduce()
    assert not again.is_identical
    assert again.measured["level"] == (11.0, 12.0) and again.code["version"] == (1, 2)
    assert "comes out different" in str(again) and "level: 11 then, 12 now" in str(again)


def test_what_call_time_parameters_made_is_made_again_with_them(stack):
    flat = Flat.get(instrument="cam", chip="c1", filter="r", pars={"Flat": {"scale": 2.0}})
    assert flat.level == 22.0 and flat.reproduce()


def test_what_was_brought_in_cannot_be_made_again(stack):
    raw = stack.frames[0].flat.raws[0]
    assert not hasattr(raw, "reproduce")
    with pytest.raises(QueryError, match="is not committed"):
        Flat().reproduce()
