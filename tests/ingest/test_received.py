"""Frames reduced elsewhere at the door: companions that are missing or damaged, a zero point that was wrong, pixels that are none."""
from __future__ import annotations

import re

import numpy as np
import pytest
from astropy.io import fits

from awe.ingest import add_instrument, ingest
from awe.persist.lineage import made_from
from awe.science.mask import Bit
from awe.targets import Flag, RawScienceFrame, ReducedScienceFrame
from tests.ingest.camera import write
from tests.real import house

TOML = """
[instrument]
name = "elsewhere"
utc_offset = 0
pixel_scale = 0.5

[match]
PIPELINE = "other"

[header]
date_obs = "DATE-OBS"
exptime = "EXPTIME"
filter = "FILTER"
object = "OBJECT"
exposure = "OBSID"

[[chip]]
name = "only"
size = [80, 60]

[[filter]]
name = "r"

[reduced]
when = {PIPELINE = "other", file = "*sci"}
unit = "ADU/s"
gain = "GAIN"
zero_point = "MAGZERO"
saturation = "SATURATE"

[reduced.weight]
replace = ["sci", "var"]
kind = "variance"

[reduced.mask]
replace = ["sci", "msk"]
bits = {0 = "BAD", 3 = "SATURATED", 4 = "COSMIC"}
"""
EXPTIME, GAIN = 50.0, 2.0


def planes():
    """Rate in ADU/s, its variance, a mask."""
    rng = np.random.default_rng(4)
    rate = rng.normal(10.0, 0.2, (60, 80)).astype(np.float32)
    variance = np.full((60, 80), 0.04, np.float32)
    mask = np.zeros((60, 80), np.uint8)
    mask[10, 20], mask[11, 20], mask[12, 20] = 1, 8, 16
    rate[30, 40], variance[31, 40] = np.nan, 0.0
    return rate, variance, mask


def frame(folder, number=1, **cards):
    """A frame with its companions."""
    said = {"PIPELINE": "other", "DATE-OBS": "2020-01-02T03:04:05", "EXPTIME": EXPTIME, "FILTER": "r", "OBJECT": "X", "OBSID": f"E{number}",
            "GAIN": GAIN, "MAGZERO": 25.0, "SATURATE": 60.0} | cards
    paths = []
    for name, pixels in zip(("sci", "var", "msk"), planes(), strict=True):
        hdu = fits.PrimaryHDU(pixels)
        hdu.header.update(said if name == "sci" else {"OBSID": said["OBSID"]})
        paths.append(write(folder / f"e{number}_{name}.fits", fits.HDUList([hdu])))
    return paths[0]


@pytest.fixture
def instance(tmp_path):
    instance = house.create(tmp_path / "home")
    add_instrument(TOML)
    yield instance
    instance.close()


def test_units_planes_and_zero_point_are_ours(instance, night):
    report = ingest([frame(night)], commit=True)
    assert report.counts() == {"ingested": 1} and not report.rows[0].warnings, str(report)
    (one,), (raw,) = list(ReducedScienceFrame.select_all()), list(RawScienceFrame.select_all())
    rate, variance, mask = planes()
    image = one.image
    good = np.isfinite(rate) & (variance > 0) & (mask == 0)
    assert np.array_equal(image.weight > 0, good)
    np.testing.assert_allclose(image.data[good], rate[good] * EXPTIME * GAIN, rtol=1e-5)
    np.testing.assert_allclose(1 / image.weight[good], variance[good] * (EXPTIME * GAIN) ** 2, rtol=1e-5)
    assert [int(image.mask[y, 20]) for y in (10, 11, 12)] == [Bit.BAD, Bit.SATURATED, Bit.COSMIC]
    assert image.mask[30, 40] & Bit.NO_DATA and image.mask[31, 40] & Bit.BAD and np.isfinite(image.data).all()
    assert one.zero_point == pytest.approx(25.0 + 2.5 * np.log10(GAIN)) and one.saturation == pytest.approx(60.0 * EXPTIME * GAIN)
    assert made_from(one)["raw"] == [raw] and raw.origin and not one.quality_flags & Flag.GAIN_UNKNOWN
    assert ReducedScienceFrame.get(exposure="E1").object_id == one.object_id, "it is up to date, and not made"


def test_companions_that_are_missing_are_told(instance, night):
    path = frame(night)
    for name in ("var", "msk"):
        (night / f"e1_{name}.fits").unlink()
    (row,) = ingest([path], commit=True).rows
    assert row.state == "ingested" and [text.split(" left out")[0] for text in row.warnings] == ["weight", "mask"]
    image = ReducedScienceFrame.select_all()[0].image
    assert np.median(1 / image.weight[image.weight > 0]) == pytest.approx((0.2 * EXPTIME * GAIN) ** 2, rel=0.15)


@pytest.mark.parametrize(("spoil", "expected"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-3000]), "e1_var.fits: is cut short"),
    (lambda path: path.write_bytes(b""), "e1_var.fits.*empty"),
    (lambda path: fits.PrimaryHDU(np.ones((6, 8))).writeto(path, overwrite=True), "e1_var.fits"),
])
def test_a_damaged_companion_refuses_its_frame_alone(instance, night, spoil, expected):
    first, second = frame(night, 1), frame(night, 2)
    spoil(night / "e1_var.fits")
    report = ingest([first, second], commit=True)
    assert [row.state for row in report.rows] == ["rejected", "ingested"]
    (reason,) = [row.why for row in report.rejected]
    assert re.search(expected, reason), reason
    assert [one.exposure for one in ReducedScienceFrame.select_all()] == ["E2"]


def test_a_corrected_zero_point_replaces_the_reduced_frame(instance, night):
    path = frame(night)
    ingest([path], commit=True)
    assert ingest([path], commit=True, again=True).counts() == {"known": 1}
    add_instrument(TOML.replace('name = "elsewhere"', 'name = "elsewhere"\nversion = 2').replace(
        'zero_point = "MAGZERO"', 'zero_point = {keyword = "MAGZERO", offset = 0.5}'))
    assert ingest([path], commit=True).counts() == {"known": 1}
    assert ingest([path], commit=True, again=True).counts() == {"ingested": 1}
    assert ReducedScienceFrame.get(exposure="E1").zero_point == pytest.approx(25.5 + 2.5 * np.log10(GAIN))
    assert ingest([path], commit=True, again=True).counts() == {"known": 1}


@pytest.mark.parametrize(("card", "value"), [("GAIN", -1.0), ("GAIN", 0.0), ("SATURATE", -5.0)])
def test_numbers_that_cannot_be_count_as_unknown(instance, night, card, value):
    (row,) = ingest([frame(night, **{card: value})], commit=True).rows
    assert row.state == "ingested" and any(card in text and "left out" in text for text in row.warnings), row
    one = ReducedScienceFrame.select_all()[0]
    assert bool(one.quality_flags & Flag.GAIN_UNKNOWN) == (card == "GAIN") and (one.saturation is None) == (card == "SATURATE")
    assert np.median(one.image.data) == pytest.approx(10.0 * EXPTIME * (1 if card == "GAIN" else GAIN), rel=0.01)


def test_text_for_a_number_refuses_the_frame(instance, night):
    (row,) = ingest([frame(night, MAGZERO="deep")], commit=True).rows
    assert row.state == "rejected" and "zero_point (MAGZERO): 'deep' is not a number" in row.why
    (row,) = ingest([frame(night, 2, EXPTIME=0.0)], commit=True).rows
    assert row.state == "rejected" and "exposure time" in row.why
