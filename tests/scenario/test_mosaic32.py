"""Which calibration each frame of three nights was reduced with, and why, against tables written by hand.

The camera is known from its TOML file alone.
"""
from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from awe.config import Config
from awe.dataflow.effects import effects
from awe.dataflow.instance import open_instance
from awe.dataflow.pars import Pars
from awe.dataflow.state import State
from awe.fileserver import Store
from awe.ingest import add_instrument, ingest
from awe.persist import session
from awe.persist.context import context
from awe.persist.edit import edit
from awe.targets import (
    DomeFlat,
    MasterBias,
    MasterDark,
    MasterFlat,
    RawBiasFrame,
    RawDomeFlatFrame,
    ReducedScienceFrame,
)
from awe.targets.instrument import sites
from tests.conftest import new_database, postgresql_server
from tests.scenario import camera

#: Frame -> nights of bias, dark and flat; the way the selection rule goes by the table of `camera`.
#: Night 1 has no darks; its frames lie after the midpoint between the darks of nights 0 and 2.
TABLE = {
    "n0-sky-g": (0, 0, 0), "n0-sky-r": (0, 0, 0),
    "n1-sky-g": (1, 2, 1), "n1-sky-r": (1, 2, 1),
    "n2-sky-g": (2, 2, 2), "n2-sky-r": (2, 2, 2),
}
#: The chip whose biases of night 2 are saturated takes those of night 1, which are valid for a day and a half.
FAILING = {**TABLE, "n2-sky-g": (1, 2, 2), "n2-sky-r": (1, 2, 2)}
#: How many raws are behind each kind of calibration of a night.
RAWS = {"bias": {0: 4, 1: 4, 2: 8}, "dark": {0: 3, 2: 3}, "g": {0: 3, 1: 3, 2: 3}, "r": {0: 3, 1: 2, 2: 3}}


def expected(chip: str) -> dict[str, tuple[int, int, int]]:
    return FAILING if chip == camera.FAILING else TABLE


def night_of(calibration) -> int:
    """The night that a calibration belongs to."""
    return (calibration.anchor - camera.START).days


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    return camera.write(tmp_path_factory.mktemp("mosaic32"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def instance(request, files, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    address = new_database(postgresql_server()) if request.param == "postgresql" else "sqlite:///awe.db"
    config = Config(home=home, database=address, user="ann")
    session.connect(config.url, user="ann", create=True).close()
    Store.create(config.store_path)
    opened = open_instance(config)
    add_instrument(Path(__file__).parent / "mosaic32.toml")
    opened.site = sites()
    report = ingest(files, commit=True)
    assert report.counts() == {"ingested": len(files)}, str(report)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reduced(instance) -> dict[tuple[str, str], ReducedScienceFrame]:
    """All frames of all chips, by chip and exposure."""
    return by_chip()


def by_chip() -> dict[tuple[str, str], ReducedScienceFrame]:
    """All frames up to date, by chip and exposure."""
    return {(frame.chip.name, frame.exposure): frame for frame in ReducedScienceFrame.get_all(instrument="mosaic32")}


def used(frames) -> dict[tuple[str, str], tuple[int, int, int]]:
    """The nights of bias, dark and flat that each frame was reduced with."""
    return {key: (night_of(frame.bias), night_of(frame.dark), night_of(frame.flat)) for key, frame in frames.items()}


#: (moment, what each frame used) just before each edit, for the questions about the past at the end.
BEFORE: list[tuple[datetime.datetime, dict[tuple[str, str], tuple[int, int, int]], dict[tuple[str, str], str]]] = []


def note(frames) -> None:
    """Remember what there is before an edit."""
    BEFORE.append((datetime.datetime.now(datetime.UTC), used(frames), {key: frame.object_id for key, frame in frames.items()}))


def differing(frames, table) -> dict[tuple[str, str], tuple]:
    """Where the nights used are not those of a table: what was used and what should have been."""
    return {key: (nights, table(key[0])[key[1]]) for key, nights in used(frames).items() if nights != table(key[0])[key[1]]}


def test_every_chip_of_every_exposure_is_there(reduced):
    assert len(reduced) == 32 * 6
    assert Counter(chip for chip, _ in reduced) == dict.fromkeys(camera.CHIPS, 6)


def test_bad_raws_are_flagged_and_no_others(instance, reduced):
    flagged = {(raw.chip.name, raw.exposure) for cls in (RawBiasFrame, RawDomeFlatFrame) for raw in cls.quality_flags > 0}
    saturated = {(camera.FAILING, frame.name) for frame in camera.frames() if frame.kind == "zero" and frame.night == 2}
    assert flagged == saturated | {(chip, camera.LAMP_OFF) for chip in camera.CHIPS}


def test_each_frame_used_the_calibrations_of_the_table(reduced):
    assert not differing(reduced, expected)


def test_each_calibration_is_made_of_the_raws_of_its_night(reduced):
    for (chip, exposure), frame in reduced.items():
        bias, dark, flat = expected(chip)[exposure]
        assert len(frame.bias.raws) == RAWS["bias"][bias], (chip, exposure)
        assert len(frame.dark.raws) == RAWS["dark"][dark], (chip, exposure)
        assert len(frame.flat.dome.raws) == RAWS[frame.filter.name][flat], (chip, exposure)
        assert {raw.exposure[:2] for raw in frame.bias.raws} == {f"n{bias}"}


def test_pixels_are_what_was_drawn(reduced):
    """A sky of 900 electrons, whatever the amplifier, the level of its bias and the night of its calibrations."""
    for (chip, exposure), frame in reduced.items():
        image = frame.image
        for half in (image.data[:, :24], image.data[:, 24:]):
            assert np.nanmedian(half) == pytest.approx(900.0 * 1.01, rel=0.02), (chip, exposure)


def test_everything_is_up_to_date_and_the_why_can_be_read(reduced):
    plan = ReducedScienceFrame.plan(instrument="mosaic32")
    assert plan.is_up_to_date, plan.summary()
    dark = reduced["C05", "n1-sky-g"].dark
    assert dark.timestamp_start < camera.at(1, 11) < dark.timestamp_end
    assert dark.timestamp_start == camera.at(1, 5.6) + datetime.timedelta(seconds=60)


def remade(before, after) -> dict[str, set[str]]:
    """Which chips of each exposure are other objects than before."""
    found: dict[str, set[str]] = {}
    for (chip, exposure), frame in after.items():
        if frame.oid != before[chip, exposure].oid:
            found.setdefault(exposure, set()).add(chip)
    return found


def test_biases_taken_again_replace_those_that_are_invalidated(reduced):
    """The first biases of night 2 turn out to be bad, and the frames of that night take the second.

    Those of night 1 stand on the darks of night 2 and follow, through the level of the mosaic also the chip that has no good
    biases of night 2; night 0 stays as it is.
    """
    note(reduced)
    for raw in RawBiasFrame.exposure.like("n2-bias-*"):
        edit(raw, "is_valid", 0, "the voltage was wrong")
    after = by_chip()
    assert remade(reduced, after) == {f"n{night}-sky-{band}": set(camera.CHIPS) for night in (1, 2) for band in "gr"}
    assert not differing(after, expected)
    used_on_night2 = {raw.exposure[:8] for (chip, exposure), frame in after.items() if exposure[:2] == "n2" and chip != camera.FAILING
                      for raw in frame.bias.raws}
    assert used_on_night2 == {"n2-again"}


def test_an_intervention_cuts_validity(reduced):
    """The camera was warmed up at noon of day 2: darks from before are valid until then, those of night 2 from then on."""
    warm_up = camera.at(2, 0)
    before = by_chip()
    note(before)
    for dark in MasterDark.select_all():
        if night_of(dark) == 0:
            edit(dark, "timestamp_end", warm_up, "warmed up")
        else:
            edit(dark, "timestamp_start", warm_up, "warmed up")
    after = by_chip()

    def table(chip):
        return {**expected(chip), "n1-sky-g": (1, 0, 1), "n1-sky-r": (1, 0, 1)}
    assert not differing(after, table)
    assert remade(before, after) == {f"n1-sky-{band}": set(camera.CHIPS) for band in "gr"}


def test_other_parameters_for_one_chip(reduced):
    """One chip gets other parameters: its biases are made anew, and eclipse the older ones."""
    before = by_chip()
    note(before)
    wanted = Pars(MasterBias, instrument="mosaic32", chip="C03")
    wanted.sigma_clip = 6.0
    wanted.commit(why="a trial")
    after = by_chip()
    changed = {key for key, frame in after.items() if frame.bias.oid != before[key].bias.oid}
    assert changed == {("C03", exposure) for exposure in TABLE}
    assert all(after[key].bias.sigma_clip == 6.0 for key in changed)


def test_a_flat_that_is_invalidated_is_held(reduced):
    """Nobody makes again what was judged bad; the plan says so, and what stands on it goes on with what there was."""
    asked = {"instrument": "mosaic32", "chip": "C09", "exposure": "n0-sky-r"}
    frame = ReducedScienceFrame.get(**asked)
    dome = frame.flat.dome
    edit(dome, "is_valid", 0, "a lamp of another colour")
    for _ in range(2):
        plan = ReducedScienceFrame.plan(**asked)
        held = {node.cls: node.reasons[0].text for node in plan.nodes if node.state is State.HELD}
        assert f"{dome.object_id[:8]} was invalidated" in held[DomeFlat]
        assert ReducedScienceFrame.get(**asked).oid == frame.oid
    assert "needs a twilight flat" in held[MasterFlat]
    assert not any(node.state.is_work for node in plan.nodes)
    edit(dome, "is_valid", 2, "good enough")
    again = ReducedScienceFrame.get(**asked)
    assert again.flat.dome is dome and again.is_up_to_date()


def test_each_earlier_table_comes_out_again_as_of_before_its_edit(instance):
    """What was used before each edit is what is told as of then, row by row, with the time stamps, validity and parameters of then."""
    assert len(BEFORE) >= 3
    for moment, nights, identities in BEFORE[-3:]:
        with context.as_of(moment):
            frames = {(frame.chip.name, frame.exposure): frame for frame in ReducedScienceFrame.get_all(instrument="mosaic32")}
            assert {key: frame.object_id for key, frame in frames.items()} == identities
            assert used(frames) == nights
            for frame in frames.values():
                for calibration in (frame.bias, frame.dark, frame.flat):
                    assert calibration.is_valid and calibration.timestamp_start <= frame.anchor < calibration.timestamp_end
            plan = ReducedScienceFrame.plan(instrument="mosaic32")
            assert plan.is_up_to_date, plan.summary()
    first, second, third = BEFORE[-3:]
    with context.as_of(first[0]):
        assert {raw.exposure[:4] for raw in RawBiasFrame.exposure.like("n2-bias-*") if raw.is_valid} == {"n2-b"}
    with context.as_of(second[0]):
        assert not any(raw.is_valid for raw in RawBiasFrame.exposure.like("n2-bias-*"))
        assert all(dark.timestamp_end != camera.at(2, 0) for dark in MasterDark.select_all())
    with context.as_of(third[0]):
        assert Pars(MasterBias, instrument="mosaic32", chip="C03").sigma_clip == 3.0
    assert Pars(MasterBias, instrument="mosaic32", chip="C03").sigma_clip == 6.0


def test_it_is_told_which_frames_would_follow_and_why(instance):
    """If one of the second biases of night 2 were bad, the frames of that night would follow, each with its reason; nothing is edited."""
    raw = next(one for one in RawBiasFrame.exposure.like("n2-again-*") if one.chip.name == "C05")
    told = effects([(raw, "is_valid", 0)], ReducedScienceFrame.requests(instrument="mosaic32"))
    assert {one.before.keys["exposure"] for one in told if one.before.keys["chip"] == "C05"} == {"n2-sky-g", "n2-sky-r"}
    assert {one.before.keys["exposure"][:2] for one in told} == {"n2"}
    assert all("MasterBias" in one.text or "MasterFlat" in one.text for one in told), [one.text for one in told][:4]
    assert raw.is_valid == 1
