"""Headers and pixels of the raw files, read as a stranger would."""
from __future__ import annotations

import json
import warnings
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.wcs import WCS

from awe.simulate import Run

from .raw import amplifiers, cut, electrons, files_of

CHIPS = ("ccd50", "ccd53")


def test_files_are_valid_fits(run: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in run.raw_files:
            with fits.open(path) as hdus:
                hdus.verify("exception")
                assert len(hdus) - 1 == hdus[0].header["NEXTEND"] == 3
                for hdu in hdus[1:]:
                    assert hdu.data.dtype == np.uint16


def test_no_counts_are_clipped_at_zero(run: Run) -> None:
    for path in run.raw_files:
        with fits.open(path) as hdus:
            assert all(hdu.data.min() > 500 for hdu in hdus[1:])


def test_layout_is_two_unequal_amplifiers_one_of_them_flipped(run: Run) -> None:
    parts = {chip: amplifiers(run.raw_files[0], chip) for chip in CHIPS}
    for chip in CHIPS:
        widths = [cut(raw, header["DATASEC" + s]).shape[1] for header, s, raw in parts[chip]]
        assert len(widths) == 2 and widths[0] != widths[1] and sum(widths) == 256
        gains = [header["GAIN" + s] for header, s, _ in parts[chip]]
        assert gains[1] - gains[0] > 0.05
    assert {header["EXTNAME"] for header, _, _ in parts["ccd50"]} == {"ccd50"}
    assert {header["EXTNAME"] for header, _, _ in parts["ccd53"]} == {"ccd53A", "ccd53B"}
    last = parts["ccd53"][1][0]["CCDSEC"]
    assert last.startswith("[256:")


def test_times_follow_one_another_within_one_local_night(run: Run) -> None:
    previous = datetime(2024, 3, 10, 16)  # local noon, UTC - 4
    for path in run.raw_files:
        header = fits.getheader(path)
        start = datetime.fromisoformat(header["DATE-OBS"])
        assert start >= previous
        previous = start + timedelta(seconds=header["EXPTIME"])
    assert previous < datetime(2024, 3, 11, 16)


def test_pointing_is_sexagesimal_and_agrees_with_the_wcs(run: Run) -> None:
    for path in files_of(run, "object"):
        header = fits.getheader(path)
        ra, dec = Angle(header["RA"], "hourangle").deg, Angle(header["DEC"], "deg").deg
        assert fits.getval(path, "CRVAL1", 1) == pytest.approx(ra, abs=1e-5)
        assert fits.getval(path, "CRVAL2", 1) == pytest.approx(dec, abs=1e-5)
        assert 1.0 <= header["AIRMASS"] < 2.0


def test_wcs_of_every_hdu_claims_the_same_sky(run: Run) -> None:
    """The pixel left of the split and the one right of it are one pixel apart, whichever HDU and direction."""
    path = files_of(run, "object")[0]
    (a, _, _), (b, _, _) = amplifiers(path, "ccd53")
    a_end = int(a["DATASEC"][1:].split(",")[0].split(":")[1])
    b_end = int(b["DATASEC"][1:].split(",")[0].split(":")[1])
    left, right = WCS(a).pixel_to_world(a_end - 1, 100), WCS(b).pixel_to_world(b_end - 1, 100)
    assert left.separation(right).arcsec == pytest.approx(run.config.pixel_scale, rel=1e-3)
    assert WCS(a).proj_plane_pixel_scales()[0].to_value("arcsec") == pytest.approx(run.config.pixel_scale)


@pytest.mark.parametrize("chip", CHIPS)
def test_overscan_and_bias_pixels_show_gain_and_read_noise(run: Run, chip: str) -> None:
    """Pairs of biases give the read noise; pairs of flats the gain: those of the truth, and roughly the header's."""
    truth = {c["name"]: c["amplifiers"] for c in json.loads(run.truth_camera.read_text())["chips"]}[chip]
    b1, b2 = (amplifiers(path, chip) for path in files_of(run, "bias")[:2])
    f1, f2 = (amplifiers(path, chip) for path in files_of(run, "dome flat", "r")[:2])
    for index, amplifier in enumerate(truth):
        header, suffix, _ = b1[index]
        bias = [cut(p[index][2], header["DATASEC" + suffix]).astype(float) for p in (b1, b2)]
        over = [np.median(cut(p[index][2], header["BIASSEC" + suffix]), axis=1)[:, None] for p in (b1, b2, f1, f2)]
        noise = np.std(bias[0] - over[0] - bias[1] + over[1]) / np.sqrt(2)
        assert noise * amplifier["gain"] == pytest.approx(amplifier["read_noise"], rel=0.06)
        flat = [cut(p[index][2], header["DATASEC" + suffix]) - o for p, o in zip((f1, f2), over[2:], strict=True)]
        flat[1] = flat[1] * np.median(flat[0]) / np.median(flat[1])
        variance = (np.subtract(*np.percentile(flat[0] - flat[1], (84.13, 15.87))) / 2) ** 2 / 2
        assert np.median(flat[0]) / variance == pytest.approx(amplifier["gain"], rel=0.05)
        assert header["GAIN" + suffix] == pytest.approx(amplifier["gain"], abs=0.006)


def test_level_drifts_along_the_rows_and_the_overscan_sees_it(run: Run) -> None:
    header, suffix, raw = amplifiers(files_of(run, "bias")[0], "ccd53")[1]
    data = np.median(cut(raw, header["DATASEC" + suffix]).astype(float), axis=1)
    over = np.mean(cut(raw, header["BIASSEC" + suffix]).astype(float), axis=1)
    rows = np.arange(len(data))
    detrended = [values - np.polyval(np.polyfit(rows, values, 1), rows) for values in (data, over)]
    smooth = [np.convolve(values, np.ones(15) / 15, "valid") for values in detrended]
    assert np.corrcoef(*smooth)[0, 1] > 0.5


def test_flats_show_vignetting_pixel_response_and_dome_gradient(run: Run) -> None:
    chip = "ccd50"
    response = np.load(run.truth_detectors[chip])["response_r"]
    flat = np.mean([electrons(path, chip, response.shape) for path in files_of(run, "dome flat", "r")], axis=0)
    ratio = flat / response
    ratio /= np.median(ratio)
    spread = np.subtract(*np.percentile(ratio, (84.13, 15.87))) / 2
    assert 0.002 < spread < 0.012  # shot noise and the lamp's gradient, no longer the 1 % of the pixels
    assert np.std(response[response > 0.7]) > 0.012


def test_twilight_flats_fade_and_contain_stars(run: Run) -> None:
    frames = [electrons(path, "ccd53", (256, 256)) for path in files_of(run, "twilight flat", "r")]
    levels = [np.median(frame) for frame in frames]
    assert levels == sorted(levels, reverse=True) and levels[-1] < 0.8 * levels[0]
    assert max(np.nanmax(frame) for frame in frames) > 1.2 * levels[0]


def test_darks_show_the_hot_pixels(run: Run) -> None:
    truth = np.load(run.truth_detectors["ccd53"])
    dark = np.median([electrons(path, "ccd53", (256, 256)) for path in files_of(run, "dark")], axis=0)
    bias = np.median([electrons(path, "ccd53", (256, 256)) for path in files_of(run, "bias")], axis=0)
    rate = (dark - bias) / run.config.dark_time
    hot = truth["hot_index"]
    assert len(hot) > 10
    assert np.allclose(rate.ravel()[hot], truth["dark"].ravel()[hot], rtol=0.1, atol=0.5)
