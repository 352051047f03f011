from __future__ import annotations

import numpy as np
import pytest

from awe.errors import FitsError
from awe.science.hotpixels import hot_pixels
from awe.science.mask import Bit


def dark(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 1, (200, 300)) + np.linspace(0, 30, 300)[None, :]
    hot = np.zeros(data.shape, bool)
    hot[rng.integers(0, 200, 200), rng.integers(0, 300, 200)] = True
    hot[:, 50] = True
    data[hot] += 20
    return data, hot


@pytest.mark.parametrize("noise", [None, 1.0])
def test_finds_hot_pixels_and_columns(noise: float | None) -> None:
    data, hot = dark()
    found = hot_pixels(data, noise)
    assert (found.mask[hot] == Bit.HOT).mean() > 0.99
    assert (found.mask[~hot] != 0).sum() <= 3
    assert found.count == (found.mask != 0).sum()


def test_steps_glow_and_corners_are_not_hot() -> None:
    data, hot = dark()
    data[:8] -= 300
    y, x = np.mgrid[:200, :300]
    data += 100 * np.exp(-np.hypot(y - 199, x - 299) / 30)
    found = hot_pixels(data, 1.0)
    assert (found.mask[hot] != 0).mean() > 0.95
    assert (found.mask[~hot] != 0).mean() < 2e-3


def test_threshold_floor_and_mask() -> None:
    data, hot = dark()
    assert hot_pixels(data, 1.0, at_least=50.0).count == 0
    assert hot_pixels(data, 10.0).count == 0
    assert hot_pixels(data, 1.0, mask=hot).count <= 3
    data[0, 0] = np.nan
    assert hot_pixels(data).mask[0, 0] == 0
    assert hot_pixels(np.full((30, 30), np.nan)).count == 0
    assert hot_pixels(np.zeros((30, 30))).count == 0
    with pytest.raises(FitsError, match="mask of its shape"):
        hot_pixels(data, mask=np.zeros((2, 2)))
