"""M13 through the whole chain: a crowded field, a mirrored camera without a gain in its headers, three biases, one length of darks."""
from __future__ import annotations

import math

import numpy as np
import pytest

from awe.catalogues.matching import match
from awe.science.mask import Bit
from awe.science.sources import extract
from awe.targets import (
    AstrometricParameters,
    CoaddFrame,
    DomeFlat,
    Flag,
    GainLinearity,
    HotPixelMap,
    MasterBias,
    MasterDark,
    MasterFlat,
    PhotometricParameters,
    RawDomeFlatFrame,
    RawScienceFrame,
    ReadNoise,
    ReducedScienceFrame,
    SourceList,
)
from awe.targets.nominal import first_wcs
from tests.real import house

NUMBER = {"g": 2, "r": 3, "i": 3, "z": 4}


@pytest.fixture(scope="module")
def made(arcsat_home):
    """Coadds and source lists of M13 in four filters, by one plan and two processes."""
    instance = house.reopen(arcsat_home)
    coadds = {one.filter.name: one for one in CoaddFrame.get_all(object="M13", workers=2)}
    lists = {one.filter.name: one for one in SourceList.get_all(object="M13")}
    yield coadds, lists
    instance.close()


def test_every_band_has_a_coadd_of_all_its_frames(made):
    coadds, _ = made
    assert {name: one.depth for name, one in coadds.items()} == NUMBER
    for one in coadds.values():
        image = one.image
        assert one.zero_point == 30.0 and one.pixel_scale == pytest.approx(0.6676)
        assert 0.7 < one.seeing / 2.6 < 1.3 and one.rejected_fraction < 0.01
        assert image.data.shape == image.weight.shape and np.median(image.coverage[image.coverage > 0]) == one.depth
        assert one.quality_flags & Flag.RELATIVE_ASTROMETRY and one.quality_flags & Flag.NO_ZEROPOINT


def test_the_detector_is_measured(made):
    (noise,), (gain,), (bias,), (dark,) = (list(cls.select_all()) for cls in (ReadNoise, GainLinearity, MasterBias, MasterDark))
    assert 5.5 < noise.read_noise < 6.5
    assert gain.gain == pytest.approx(1.30, abs=0.02) and gain.gain_error < 0.01 and gain.n_pairs == 4 and gain.scatter < 1.3
    assert not gain.quality_flags & Flag.GAIN_UNCERTAIN
    assert bias.imstat.median == pytest.approx(1311, abs=1) and bias.overscan_used == "none"
    assert (dark.exptime, dark.shortest, dark.longest) == (80, 80, 80) and 0.3 < dark.dark_current < 0.7
    assert {flat.filter.name: flat.combined for flat in MasterFlat.select_all()} == dict.fromkeys("griz", "dome")
    assert all(flat.imstat.median == pytest.approx(1, abs=1e-3) for flat in MasterFlat.select_all())
    assert all(len(flat.raws) == 3 for flat in DomeFlat.select_all())
    (hot,) = HotPixelMap.select_all()
    assert 2000 < hot.count < 10000


def test_the_sky_is_flat_and_few_pixels_are_lost(made):
    frames = [one for one in ReducedScienceFrame.select_all() if one.object == "M13"]
    assert len(frames) == 12
    for one in frames:
        assert one.n_cosmic < 4 * one.exptime and one.bad_fraction < 0.01 and one.effective_gain == 1.0
        assert not one.quality_flags & (Flag.NO_DARK | Flag.GAIN_UNKNOWN | Flag.DARK_EXTRAPOLATED)
        image = one.image
        corners = [np.median(image.data[part]) for part in (np.s_[20:120, 20:120], np.s_[20:120, -120:-20], np.s_[-120:-20, 20:120],
                                                            np.s_[-120:-20, -120:-20])]
        assert np.ptp(corners) < 0.25 * np.median(corners)
        assert image.mask[image.weight == 0].all() and np.isfinite(image.data).all()


def test_no_star_is_taken_for_a_cosmic_ray(made):
    for one in by_band("r"):
        image = one.image
        hit = (image.mask & Bit.COSMIC) != 0
        stars = extract(image.data, image.variance, image.mask & np.uint16(Bit.SATURATED), threshold=10.0)
        stars = stars[stars["SNR_WIN"] > 100]
        x, y = (np.rint(stars[name] - 1).astype(int) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        inside = (x > 1) & (y > 1) & (x < 1022) & (y < 1022)
        cores = np.array([hit[j - 1:j + 2, i - 1:i + 2].any() for i, j in zip(x[inside], y[inside], strict=True)])
        assert len(cores) > 300 and cores.mean() < 0.02


def test_noise_is_what_the_variance_says(made):
    """Differences of neighbouring pixels in a corner, over the root of their variances."""
    for one in by_band("r"):
        image, corner = one.image, np.s_[20:180, 20:180]
        data, variance, good = image.data[corner], image.variance[corner], image.weight[corner] > 0
        pulls = (data[:, 1:] - data[:, :-1]) / np.sqrt(variance[:, 1:] + variance[:, :-1])
        pulls = pulls[good[:, 1:] & good[:, :-1]]
        assert 1.4826 * np.median(np.abs(pulls - np.median(pulls))) == pytest.approx(1.0, abs=0.08)


def by_band(name):
    return [one for one in ReducedScienceFrame.select_all() if one.object == "M13" and one.filter.name == name]


def test_the_middle_of_the_cluster_is_not_one_source(made):
    _, lists = made
    for one in lists.values():
        table = one.sources
        assert one.n_sources == len(table) > 1500
        middle = np.hypot(table["X_IMAGE"] - 510, table["Y_IMAGE"] - 510) < 150
        assert np.count_nonzero(middle) > 150
        assert table["ISOAREA_IMAGE"].max() < 2000


def test_frames_agree_with_their_headers_and_with_one_another(made):
    """Relative astrometry: every frame lies on its reference frame; PinPoint's solutions agree with one another to 0.2 arcsec."""
    solutions = [one for one in AstrometricParameters.select_all() if one.reduced.object == "M13"]
    assert len(solutions) == 12 and all(one.mode == "relative" for one in solutions)
    for one in solutions:
        if one.nref is None:
            continue
        assert one.nref > 200 and one.rms < 0.25
        ours = one.as_wcs()
        x, y = (g.ravel() for g in np.meshgrid(np.linspace(50, 970, 8), np.linspace(50, 970, 8)))
        ra, dec = ours.pixel_to_sky(x, y)
        theirs = header_wcs(one.reduced)
        ra0, dec0 = theirs.pixel_to_sky(x, y)
        east, north = house.separations(ra, dec, ra0, dec0)
        assert math.sqrt(np.mean(east**2 + north**2)) < 0.4


def header_wcs(frame):
    start = first_wcs(frame)
    assert start.origin == "header"
    return start.wcs


def test_zero_points_of_a_field_are_relative_to_one_frame(made):
    for name in NUMBER:
        found = [one for one in PhotometricParameters.select_all() if one.filter.name == name and one.reduced.object == "M13"]
        assert sum(one.zero_point == 25.0 and one.n_stars == 0 for one in found) == 1
        for one in found:
            if one.n_stars:
                assert one.n_stars > 15 and one.scatter < 0.08 and one.error < 0.02
                reference = one.field_reference.frames[0]
                expected = one.reduced.raw.header()["ZMAG"] - reference.raw.header()["ZMAG"]
                assert one.zero_point - 25.0 == pytest.approx(expected, abs=0.12)


def test_colours_of_stars_are_those_of_a_cluster(made):
    """The lists of two bands have most of their bright stars in common, at the same places."""
    _, lists = made
    g, r = lists["g"].sources, lists["r"].sources
    bright = np.asarray(r["SNR_WIN"]) > 50
    pairs = match(np.asarray(r["ALPHA_J2000"])[bright], np.asarray(r["DELTA_J2000"])[bright], np.asarray(g["ALPHA_J2000"]),
                  np.asarray(g["DELTA_J2000"]), 1.0, mutual=True)
    assert len(pairs.first) > 0.7 * np.count_nonzero(bright)
    east, north = house.separations(np.asarray(r["ALPHA_J2000"])[bright][pairs.first], np.asarray(r["DELTA_J2000"])[bright][pairs.first],
                                    np.asarray(g["ALPHA_J2000"])[pairs.second], np.asarray(g["DELTA_J2000"])[pairs.second])
    assert np.hypot(np.median(east), np.median(north)) < 0.4


def test_asked_again_nothing_is_made(made):
    coadds, lists = made
    assert all(one.is_up_to_date() for one in [*coadds.values(), *lists.values()])
    assert SourceList.plan(object="M13").todo == []
    assert CoaddFrame.get(object="M13", filter="g").object_id == coadds["g"].object_id


def test_flats_are_those_of_the_filter(made):
    for flat in DomeFlat.select_all():
        assert {raw.filter.name for raw in flat.raws} == {flat.filter.name}
    assert len(RawDomeFlatFrame.select_all()) == 12 and len(RawScienceFrame.object == "M13") == 12
