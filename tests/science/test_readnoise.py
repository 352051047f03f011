from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import PermanentError
from awe.science.readnoise import read_noise

REAL = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
real = pytest.mark.skipif(not REAL.is_dir(), reason="no real data: set AWE_REAL_DATA or put it in ../shared/data")


@pytest.mark.parametrize("sigma", [0.7, 1.0, 5.0, 20.0])
def test_finds_the_noise_of_whole_numbers(sigma: float) -> None:
    rng = np.random.default_rng(2)
    pattern = rng.normal(1000, 30, (200, 300))
    frames = [np.round(pattern + rng.normal(0, sigma, pattern.shape)).astype(np.uint16) for _ in range(3)]
    frames[0][5, :100] = 60000
    found = read_noise(frames)
    assert found.intrinsic[0] == pytest.approx(sigma, rel=0.03)
    assert found.read_noise[0] == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.03)
    assert found.error[0] < 0.01 * sigma
    assert abs(found.mean_diff[0]) < 0.1 * sigma


def test_amplifiers_are_kept_apart() -> None:
    rng = np.random.default_rng(3)
    index = np.repeat(np.array([0, 1], np.uint8), 100)[None, :] * np.ones((150, 1), np.uint8)
    index[:, 95:105] = 255
    frames = [rng.normal(0, np.where(index == 0, 3.0, 8.0)) + 5.0 * k * (index == 1) for k in range(2)]
    found = read_noise(frames, index)
    assert found.read_noise == pytest.approx((3.0, 8.0), rel=0.03)
    assert found.mean_diff[1] == pytest.approx(-5.0, abs=0.5)
    assert found.n_pixels[0] <= 150 * 95


def test_masked_and_dead_amplifiers() -> None:
    frames = [np.zeros((10, 20), np.float32), np.ones((10, 20), np.float32)]
    frames[0][:, 10:] = np.nan
    index = np.repeat(np.array([0, 1], np.uint8), 10)[None, :] * np.ones((10, 1), np.uint8)
    found = read_noise(frames, index)
    assert found.read_noise[0] == 0.0 and np.isnan(found.read_noise[1]) and found.n_pixels[1] == 0
    masked = read_noise(frames, index, masks=[np.ones((10, 20)), None])
    assert np.isnan(masked.read_noise[0])


def test_one_bias_is_refused() -> None:
    with pytest.raises(PermanentError, match="two or more"):
        read_noise([np.zeros((3, 3))])
    with pytest.raises(PermanentError, match="shapes"):
        read_noise([np.zeros((3, 3)), np.zeros((3, 4))])


@real
def test_arcsat() -> None:
    frames = [fits.getdata(path) for path in sorted((REAL / "arcsat_m13").glob("Bias*"))]
    assert read_noise(frames).read_noise[0] == pytest.approx(5.9, abs=0.5)
