"""Relative registration, by stars and by pixels, and the almost starless infrared frames."""
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from awe.science.match import Bounds
from awe.science.register import flux_ratio, register, register_by_pixels
from awe.science.sources import extract
from awe.science.wcs import Wcs

REAL = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def two_lists(n, rotation=2.0, shift=(40.0, -25.0), flip=False, seed=0, noise=0.05, ratio=1.3):
    rng = np.random.default_rng(seed)
    ref = rng.uniform(0, 1000, (n, 2))
    flux = rng.pareto(1.2, n) * 1000 + 300
    t = np.radians(rotation)
    matrix = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ np.diag([-1.0 if flip else 1.0, 1.0])
    middle = np.array([500.0, 500.0])
    shift = np.array(shift) + middle - matrix @ middle  # turned and mirrored about the middle of the frame
    src = (ref - shift) @ np.linalg.inv(matrix).T + rng.normal(0, noise, (n, 2))
    keep = rng.random(n) > 0.15
    return src[keep], flux[keep] / ratio, ref, flux * rng.normal(1, 0.02, n), matrix, shift


@pytest.mark.parametrize("n, flip, rotation", [(12, False, 2.0), (40, True, -1.0), (300, False, 170.0)])
def test_by_stars(n, flip, rotation):
    src, flux, ref, ref_flux, matrix, shift = two_lists(n, rotation, flip=flip)
    found = register(*src.T, flux, *ref.T, ref_flux)
    assert found.ok and found.method == "stars", found.reason
    corners = np.array([[0, 0], [1000, 0], [0, 1000], [1000, 1000.0]])
    np.testing.assert_allclose(corners @ found.matrix.T + found.shift, corners @ matrix.T + shift, atol=0.6)
    assert found.rms < 0.2 and found.flux_ratio == pytest.approx(1.3, abs=0.03) and found.flux_ratio_error < 0.03
    reference = Wcs.tangent(150.0, 2.0, 0.4, crpix=(500, 500))
    p = src[0]
    q = p @ matrix.T + shift
    np.testing.assert_allclose(found.wcs(reference).pixel_to_sky(*p), reference.pixel_to_sky(*q), atol=1e-4)


def test_few_stars_of_a_small_dither():
    src, flux, ref, ref_flux, _, shift = two_lists(7, 0.0, (4.0, -7.0), seed=3, noise=0.1)
    found = register(*src.T, flux, *ref.T, ref_flux, bounds=Bounds(60.0, 1.0, 0.005, (1,)), tolerance=2.0)
    assert found.ok, found.reason
    middle = np.array([500.0, 500.0])
    np.testing.assert_allclose(middle @ found.matrix.T + found.shift, middle + shift, atol=0.5)


def test_other_stars_are_refused():
    for seed in range(4):
        src, flux, *_ = two_lists(30, seed=seed)
        _, _, ref, ref_flux, *_ = two_lists(30, seed=seed + 50)
        found = register(*src.T, flux, *ref.T, ref_flux)
        assert not found.ok and found.reason
    assert not register(*np.zeros((3, 0)), *np.zeros((3, 0))).ok


def sky_and_pattern(shift, seed=0, stars=6, pattern=3.0, shape=(256, 256)):
    rng = np.random.default_rng(seed)
    fixed = pattern * ndimage.gaussian_filter(rng.normal(0, 1, shape), 1.0) / 0.28
    big = np.zeros((shape[0] + 80, shape[1] + 80))
    big[rng.integers(45, shape[0] + 35, stars), rng.integers(45, shape[1] + 35, stars)] = 6000.0
    big = ndimage.shift(ndimage.gaussian_filter(big, 2.0), (-shift[1], -shift[0]), order=3)
    noise = np.random.default_rng(seed + 100 + int(10 * abs(shift[0]))).normal(0, 3.0, shape)
    return big[40:-40, 40:-40] + noise, fixed


@pytest.mark.parametrize("shift", [(12.0, -7.0), (-20.5, 4.25), (6.3, 15.7)])
def test_by_pixels(shift):
    reference, _ = sky_and_pattern((0.0, 0.0))
    frame, _ = sky_and_pattern(shift)
    found = register_by_pixels(1.5 * frame + 300, reference)
    assert found.ok, found.reason
    np.testing.assert_allclose(found.shift, shift, atol=0.3)
    assert found.flux_ratio == pytest.approx(1 / 1.5, rel=0.25)


def test_pattern_of_the_detector_is_no_shift():
    reference, fixed = sky_and_pattern((0.0, 0.0), stars=1)
    frame, _ = sky_and_pattern((11.0, 9.0), stars=1)
    found = register_by_pixels(frame + 10 * fixed, reference + 10 * fixed)
    assert not found.ok and "pattern" in found.reason


@pytest.mark.parametrize("data", [np.zeros((64, 64)), np.full((64, 64), np.nan), np.ones((32, 64)),
                                  np.random.default_rng(1).normal(0, 1, (64, 64))])
def test_nothing_to_register_by(data):
    found = register_by_pixels(data, np.random.default_rng(0).normal(0, 1, (64, 64)))
    assert not found.ok and found.reason


def test_flux_ratio_of_nothing():
    assert np.isnan(flux_ratio(np.array([-1.0]), np.array([1.0]))[0])


@pytest.mark.skipif(not REAL.exists(), reason="no real data: neither ../shared/data nor AWE_REAL_DATA")
def test_tircam2_gives_the_shift_or_a_reason():
    """Dithers of a few pixels with half a dozen stars; the track of one star, measured by hand, is the truth."""
    frames = [fits.getdata(REAL / "tircam2_ic310" / f"IC310_{k}.fits.bz2").astype(np.float32) for k in range(1, 6)]
    lists, pictures = [], []
    for frame in frames:
        data = frame - np.median([f for f in frames if f is not frame], axis=0)
        data -= np.median(data, axis=1, keepdims=True)
        found = extract(data, threshold=3.0, mesh=32)
        lists.append(found[(found["FWHM_IMAGE"] > 2) & (found["FWHM_IMAGE"] < 12) & (found["SNR_WIN"] > 8)])
        pictures.append(data)
    truth = np.array([[126.5, 117.2], [125.3, 115.9], [123.1, 113.9], [125.0, 111.1], [123.0, 110.6]])
    solved = 0
    for k in range(1, 5):
        a, b = ((s["XWIN_IMAGE"] - 1, s["YWIN_IMAGE"] - 1, s["FLUX_AUTO"]) for s in (lists[k], lists[0]))
        for found in (register(*a, *b, bounds=Bounds(60.0, 1.0, 0.005, (1,)), tolerance=2.0),
                      register_by_pixels(pictures[k], pictures[0], largest=60)):
            if found.ok:
                at = truth[k] - 1
                np.testing.assert_allclose(at @ found.matrix.T + found.shift, truth[0] - 1, atol=1.5)
                solved += 1
            assert found.reason
    assert solved >= 2


def test_what_agrees_no_better_than_by_chance_is_refused():
    rng = np.random.default_rng(8)
    ref = rng.uniform(0, 500, (90, 2))
    offset = rng.uniform(-1, 1, (60, 2)) * 2.1
    src = np.concatenate([ref[:60] + offset, rng.uniform(0, 500, (20, 2))])
    flux = rng.pareto(1.5, 90) * 100 + 50
    found = register(*src.T, np.concatenate([flux[:60], flux[:20]]), *ref.T, flux)
    assert not found.ok and "chance" in found.reason
