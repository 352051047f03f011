"""Pars: shown, set for a call, committed for others."""
from __future__ import annotations

import pytest

from awe.dataflow.pars import Pars
from awe.errors import ConfigError, UnknownNameError
from tests.dataflow.toy import Flat


@pytest.fixture
def night(observatory):
    for number in (10, 12):
        observatory.flat(0, number)
    return observatory


def test_shows_values_levels_and_docs(night):
    assert "scale" in repr(Pars(Flat, instrument="cam")) and "default" in repr(Pars(Flat, instrument="cam"))


def test_is_set_for_one_call_alone(night):
    pars = Pars(Flat, instrument="cam")
    pars.scale = 2
    assert pars.get() == {"Flat": {"scale": 2.0}}
    assert Flat.get(instrument="cam", pars=pars.get()).level == 2 * Flat.get(instrument="cam").level


def test_is_committed_for_an_instrument_and_outdates(night):
    before = Flat.get(instrument="cam")
    pars = Pars(Flat, instrument="cam")
    pars.scale = 3
    pars.commit(why="the lamp is old")
    assert "instrument" in repr(pars) and pars.scale == 3.0
    assert "scale 1.0 -> 3.0" in str(Flat.plan(instrument="cam"))
    assert Flat.get(instrument="cam").level == 3 * before.level
    assert Pars(Flat, instrument="other").scale == 1.0


def test_refuses_what_is_no_parameter_or_no_reason(night):
    pars = Pars(Flat)
    with pytest.raises(UnknownNameError, match="did you mean 'scale'"):
        pars.scal = 3
    with pytest.raises(UnknownNameError):
        pars.nothing
    with pytest.raises(ConfigError, match="at least"):
        pars.scale = -1
    pars.scale = 2
    with pytest.raises(ConfigError, match="instrument"):
        pars.commit(why="because")
    with pytest.raises(ConfigError, match="say why"):
        pars.commit(why=" ")


def test_the_class_may_be_named_and_what_is_no_target_is_refused(night):
    assert Pars("Flat").get() == {} and "scale" in repr(Pars("Flat"))
    with pytest.raises(UnknownNameError, match="no class 'Flatt'"):
        Pars("Flatt")
    for wrong in (int, 7, "Raw"):
        with pytest.raises(ConfigError, match="no class of targets"):
            Pars(wrong)
