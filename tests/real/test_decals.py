"""DECam frames of the Community Pipeline, with weight and mask companions, one patch of sky at nine times in three bands."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from awe.catalogues.matching import match
from awe.instruments import open_fits
from awe.targets import (
    AstrometricParameters,
    CoaddFrame,
    Flag,
    PhotometricParameters,
    RawScienceFrame,
    ReducedScienceFrame,
    SourceList,
)
from tests.real import house


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    instance = house.create(tmp_path_factory.mktemp("decals") / "home", "decam")
    report = house.bring_in(data / "decals_testcase4" / "images")
    assert report.counts() == {"ingested": 9, "skipped": 18}
    yield CoaddFrame.get_all(), SourceList.get_all(object="DECaLS_9568_z")
    instance.close()


def test_weight_and_mask_come_from_their_companions(data, made):
    for frame in ReducedScienceFrame.select_all():
        image, name = frame.image, frame.raw.original_name
        gain = frame.raw.amplifier_list[0]["gain"]
        folder = next((data / "decals_testcase4" / "images").rglob(name)).parent
        with open_fits(folder / name.replace("_ooi_", "_oow_")) as file:
            weight = file.pixels(1)
        with open_fits(folder / name.replace("_ooi_", "_ood_")) as file:
            quality = file.pixels(1)
        with open_fits(folder / name) as file:
            pixels = file.pixels(1)
        np.testing.assert_allclose(image.data, pixels * gain, rtol=1e-5)
        good = image.weight > 0
        np.testing.assert_allclose(image.weight[good], weight[good] / gain**2, rtol=1e-4)
        assert np.array_equal(good, (weight > 0) & (image.mask & 127 == 0)) and good.mean() > 0.9
        assert not (good & np.isin(quality, (1, 2, 3, 4, 5, 6, 7, 8))).any()
        assert image.cards["BUNIT"] == "electron" and frame.effective_gain == 1.0 and not frame.quality_flags & Flag.GAIN_UNKNOWN


def test_zero_points_are_received_where_they_came_with_the_frame(data, made):
    """Within 0.1 mag of those of the survey, which refer to another aperture and to the counts per second of their own gain."""
    survey = Table.read(data / "decals_testcase4" / "survey-ccds-1.fits.gz")
    known = {row["image_filename"].strip().split("/")[-1].split(".")[0].split("_ls9")[0]: row for row in survey}
    received = 0
    for one in PhotometricParameters.select_all():
        stated = one.reduced.raw.header().get("MAGZPT")
        if one.mode != "received":
            assert stated is None or one.reduced.zero_point is None
            continue
        received += 1
        gain = one.reduced.raw.amplifier_list[0]["gain"]
        assert one.zero_point == pytest.approx(float(stated) + 2.5 * np.log10(gain), abs=1e-4) and not one.quality_flags
        row = known.get(one.reduced.raw.original_name.split("_ls9")[0])
        if row is not None:
            assert float(stated) == pytest.approx(row["ccdzpt"], abs=0.3)
    assert received == 4


def test_coadds(made):
    coadds, _ = made
    depth = {one.object: one.depth for one in coadds}
    assert len(coadds) == 8 and depth["DECaLS_9568_z"] == 2 and sum(depth.values()) == 9
    for one in coadds:
        there = one.image.coverage > 0
        assert there.mean() > 0.5 and np.isfinite(one.image.data[there]).all() and one.pixel_scale == pytest.approx(0.263)
        assert one.image.data.shape[0] > 60 and one.image.weight[there].min() >= 0


def test_positions_are_those_of_gaia(data, made):
    """Relative astrometry leaves the header of the reference frame as it is, which the pipeline had tied to the sky."""
    _, (sources,) = made
    gaia = Table.read(data / "decals_testcase4" / "gaia" / "chunk-03586.fits.bz2")
    names = ("ra", "dec") if "ra" in gaia.colnames else ("RA", "DEC")
    ra, dec = (np.asarray(gaia[name], float) for name in names)
    table = sources.sources
    pairs = match(np.asarray(table["ALPHA_J2000"]), np.asarray(table["DELTA_J2000"]), ra, dec, 1.0, mutual=True)
    if len(pairs.first):
        east, north = house.separations(np.asarray(table["ALPHA_J2000"])[pairs.first], np.asarray(table["DELTA_J2000"])[pairs.first],
                                        ra[pairs.second], dec[pairs.second])
        assert np.median(np.hypot(east, north)) < 0.3
    assert 12 <= sources.n_sources < 30  # 18, and 6 in the image turned negative; a matched filter at 5 sigma finds 14, and none there


def test_lineage_goes_back_to_the_file_as_received(made):
    coadds, _ = made
    frames = {one.exposure for one in RawScienceFrame.select_all()}
    assert {frame.exposure for coadd in coadds for frame in coadd.frames} == frames
    assert all(one.mode == "relative" for one in AstrometricParameters.select_all())
