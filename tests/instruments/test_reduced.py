import json

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import FitsError, HeaderError
from awe.instruments import check, describe_reduced, is_reduced, load, open_fits, shipped, translate
from tests.instruments.conftest import MINIMAL, primary

REDUCED = MINIMAL.replace(
    "[[filter]]",
    """[reduced]
when = {LEVEL = "CAL"}
unit = "electron"
zero_point = ["MAGZP", 25.0]
zero_point_per = "exposure"
soft_bias = "SOFT"
weight = {hdu = "WT", kind = "variance"}
mask = {replace = ["_sci", "_msk"], bits = {0 = "BAD", 3 = "SATURATED"}}
[[filter]]""",
)


def save(path, *, weight=(4, 5), mask=(4, 5), **cards):
    image = primary(INSTRUME="MINI", FILTER="r", LEVEL="CAL", **cards)
    image.data = np.ones((4, 5), np.float32)
    fits.HDUList([image, fits.ImageHDU(np.ones(weight), name="WT")]).writeto(path)
    if mask:
        fits.PrimaryHDU(np.zeros(mask, np.int16)).writeto(path.with_name(path.name.replace("_sci", "_msk") + ".gz"))
    return path


def test_planes_and_constants(tmp_path):
    camera = load(REDUCED)
    (raw,) = describe_reduced(save(tmp_path / "a_sci.fits", MAGZP="30.5", SOFT=100), camera)
    assert (raw.chip, raw.filter, raw.shape, raw.unit, raw.hdu) == ("only", "r", (4, 5), "electron", 0)
    assert (raw.zero_point, raw.zero_point_per, raw.soft_bias, raw.gain) == (30.5, "exposure", 100.0, None)
    assert (raw.weight.hdu, raw.weight.kind) == (1, "variance") and raw.weight.path.endswith("a_sci.fits")
    assert (
        raw.mask.path.endswith("a_msk.fits.gz")
        and raw.mask.by == "bits"
        and raw.mask.meaning == ((0, "BAD"), (3, "SATURATED"))
    )
    assert raw.warnings == [] and "LEVEL is CAL" in raw.why
    json.dumps(raw.as_dict())
    assert describe_reduced(save(tmp_path / "b_sci.fits"), camera)[0].zero_point == 25.0


def test_planes_that_are_not_there_are_named(tmp_path):
    (raw,) = describe_reduced(save(tmp_path / "a_sci.fits", mask=None, weight=(3, 3)), load(REDUCED))
    assert raw.weight is None and raw.mask is None and len(raw.warnings) == 2
    assert "no file with '_msk'" in raw.warnings[1] and "WT" in raw.warnings[0]


def test_a_companion_of_the_wrong_shape_is_refused(tmp_path):
    with pytest.raises(FitsError, match="no mask of 5x4 pixels"):
        describe_reduced(save(tmp_path / "a_sci.fits", mask=(4, 4)), load(REDUCED))


@pytest.mark.parametrize(
    "cards,word",
    [
        ({"MAGZP": "bright"}, "zero_point"),
        ({"SOFT": "NaN"}, "soft_bias"),
        ({"FILTER": "odd"}, "odd"),
        ({"EXPTIME": None}, "exptime"),
    ],
)
def test_refused(tmp_path, cards, word):
    image = primary(**({"INSTRUME": "MINI", "FILTER": "r", "LEVEL": "CAL"} | cards))
    image.data = np.ones((4, 5), np.float32)
    image.writeto(tmp_path / "x.fits")
    with pytest.raises(HeaderError, match=f"x.fits: .*{word}"):
        describe_reduced(tmp_path / "x.fits", load(REDUCED))


def test_raw_frames_are_told_apart(write_mini):
    camera = load(REDUCED)
    with open_fits(write_mini()) as file:
        assert not is_reduced(file, camera) and translate(file, camera).purpose == "science"
        with pytest.raises(HeaderError, match="not a frame calibrated elsewhere"):
            describe_reduced(file, camera)


def test_sdss(data):
    camera = load(shipped()["sdss"])
    frames = [describe_reduced(path, camera)[0] for path in sorted((data / "sdss_stripe82_gri").glob("fpC*"))]
    assert [raw.filter for raw in frames] == ["g", "i", "r"] * 2 and {raw.chip for raw in frames} == {"g4", "r4", "i4"}
    assert all((raw.soft_bias, raw.exptime, raw.shape) == (1000.0, 53.907456, (1489, 2048)) for raw in frames)
    assert all(raw.wcs_cards["CTYPE1"] == "RA---TAN" and abs(raw.ra - 351.65) < 0.01 for raw in frames)
    assert len({raw.exposure for raw in frames}) == 6
    first = frames[0]
    assert first.exposure == "004192-g4-0300" and first.date_obs.isoformat()[:19] == "2003-10-19T04:48:16"
    with open_fits(first.path, checksum=camera.checksum) as file:
        sky = np.median(file.pixels(first.hdu)) - first.soft_bias
    assert abs(sky - first.extra["SKY"]) < 2


def test_decam(data):
    camera = load(shipped()["decam"])
    paths = sorted(data.glob("decals_testcase4/images/**/*ooi*"))
    assert len(paths) == 9
    for path in paths:
        (raw,) = describe_reduced(path, camera)
        assert (
            raw.warnings == []
            and raw.weight.kind == "weight"
            and "_oow_" in raw.weight.path
            and "_ood_" in raw.mask.path
        )
        assert f"_{raw.filter}_ls9.{raw.chip}." in path.name and raw.wcs_cards["CTYPE1"] == "RA---TPV"
        assert raw.zero_point is None or 24 < raw.zero_point < 26
        assert 4 < raw.gain < 5 and raw.mask.by == "values" and (5, "COSMIC") in raw.mask.meaning
        with open_fits(raw.path) as image, open_fits(raw.weight.path) as weight, open_fits(raw.mask.path) as mask:
            assert image.pixels(raw.hdu).shape == weight.pixels(raw.weight.hdu).shape == mask.pixels(raw.mask.hdu).shape


def test_others(data):
    (wfcam,) = describe_reduced(data / "wfcam_wsa_votables" / "image.fits.bz2", load(shipped()["wfcam"]))
    assert (wfcam.chip, wfcam.filter, wfcam.zero_point, wfcam.zero_point_system) == ("wfcam4", "K", 24.053, "Vega")
    (wise,) = describe_reduced(data / "neowise_l1b_a" / "88422a106-w1-int-1b.fits.bz2", load(shipped()["neowise"]))
    assert wise.wcs_cards["A_ORDER"] > 0 and wise.zero_point == pytest.approx(20.7609)
    assert wise.date_obs.isoformat()[:19] == "2017-12-03T02:28:39" and len(wise.warnings) == 2
    (emmi,) = describe_reduced(data / "emmi_galaxies" / "galaxies.fits.bz2", load(shipped()["emmi"]))
    assert emmi.date_obs.isoformat() == "1992-10-26T03:14:08+00:00" and emmi.wcs_cards == {} and emmi.weight is not None


def test_check_describes_them(data):
    report = check(load(shipped()["sdss"]), sorted((data / "sdss_stripe82_gri").glob("fp*004192-g*")))
    assert report.counts == {"reduced": 1, "refused": 1} and "calibrated elsewhere because" in str(report)
