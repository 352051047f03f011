"""The shipped cameras on the real files they are for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import numpy as np
import pytest

from awe.instruments import check, identify, is_reduced, load, night_of, open_fits, plausible, shipped, translate


@pytest.fixture(scope="module")
def cameras():
    return {name: load(path) for name, path in shipped().items()}


def raws(folder, pattern, camera):
    found = {}
    for path in sorted(folder.glob(pattern)):
        with open_fits(path) as file:
            assert identify(file, [camera]) is camera
            translation = translate(file, camera)
            assert translation.problems == []
            found[path.name] = translation[0]
    return found


def test_arcsat(data, cameras):
    camera = cameras["arcsat"]
    found = raws(data / "arcsat_m13", "*.fits.bz2", camera) | raws(data / "arcsat_m82", "*.fits.bz2", camera)
    assert Counter((raw.purpose, raw.filter) for raw in found.values()) == {
        ("bias", None): 3,
        ("dark", None): 3,
        **{("domeflat", f): 3 for f in "griz"},
        ("science", "g"): 3,
        ("science", "r"): 6,
        ("science", "i"): 4,
        ("science", "z"): 5,
    }
    assert len({raw.exposure for raw in found.values()}) == len(found)
    assert all(
        raw.shape == (1024, 1024) and raw.warnings == [] and raw.amplifiers[0]["gain"] is None for raw in found.values()
    )
    assert {night_of(raw.date_obs, camera.utc_offset) for raw in found.values()} == {
        date(2019, 4, 30),
        date(2019, 5, 1),
        date(2019, 5, 2),
    }
    science = found["M13_sdss_g_20190503_090311.fits.bz2"]
    assert science.date_obs == datetime(2019, 5, 3, 9, 4, 11, tzinfo=UTC) and science.object == "M13"
    assert science.ra == pytest.approx(250.4208333) and science.dec == pytest.approx(36.4597222)
    cards = science.wcs_cards
    assert np.sign(cards["CD1_1"] * cards["CD2_2"] - cards["CD1_2"] * cards["CD2_1"]) == camera.parity == 1
    assert not any(word.startswith("TR") for word in cards)


def test_nasa42(data, cameras):
    camera = cameras["nasa42"]
    folder = data / "nasa42_5945_a"
    found = raws(folder, "*/*.fits.bz2", camera)
    assert Counter((raw.purpose, raw.filter) for raw in found.values()) == {
        ("bias", None): 8,
        ("twilightflat", "V"): 1,
        ("twilightflat", "VR"): 3,
        ("science", "VR"): 10,
    }
    assert {raw.readout_mode for raw in found.values()} == {"3x3-amp1000"}
    assert {night_of(raw.date_obs, camera.utc_offset) for raw in found.values()} == {date(2019, 3, 25)}
    raw = found["20190326.0126.fits.bz2"]
    amplifier = raw.amplifiers[0]
    assert amplifier["data"] == [0, 1370, 17, 1382] and amplifier["overscan"] == [0, 1370, 1387, 1432]
    assert (amplifier["gain"], amplifier["read_noise"]) == (4.95, 9.3) and raw.exposure == "20190326.0126"
    assert raw.wcs_cards["PV1_7"] == pytest.approx(-0.005543498819709) and raw.wcs_cards["CRPIX1"] == 716.0
    assert found["20190326.0001.fits.bz2"].wcs_cards == {}
    with open_fits(folder / "zero" / "20190326.0001.fits.bz2") as file:
        pixels = file.pixels(0)
        y0, y1, x0, x1 = amplifier["overscan"]
        assert np.median(pixels[y0:y1, x0:x1]) == 1625


def test_tircam2(data, cameras):
    found = raws(data / "tircam2_ic310", "*.fits.bz2", cameras["tircam2"])
    assert Counter((raw.purpose, raw.filter) for raw in found.values()) == {
        ("bias", None): 3,
        ("twilightflat", "J"): 5,
        ("science", "J"): 5,
    }
    assert len({raw.exposure for raw in found.values()}) == 13
    raw = found["IC310_2.fits.bz2"]
    assert (raw.object, raw.exptime, raw.ra, raw.airmass, raw.observer) == ("IC310", 40.0, None, None, "TIFR")
    assert all(raw.warnings == [] for raw in found.values())


def test_st7(data, cameras):
    found = raws(data / "ccdchar_st7_a", "*.FIT.bz2", cameras["st7"])
    assert Counter(raw.purpose for raw in found.values()) == {"bias": 3, "domeflat": 9}
    assert found["flat108.FIT.bz2"].exptime == 108.0 and found["flat108.FIT.bz2"].filter == "clear"
    assert all(raw.amplifiers[0]["gain"] == 0.46 and raw.shape == (495, 657) for raw in found.values())


@pytest.mark.parametrize(
    "name,chip,camera,purpose",
    [
        ("3019032200002-R10-S22-det035.fits.gz", "R10_S22", "lsstcam", "domeflat"),
        ("3019053000001-R22-S00-det000.fits.gz", "R22_S00", "comcam", "bias"),
    ],
)
def test_sixteen_amplifiers_in_sixteen_hdus(data, cameras, name, chip, camera, purpose):
    path = data / "mef_lsst_zeroed_a" / name
    with open_fits(path) as file:
        assert identify(file, cameras.values()).name == camera
        (raw,) = translate(file, cameras[camera])
    assert (raw.chip, raw.purpose, raw.readout_mode, raw.shape) == (chip, purpose, "1x1-ITL", (4000, 4072))
    cover = np.zeros(raw.shape, int)
    for amplifier in raw.amplifiers:
        y0, y1, x0, x1 = amplifier["position"]
        cover[y0:y1, x0:x1] += 1
    assert np.all(cover == 1) and [a["hdu"] for a in raw.amplifiers] == list(range(1, 17))
    assert [a["flip_y"] for a in raw.amplifiers] == [False] * 8 + [True] * 8 and all(
        a["flip_x"] for a in raw.amplifiers
    )


def test_every_real_file_is_of_one_camera(data, cameras):
    for pattern, name in (
        ("arcsat_m82/M82*", "arcsat"),
        ("tircam2_ic310/bias*", "tircam2"),
        ("sdss_stripe82_gri/fpC*", "sdss"),
        ("decals_testcase4/images/**/*ooi*", "decam"),
        ("neowise_l1b_a/*.bz2", "neowise"),
        ("emmi_galaxies/galaxies.fits.bz2", "emmi"),
        ("wfcam_wsa_votables/image.fits.bz2", "wfcam"),
    ):
        path = sorted(data.glob(pattern))[0]
        assert identify(path, cameras.values()).name == name


def test_a_weight_map_is_not_taken_for_a_frame(data, cameras):
    weights = [
        data / "emmi_galaxies" / "galaxies.weight.fits.bz2",
        *sorted(data.glob("decals_testcase4/images/**/*oo[wd]*")),
    ]
    for path, name in zip(weights, ["emmi"] + ["decam"] * 18, strict=True):
        with open_fits(path) as file:
            assert not is_reduced(file, cameras[name])
            assert translate(file, cameras[name]).purpose == "skip"


def test_statistics_agree_with_the_labels(data, cameras):
    """The levels of the shipped cameras accept the real frames, and find a bias that is labelled as flat."""
    for folder, name, pattern in (
        ("arcsat_m13", "arcsat", "*.fits.bz2"),
        ("nasa42_5945_a", "nasa42", "*/*.fits.bz2"),
        ("ccdchar_st7_a", "st7", "*.FIT.bz2"),
        ("tircam2_ic310", "tircam2", "*.fits.bz2"),
    ):
        camera = cameras[name]
        for path in sorted((data / folder).glob(pattern))[::6]:
            with open_fits(path) as file:
                (raw,) = translate(file, camera)
                y0, y1, x0, x1 = raw.amplifiers[0]["data"]
                pixels = file.pixels(raw.amplifiers[0]["hdu"])[y0:y1, x0:x1].astype(float)
            median, stdev = float(np.median(pixels)), float(pixels.std())
            assert plausible(raw.purpose, median, stdev, raw.exptime, camera) == [], path.name
            if raw.purpose == "bias" and name != "tircam2":
                problems = plausible("domeflat", median, stdev, 5.0, camera)
                assert any("looks like a bias" in problem for problem in problems), path.name


def test_check_reports_a_whole_folder(data, cameras):
    report = check(cameras["arcsat"], sorted((data / "arcsat_m82").glob("*")))
    assert report.counts == {"science": 6, "refused": 3} and not report.is_clean
    text = str(report)
    assert "MANIFEST.jsonl" in text and "not a FITS file" in text and "science because IMAGETYP" in text
    assert check(cameras["arcsat"], sorted((data / "arcsat_m82").glob("*.bz2"))).is_clean
    other = check(cameras["arcsat"], [data / "tircam2_ic310" / "bias_1.fits.bz2"])
    assert other.counts == {"refused": 1}
