from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from awe.errors import FitsError
from awe.science import bands
from awe.science.lowpass import block_medians, local_medians, lowpass
from awe.science.objectmask import object_mask


def smooth_image(shape: tuple[int, int] = (301, 417)) -> np.ndarray:
    y, x = np.mgrid[:shape[0], :shape[1]]
    return (1000 + 100 * np.sin(x / 60.0) + 50 * np.cos(y / 45.0) + 0.2 * x).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 3.0, 8.0, 20.0])
def test_agrees_with_the_direct_filter(scale: float) -> None:
    data = smooth_image()
    direct = gaussian_filter(data.astype(float), scale, mode="reflect")
    difference = np.abs(lowpass(data, scale) - direct)
    inside = slice(int(4 * scale), -int(4 * scale))
    assert difference[inside, inside].max() < 0.4
    assert np.abs(lowpass(data, scale) - data).max() < 1.02 * np.abs(direct - data).max(), "edges are no worse"


def test_bad_pixels_leave_no_trace() -> None:
    data = smooth_image()
    clean = lowpass(data, 12.0)
    rng = np.random.default_rng(1)
    data[rng.integers(0, 301, 300), rng.integers(0, 417, 300)] = 60000
    data[100:110] = np.nan
    mask = np.zeros(data.shape, np.uint16)
    mask[:, 200:230] = 1
    data[:, 200:230] = -1e6
    found = lowpass(data, 12.0, mask)
    assert np.isfinite(found).all()
    difference = np.abs(found - clean)
    assert difference.max() < 15, "in the middle of a gap of three sigma"
    difference[:, 200:230] = 0
    assert difference.max() < 8


def test_constant_stays_and_nothing_gives_zero() -> None:
    assert np.allclose(lowpass(np.full((50, 61), 7.5), 10.0), 7.5)
    assert (lowpass(np.full((50, 61), np.nan), 10.0) == 0).all()
    far = np.full((400, 30), np.nan)
    far[:5] = 3.0
    assert np.allclose(lowpass(far, 4.0), 3.0)
    with pytest.raises(FitsError, match="cannot smooth"):
        lowpass(np.ones((3, 3)), 0.5)


def test_same_bits_on_any_number_of_threads() -> None:
    data = smooth_image()
    results = []
    for number in (1, 2):
        bands.set_threads(number)
        results.append(lowpass(data, 9.0).tobytes())
    bands.set_threads(None)
    assert results[0] == results[1]


def test_block_and_local_medians() -> None:
    data = np.arange(35, dtype=float).reshape(5, 7)
    data[0, 0] = np.nan
    medians, share = block_medians(data, None, 3)
    assert medians.shape == (2, 3)
    assert medians[0, 0] == np.median([1, 2, 7, 8, 9, 14, 15, 16]) and share[0, 0] == 8 / 9
    assert medians[1, 2] == np.median([27, 34])
    places = np.zeros(data.shape, bool)
    places[2, 3] = True
    assert local_medians(data, places, np.isnan(data), reach=1)[0] == np.median([9, 10, 11, 16, 18, 23, 24, 25])


def test_object_mask_finds_stars_and_little_else() -> None:
    rng = np.random.default_rng(2)
    data = smooth_image() + rng.normal(0, 5, (301, 417))
    y, x = np.mgrid[:301, :417]
    for j, i in ((50, 60), (150, 300), (250, 100)):
        data += 200 * np.exp(-((y - j) ** 2 + (x - i) ** 2) / 8.0)
    found = object_mask(data, threshold=5.0)
    assert found[50, 60] and found[150, 300] and found[250, 104]
    assert found.mean() < 0.01
    assert not object_mask(np.full((40, 40), np.nan)).any()
    assert not object_mask(np.ones((40, 40))).any()
