from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awe.errors import FitsError
from awe.science.imstat import clipped, flatness, imstat, subwindows


@given(hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_histogram_and_sorting_agree(data: np.ndarray) -> None:
    fast, slow = imstat(data), imstat(data.astype(np.float64))
    for name in ("npix", "min", "max", "median", "sigma"):
        assert getattr(fast, name) == pytest.approx(getattr(slow, name), rel=1e-12, abs=1e-9)
    assert fast.mean == pytest.approx(slow.mean, abs=1e-8)
    assert fast.stdev == pytest.approx(slow.stdev, abs=1e-6)


@given(hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e6, 1e6)))
def test_matches_numpy(data: np.ndarray) -> None:
    found = imstat(data.reshape(1, -1))
    assert found.median == np.median(data)
    assert found.mean == pytest.approx(data.mean(), rel=1e-9, abs=1e-6)
    assert found.stdev == pytest.approx(data.std(), rel=1e-6, abs=1e-4)
    assert (found.min, found.max) == (data.min(), data.max())


def test_leaves_out_nan_infinite_and_masked() -> None:
    data = np.array([[1, 2, 3, np.nan], [np.inf, 100, 4, -np.inf]], np.float32)
    mask = np.zeros((2, 4), np.uint16)
    mask[1, 1] = 16
    found = imstat(data, mask)
    assert (found.npix, found.min, found.max, found.median, found.mean) == (4, 1.0, 4.0, 2.5, 2.5)


def test_nothing_good_is_nan_and_no_error() -> None:
    found = imstat(np.full((3, 3), np.nan, np.float32))
    assert found.npix == 0 and math.isnan(found.mean) and math.isnan(found.sigma)
    assert imstat(np.ones((2, 2), np.uint16), np.ones((2, 2), bool)).npix == 0


def test_big_endian_and_input_untouched() -> None:
    data = np.arange(12, dtype=">f4").reshape(3, 4)[::-1]
    before = data.copy()
    assert imstat(data).median == 5.5
    assert np.array_equal(before, data)


def test_float32_far_from_zero_keeps_its_width() -> None:
    data = (np.random.default_rng(3).normal(50000, 5, (200, 200))).astype(np.float32)
    assert imstat(data).stdev == pytest.approx(5, rel=0.02)
    assert imstat(data).sigma == pytest.approx(5, rel=0.03)


def test_subwindows_and_flatness() -> None:
    data = np.repeat(np.arange(8, dtype=np.float32), 10)[None, :] * np.ones((40, 1), np.float32)
    windows = subwindows(data)
    assert windows.median.shape == (4, 8)
    assert np.array_equal(windows.median[0], np.arange(8))
    assert windows.npix.sum() == data.size
    assert flatness(data) == 7.0
    data[:, :10] = np.nan
    assert flatness(data) == 6.0


def test_wrong_mask_shape() -> None:
    with pytest.raises(FitsError, match="does not fit"):
        imstat(np.ones((3, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0, 5.0])
@pytest.mark.parametrize("clip", [2.5, 3.0, 5.0])
def test_clipped_is_unbiased_and_robust_on_digitised_noise(sigma: float, clip: float) -> None:
    values = np.random.default_rng(1).normal(100.2, sigma, 100_000)
    values[:500] += 1000
    mean, stdev, number = clipped(np.round(values), clip, step=1.0)
    assert mean == pytest.approx(100.2, abs=0.03 + 0.01 * sigma + 0.05 * (sigma < 0.5))
    assert stdev == pytest.approx(math.hypot(sigma, 12**-0.5), rel=(0.03 if clip > 2.9 else 0.06) if sigma > 0.5 else 0.15)
    assert number <= 99_500


def test_clipped_of_nothing_and_of_constants() -> None:
    assert clipped(np.array([np.nan]))[2] == 0
    assert clipped(np.full(10, 7.0)) == (7.0, 0.0, 10)
