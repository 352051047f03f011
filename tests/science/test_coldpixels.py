from __future__ import annotations

import numpy as np
import pytest

from awe.errors import FitsError
from awe.science.coldpixels import cold_pixels
from awe.science.mask import Bit


def flat(noise: float = 0.005) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1:1:200j, -1:1:300j]
    data = (1 - 0.3 * (x * x + y * y)) * rng.normal(1, noise, x.shape)
    cold = np.zeros(data.shape, bool)
    cold[rng.integers(0, 200, 100), rng.integers(0, 300, 100)] = True
    data[cold] *= rng.uniform(0.0, 0.7, cold.sum())
    data[20, 20], cold[20, 20] = 1.5, True
    data[30, 30], cold[30, 30] = np.nan, True
    data[31, 40], cold[31, 40] = -0.1, True
    return data, cold


def test_finds_low_high_and_dead() -> None:
    data, cold = flat()
    found = cold_pixels(data)
    assert np.array_equal(found.mask == Bit.COLD, cold)
    assert found.count == cold.sum()


def test_noise_is_not_cold() -> None:
    data, cold = flat(noise=0.1)
    assert cold_pixels(data).count > 1000
    found = cold_pixels(data, np.full(data.shape, 0.1**2))
    assert found.count < 1.1 * cold.sum()


def test_edge_of_the_field_is_not_cold() -> None:
    data, cold = flat()
    data *= 1 / (1 + np.exp((np.arange(300) - 280) / 4.0))[None, :] + 0.02
    found = cold_pixels(data)
    assert (found.mask[cold] != 0).mean() > 0.95
    assert (found.mask[~cold] != 0).sum() < 30


def test_refusals_and_emptiness() -> None:
    with pytest.raises(FitsError, match="limits"):
        cold_pixels(np.ones((9, 9)), low=1.2)
    with pytest.raises(FitsError, match="shape"):
        cold_pixels(np.ones((9, 9)), np.ones((3, 3)))
    assert cold_pixels(np.zeros((20, 20))).count == 400
    assert cold_pixels(np.ones((20, 20)), mask=np.ones((20, 20))).count == 0
