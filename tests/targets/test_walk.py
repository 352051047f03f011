"""The acceptance walk, on a small simulated run."""
from __future__ import annotations

import numpy as np
import pytest

from awe.dataflow.state import State
from awe.errors import HeldError
from awe.persist.edit import edit
from awe.targets import (
    CoaddFrame,
    DomeFlat,
    HotPixelMap,
    MasterFlat,
    RawDomeFlatFrame,
    ReducedScienceFrame,
    SourceList,
)
from tests.targets.walk import FIELD


def test_five_lines(instance):
    q = (ReducedScienceFrame.chip.name == "ccd53") & (ReducedScienceFrame.filter.name == "r")
    x = [k.imstat.stdev for k in q]
    y = [k.flat.imstat.stdev for k in q]
    assert len(x) == len(y) == 3 and min(x) > 0 and min(y) > 0


def test_everything_is_up_to_date_and_nothing_is_made_again(instance):
    plan = SourceList.plan(object=FIELD)
    assert set(plan.counts()) == {"up to date"}, str(plan)
    before = SourceList.find(object=FIELD)
    assert SourceList.get(object=FIELD) is before
    assert before.is_up_to_date()


def test_a_calibration_is_asked_for_by_night_and_chip(instance):
    night = RawDomeFlatFrame.select_all()[0].date_obs.date()
    found = HotPixelMap.get(date=night, chip="ccd50")
    assert found.chip.name == "ccd50" and found.count > 0
    assert HotPixelMap.get(date=str(night), chip="ccd50") is found


def test_a_coadd_has_weight_coverage_and_zero_point(instance):
    coadd = CoaddFrame.get(object=FIELD, filter="r")
    image = coadd.image
    assert coadd.zero_point == 30.0 and image.cards["MAGZERO"] == 30.0
    assert image.data.shape == image.weight.shape == image.coverage.shape == image.mask.shape
    assert image.coverage.max() == 3 and np.isfinite(image.data[image.coverage > 0]).all()


def test_a_flat_that_is_invalidated_is_held_until_a_raw_is_dropped(fresh):
    before = CoaddFrame.find(object=FIELD)
    flat = (DomeFlat.chip.name == "ccd50")[0]
    edit(flat, "is_valid", 0, "the lamp was off")
    with pytest.raises(HeldError, match="invalidated"):
        DomeFlat.get(chip="ccd50", filter="r")
    states = {node.state for node in MasterFlat.plan(chip="ccd50", filter="r").nodes}
    assert State.HELD in states
    count = len(DomeFlat.select_all())
    edit((RawDomeFlatFrame.chip.name == "ccd50")[0], "is_valid", 0, "this one was dark")
    edit((RawDomeFlatFrame.chip.name == "ccd50")[0], "is_valid", 1, "no, it was not")
    assert len(DomeFlat.select_all()) == count
    assert before.depth == 6


def test_a_cut_off_spares_what_stands_on_it(fresh):
    """A new version of a raw flat with the same pixels gives an equal flat, and nothing above is remade."""
    before = SourceList.find(object=FIELD)
    flats = len(DomeFlat.select_all())
    old = (RawDomeFlatFrame.chip.name == "ccd53")[0]
    edit(old, "is_valid", 0, "to be brought back")
    assert not SourceList.plan(object=FIELD).is_up_to_date
    edit(old, "is_valid", 1, "it is fine")
    assert SourceList.plan(object=FIELD).is_up_to_date
    assert SourceList.get(object=FIELD) is before and len(DomeFlat.select_all()) == flats
