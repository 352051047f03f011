"""Bleeding: trails of saturated pixels are followed, and stars are not taken for trails."""
from __future__ import annotations

import numpy as np
import pytest

from awe.errors import FitsError
from awe.science.bleeding import bleeding
from awe.science.mask import Bit


def bled(trail: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Data, saturation, variance and where the charge of a star bled into pixels below saturation."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:200, :150]
    image = 200 + 3e5 * (1 + ((y - 100) ** 2 + (x - 70) ** 2) / 9.0) ** -2.5
    image[80:121, 69:72] = 2e5
    truth = np.zeros(image.shape, bool)
    for end, step in ((79, -1), (121, 1)):
        for k in range(trail):
            image[end + step * k, 70] += 8e4 * 0.8**k
            truth[end + step * k, 70] = 8e4 * 0.8**k > 300
    data = rng.poisson(image).astype(np.float64)
    saturated = data >= 6e4
    return np.minimum(data, 6e4).astype(np.float32), saturated, image.astype(np.float32), truth & ~saturated


def test_trails_are_followed_in_either_direction() -> None:
    data, saturated, variance, truth = bled(25)
    found = bleeding(data, saturated, variance, 200.0) == Bit.BLEEDING
    assert found[truth].mean() > 0.95
    assert (found & ~truth).sum() < 20
    assert not (found & saturated).any()
    turned = bleeding(data.T, saturated.T, variance.T, 200.0, along_rows=True)
    assert np.array_equal(turned.T != 0, found)


def test_a_saturated_star_that_does_not_bleed_is_left_alone() -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:120, :120]
    image = 200 + 5e6 * np.exp(-((y - 60.0) ** 2 + (x - 60.0) ** 2) / (2 * 4.0**2))
    data = rng.poisson(image)
    saturated = data >= 6e4
    assert saturated.sum() > 50
    assert bleeding(np.minimum(data, 6e4).astype(np.float32), saturated, image.astype(np.float32), 200.0).sum() == 0


def test_nothing_and_everything_saturated() -> None:
    plane = np.ones((30, 20), np.float32)
    assert not bleeding(plane, np.zeros((30, 20), bool), plane).any()
    assert not bleeding(plane, np.ones((30, 20), bool), plane).any()
    with pytest.raises(FitsError, match="one shape"):
        bleeding(plane, np.zeros((30, 21), bool), plane)
