"""The acceptance walk on PostgreSQL gives what it gives on SQLite, value by value and file by file."""
from __future__ import annotations

import json
import os

import pytest

from awe.dataflow.state import State
from awe.errors import HeldError
from awe.persist import tables
from awe.persist.edit import edit
from awe.targets import CoaddFrame, DomeFlat, HotPixelMap, MasterFlat, RawDomeFlatFrame, ReducedScienceFrame, SourceList
from tests.forking import run_forked
from tests.robustness.conftest import opened
from tests.robustness.homes import fsck
from tests.targets import walk

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def home(ingested, tmp_path_factory):
    """An instance on PostgreSQL whose source list was made in this process."""
    home = ingested["postgresql"].copy(tmp_path_factory.mktemp("walked") / "home")
    instance = opened(home)
    SourceList.get(object=walk.FIELD)
    instance.close()
    return home


@pytest.fixture
def instance(home):
    found = opened(home)
    yield found
    found.close()


def test_same_values_and_files(instance, undisturbed):
    assert walk.fingerprints(instance) == undisturbed
    assert len(undisturbed) > 30


def test_same_values_and_files_by_two_workers(ingested, undisturbed, tmp_path):
    home = ingested["postgresql"].copy(tmp_path / "home")
    elsewhere = {"NUMBA_NUM_THREADS": "1", "TZ": "Asia/Tokyo"}
    answer = run_forked("-m", "tests.targets.walk", home.path, home.url, "2", env={**os.environ, **elsewhere})
    assert answer.returncode == 0, answer.stderr[-2000:]
    made = json.loads(answer.stdout.splitlines()[-1])
    assert {name: made.get(name) for name in undisturbed} == undisturbed
    fsck(home)


def test_a_second_get_makes_nothing(instance):
    before = walk.count(instance, tables.object_), walk.count(instance, tables.job)
    assert set(SourceList.plan(object=walk.FIELD).counts()) == {"up to date"}
    found = SourceList.get(object=walk.FIELD)
    assert found.is_up_to_date() and CoaddFrame.get(object=walk.FIELD, filter="r").is_up_to_date()
    assert (walk.count(instance, tables.object_), walk.count(instance, tables.job)) == before


def test_five_lines(instance):
    q = (ReducedScienceFrame.chip.name == "ccd53") & (ReducedScienceFrame.filter.name == "r")
    x = [k.imstat.stdev for k in q]
    y = [k.flat.imstat.stdev for k in q]
    assert len(x) == len(y) == 3 and min(x) > 0 and min(y) > 0


def test_a_calibration_by_night_and_chip(instance):
    night = RawDomeFlatFrame.select_all()[0].date_obs.date()
    found = HotPixelMap.get(date=night, chip="ccd50")
    assert found.chip.name == "ccd50" and HotPixelMap.get(date=str(night), chip="ccd50") is found


def test_an_invalidated_flat_is_held_and_can_be_had_back(instance):
    flat, count = (DomeFlat.chip.name == "ccd50")[0], len(DomeFlat.select_all())
    edit(flat, "is_valid", 0, "the lamp was off")
    with pytest.raises(HeldError, match="invalidated"):
        DomeFlat.get(chip="ccd50", filter="r")
    assert State.HELD in {node.state for node in MasterFlat.plan(chip="ccd50", filter="r").nodes}
    assert not SourceList.find(object=walk.FIELD).is_up_to_date()
    edit(flat, "is_valid", 1, "no, it was not")
    assert DomeFlat.get(chip="ccd50", filter="r") is flat and len(DomeFlat.select_all()) == count
    assert SourceList.find(object=walk.FIELD).is_up_to_date()
