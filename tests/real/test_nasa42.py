"""Asteroid (5945) with NASA42: prescan and overscan, one flat of the wrong filter, a TAN+PV WCS in string cards, no darks."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from awe.targets import (
    AstrometricParameters,
    CoaddFrame,
    Flag,
    GainLinearity,
    MasterBias,
    RawScienceFrame,
    RawTwilightFlatFrame,
    ReadNoise,
    ReducedScienceFrame,
    SourceList,
    TwilightFlat,
)
from awe.targets.nominal import first_wcs
from tests.real import house

FRAMES = ("0126", "0135", "0144", "0153")
FIELD = "5945 Roachapproach"


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    """The coadd of four of the ten frames, its source list, and the plan as it was before anything was made."""
    folder = data / "nasa42_5945_a"
    instance = house.create(tmp_path_factory.mktemp("nasa42"), "nasa42")
    house.bring_in(folder / "zero", folder / "flat", *(folder / "5945" / f"20190326.{number}.fits.bz2" for number in FRAMES))
    plan = str(CoaddFrame.plan(object=FIELD))
    yield CoaddFrame.get(object=FIELD, workers=2), SourceList.get(object=FIELD), plan
    instance.close()


def test_the_plan_shows_which_flats_are_taken(made):
    _, _, plan = made
    taken = {line.split(":")[0].split()[-1] for line in plan.splitlines() if " RawTwilightFlatFrame " in line}
    assert taken == {"20190326.0110", "20190326.0112", "20190326.0114"}
    (flat,) = TwilightFlat.select_all()
    assert {raw.exposure for raw in flat.raws} == taken and flat.filter.name == "VR"
    assert (RawTwilightFlatFrame.filter.name == "V")[0].exposure == "20190326.0100"


def test_read_noise_and_gain_disagree_with_the_header_and_say_so(made):
    (noise,), (gain,) = list(ReadNoise.select_all()), list(GainLinearity.select_all())
    assert 1.0 < noise.read_noise < 1.4, "ADU"
    assert noise.quality_flags & Flag.READ_NOISE_DIFFERS and gain.quality_flags & Flag.GAIN_DIFFERS
    assert gain.gain == pytest.approx(3.68, abs=0.1) and gain.gain_error < 0.03
    assert not gain.quality_flags & gain.blocking_flags and not noise.quality_flags & noise.blocking_flags


def test_overscan_is_subtracted_and_both_scans_are_cut_off(made):
    (bias,) = MasterBias.select_all()
    assert bias.overscan_used == "constant" and abs(bias.imstat.median) < 2 and bias.imstat.sigma < 1
    for one in ReducedScienceFrame.select_all():
        assert one.image.data.shape == (1370, 1365)
        assert one.quality_flags & Flag.NO_DARK and not one.quality_flags & Flag.NO_OVERSCAN


def test_reduced_pixels_are_what_numpy_makes_of_the_files(data, made):
    """The median of the difference to a calculation by hand, in units of its scatter, is nothing."""
    folder = data / "nasa42_5945_a"

    def read(path):
        with fits.open(path) as hdus:
            pixels = hdus[0].data.astype(float)
        return pixels[:, 17:1382] - np.median(pixels[:, 1387:1432])

    bias = np.mean([read(path) for path in sorted((folder / "zero").glob("*.bz2"))], axis=0)
    flats = [read(folder / "flat" / f"20190326.{number}.fits.bz2") - bias for number in ("0110", "0112", "0114")]
    flat = np.median([one / np.median(one) for one in flats], axis=0)
    frame = next(one for one in ReducedScienceFrame.select_all() if one.exposure.endswith("0135"))
    gain = frame.gain.gain
    byhand = (read(folder / "5945" / "20190326.0135.fits.bz2") - bias) * gain / flat
    image = frame.image
    good = image.weight > 0
    ratio = (image.data / byhand)[good & (byhand > 1000)]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.002) and np.percentile(np.abs(ratio - 1), 95) < 0.01


def test_a_wcs_in_string_cards_is_read_with_its_distortion(data, made):
    path = data / "nasa42_5945_a" / "5945" / "20190326.0126.fits.bz2"
    header = fits.getheader(path)
    assert isinstance(header["CRVAL1"], str) and isinstance(header["PV1_1"], str)
    numbers = fits.Header()
    for word, value in header.items():
        if word[:4] in ("CRVA", "CRPI", "CD1_", "CD2_", "PV1_", "PV2_", "CDEL"):
            numbers[word] = float(value)
    numbers["CTYPE1"], numbers["CTYPE2"] = "RA---TPV", "DEC--TPV"
    raw = next(one for one in RawScienceFrame.select_all() if one.exposure.endswith("0126"))
    frame = next(one for one in ReducedScienceFrame.select_all() if one.exposure == raw.exposure)
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, 1364, 5), np.linspace(0, 1369, 5)))
    expected = WCS(numbers).all_pix2world(x + 17, y, 0)
    reference = next(one for one in AstrometricParameters.select_all() if one.nref is None)
    start = first_wcs(frame)
    assert start.origin == "header"
    east, north = house.separations(*start.wcs.pixel_to_sky(x, y), *expected)
    assert np.hypot(east, north).max() < 0.01
    assert reference.pixel_scale == pytest.approx(1.107, abs=0.002)


def test_the_field_is_deep_and_sharp(made):
    coadd, sources, _ = made
    assert coadd.depth == len(FRAMES) and coadd.pixel_scale == pytest.approx(3 * 0.3688, abs=1e-3)
    assert sources.n_sources > 1500 and 1.7 < sources.seeing < 2.6
    for one in AstrometricParameters.select_all():
        assert one.nref is None or (one.nref > 500 and one.rms < 0.15)


def test_the_asteroid_is_on_every_frame_where_it_was_tracked(made):
    """On the frame 0126 it is at (676.2, 730.8); it moves to (667.7, 714.0) in 2.32 hours, to 0153."""
    frames = {one.exposure[-4:]: one for one in AstrometricParameters.select_all()}
    for number, (x, y) in {"0126": (676.2, 730.8), "0153": (667.7, 714.0)}.items():
        table = frames[number].sources()
        sky = frames["0126"].as_wcs().pixel_to_sky(x, y)
        east, north = house.separations(table["ALPHA_J2000"], table["DELTA_J2000"], *sky)
        assert np.hypot(east, north).min() < 2.5
