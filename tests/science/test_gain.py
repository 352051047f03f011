from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import PermanentError
from awe.science.gain import linearity, pair_up, photon_transfer
from awe.science.readnoise import read_noise

REAL = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
real = pytest.mark.skipif(not REAL.is_dir(), reason="no real data: set AWE_REAL_DATA or put it in ../shared/data")


def flat(rng: np.random.Generator, level: float, gain: float | np.ndarray, noise: float = 5.0,
         drift: float = 0.0) -> np.ndarray:
    """A vignetted flat with 2 % pixel-to-pixel structure (always the same) in ADU."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    response = (1 - 0.3 * (x * x + y * y)) * np.random.default_rng(0).normal(1, 0.02, x.shape) * (1 + drift * x)
    return np.round(rng.poisson(level * response * gain) / gain + rng.normal(0, noise, x.shape))


def test_ladder_of_pairs_gives_gain_and_read_noise() -> None:
    rng = np.random.default_rng(1)
    pairs = [(flat(rng, level, 1.7), flat(rng, level * 1.02, 1.7)) for level in (60, 200, 1000, 5000, 20000)]
    found = photon_transfer(pairs)[0]
    assert found.gain == pytest.approx(1.7, rel=0.01)
    assert abs(found.gain - 1.7) < 4 * found.gain_error
    assert found.read_noise == pytest.approx(5.0, rel=0.1)
    assert 0.8 < found.scatter < 1.3
    assert list(found.levels) == sorted(found.levels)


def test_lamp_drift_and_uneven_pairs_do_no_harm() -> None:
    rng = np.random.default_rng(2)
    pair = flat(rng, 10000, 2.5), flat(rng, 17000, 2.5, drift=0.05)
    assert photon_transfer([pair], read_noise=[5.0])[0].gain == pytest.approx(2.5, rel=0.02)


def test_amplifiers_saturation_and_cosmic_rays() -> None:
    rng = np.random.default_rng(3)
    index = np.repeat(np.array([0, 1], np.uint8), 128)[None, :] * np.ones((256, 1), np.uint8)
    gain = np.where(index == 0, 1.2, 2.4)
    pairs = []
    for level in (8000, 40000):
        pair = tuple(np.minimum(flat(rng, level, gain), 30000) for _ in range(2))
        for one in pair:
            one[rng.integers(0, 256, 300), rng.integers(0, 256, 300)] += 3000
        pairs.append(pair)
    found = photon_transfer(pairs, index, read_noise=[5.0, 5.0], highest=29000)
    assert [one.gain for one in found] == pytest.approx([1.2, 2.4], rel=0.02)


def test_nothing_to_fit_is_nan() -> None:
    dark = np.zeros((64, 64))
    assert np.isnan(photon_transfer([(dark, dark)], read_noise=[3.0])[0].gain)
    with pytest.raises(PermanentError, match="pairs of flats"):
        photon_transfer([])


def test_pairs_are_of_near_levels_and_used_once() -> None:
    assert pair_up([100.0, 1000.0, 101.0, 1500.0, 1010.0, 103.0]) == [(0, 2), (1, 4)]
    assert pair_up([100.0, 150.0, float("nan"), -5.0]) == []


def test_linearity_residuals() -> None:
    times = np.array([1, 2, 5, 10, 20, 50, 100.0])
    levels = 300 * times * (1 - 1e-6 * 300 * times)
    levels[-1] = 20000
    found = linearity(times.tolist(), levels.tolist(), highest=16000)
    assert found.rate == pytest.approx(300, rel=0.01)
    assert not found.used[-1] and found.residuals[-1] < -0.3
    assert found.residuals[0] > found.residuals[5]
    with pytest.raises(PermanentError, match="above 0 s"):
        linearity([0.0], [1.0])


@real
def test_st7_laboratory_ladder() -> None:
    """An SBIG ST-7: header 0.46 e-/ADU, data sheet 15 e- rms read noise; flats above 100 s are saturated."""
    def frame(name: str) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(fits.getdata(REAL / "ccdchar_st7_a" / f"{name}.FIT.bz2"), np.float64)

    biases = [frame(f"bias{k}") for k in (1, 2, 3)]
    noise = read_noise(biases).read_noise[0]
    bias = np.mean(biases, axis=0)
    pair = frame("flat18") - bias, frame("flat27") - bias
    free = photon_transfer([pair])[0]
    assert free.gain == pytest.approx(0.46, rel=0.08)
    assert free.scatter < 1.3
    assert free.read_noise == pytest.approx(noise, rel=0.06), "intercept of the fit against difference of biases"
    known = photon_transfer([pair], read_noise=[noise])[0]
    assert 12 < known.gain * noise < 20
    assert known.gain == pytest.approx(free.gain, rel=0.03)
