"""An odd camera comes in by its TOML alone, and what is made of it is what numpy makes of its files by hand."""
from __future__ import annotations

import datetime
import json

import numpy as np
import pytest

from awe.ingest import add_instrument, ingest
from awe.targets import (
    Flag,
    GainLinearity,
    MasterBias,
    MasterFlat,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawScienceFrame,
    ReducedScienceFrame,
)
from tests.ingest import trident
from tests.real import house

MODES = {1: "1x1-slow", 2: "2x2-fast"}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The files of one night by what they are: biases and flats of both modes, flats of another filter, two frames of the sky."""
    folder = tmp_path_factory.mktemp("trident")
    files = {}
    for binning in (1, 2):
        at = 100 * (binning - 1)
        files["bias", binning] = [trident.expose(folder / f"b{at + n}.fits", 0, at + n, 0, binning=binning) for n in range(5)]
        files["flat", binning] = [trident.expose(folder / f"f{at + n}.fits", 2, at + n, 20000, binning=binning) for n in range(10, 14)]
        files["sky", binning] = [trident.expose(folder / f"s{at + 20}.fits", 3, at + 20, 400, binning=binning, stars=True)]
    files["other", 1] = [trident.expose(folder / f"g{n}.fits", 2, n, 9000, wheel=1) for n in range(30, 33)]
    return files


@pytest.fixture(scope="module")
def made(night, tmp_path_factory):
    """All reduced frames, by chip and mode."""
    instance = house.create(tmp_path_factory.mktemp("instance") / "home")
    add_instrument(trident.TOML)
    report = ingest([path for paths in night.values() for path in paths], commit=True)
    assert report.counts() == {"ingested": 23} and not report.doubtful, str(report)
    ReducedScienceFrame.get_all()
    yield {(one.chip.name, one.raw.readout_mode): one for one in ReducedScienceFrame.select_all()}
    instance.close()


def test_what_the_numbers_in_the_headers_mean(made):
    raws = list(RawScienceFrame.select_all())
    assert {(raw.chip.name, raw.readout_mode) for raw in raws} == set(made) == {(chip, mode) for chip in "abc" for mode in MODES.values()}
    slow = next(raw for raw in raws if raw.readout_mode == "1x1-slow")
    assert (slow.exposure, slow.object, slow.exptime, slow.filter.name) == ("20230605-20", "NGC 55", pytest.approx(30.0), "r")
    assert abs(slow.date_obs - datetime.datetime(2023, 6, 5, 13, 20, 0, 500000, datetime.UTC)) < datetime.timedelta(seconds=0.01)
    assert len(RawBiasFrame.select_all()) == 30 and len(RawDomeFlatFrame.filter.name == "g") == 9


@pytest.mark.parametrize("binning", MODES)
@pytest.mark.parametrize("chip", trident.CHIPS)
def test_pixels_are_those_of_numpy(night, made, chip, binning):
    frame = made[chip, MODES[binning]]
    bias = np.mean([trident.by_hand(path, chip, binning) for path in night["bias", binning]], axis=0)
    found = frame.bias.image.data
    assert frame.bias.overscan_used == "constant" and len(frame.bias.raws) == 5
    apart = np.abs(found - bias)
    assert np.percentile(apart, 95) < 0.1 and apart.max() < 6, "ADU; where a value is left out, the mean moves"

    gains = json.loads(frame.gain.gains)
    true = [one.gain for one in trident.amplifiers(chip, binning)]
    assert np.allclose(gains, true, rtol=0.12), (gains, true)
    if frame.gain.quality_flags & Flag.GAIN_UNCERTAIN and chip != "b":
        gains = true  # what is stated counts before what is uncertain; for chip b nothing is stated
    spread = np.full(bias.shape, np.nan)
    for one, gain in zip(trident.amplifiers(chip, binning), gains, strict=True):
        y0, y1, x0, x1 = one.position
        spread[y0:y1, x0:x1] = gain

    flat = np.mean([(trident.by_hand(path, chip, binning) - bias) * spread for path in night["flat", binning]], axis=0)
    level = frame.flat.mosaic.dome_level
    assert level == pytest.approx(20000, rel=0.1) and {raw.filter.name for raw in frame.flat.dome.raws} == {"r"}
    assert np.abs(frame.flat.image.data / (flat / level) - 1).max() < 0.01
    expected = (trident.by_hand(night["sky", binning][0], chip, binning) - bias) * spread / (flat / level)
    image = frame.image
    good = image.weight > 0
    assert good.mean() > 0.99 and image.data.shape == expected.shape
    assert np.abs(image.data - expected)[good].max() < 20 and np.abs(image.data - expected)[good].mean() < 0.5, "electrons"
    assert frame.quality_flags & Flag.NO_DARK and not frame.quality_flags & (Flag.NO_OVERSCAN | Flag.GAIN_UNKNOWN)


@pytest.mark.parametrize("binning", MODES)
def test_the_sky_is_one_over_all_amplifiers_and_chips(made, binning):
    """What the response took away is given back: the sky has one level on all three chips, and no seam between amplifiers."""
    frames = [made[chip, MODES[binning]] for chip in trident.CHIPS]
    levels = [np.median(one.image.data[:, : 16 // binning]) for one in frames]
    assert np.ptp(levels) < 0.12 * np.mean(levels), "gains of small amplifiers are uncertain by some per cent"
    for frame, chip in zip(frames, trident.CHIPS, strict=True):
        light = frame.image.data
        stars = trident.field(light.shape, binning)
        assert np.corrcoef(light.ravel(), stars.ravel())[0, 1] > 0.9, f"chip {chip} is put together as it saw the sky"


def test_modes_and_filters_do_not_mix(made):
    for (chip, mode), frame in made.items():
        assert {raw.readout_mode for raw in (*frame.bias.raws, *frame.flat.dome.raws)} == {mode}
        assert {raw.chip.name for raw in frame.bias.raws} == {chip}
    assert len(MasterBias.select_all()) == len(GainLinearity.select_all()) == 6 and len(MasterFlat.select_all()) == 6
