"""Rows or columns read out in turn by different electronics are no defects, and hide none."""
import numpy as np
import pytest

from awe.science.coldpixels import cold_pixels
from awe.science.hotpixels import hot_pixels
from awe.science.phases import PERIOD, phase_levels, spread_phases

SHAPE = (130, 141)


@pytest.fixture
def rng():
    return np.random.default_rng(77)


def interleaved(factors, axis):
    """`factors` in turn along an axis."""
    line = np.resize(factors, SHAPE[axis])
    return np.broadcast_to(line[:, None] if axis == 0 else line[None, :], SHAPE).astype(np.float32)


def test_levels_and_their_spread(rng):
    levels = rng.normal(1, 0.1, (PERIOD, PERIOD))
    image = spread_phases(levels, SHAPE)
    np.testing.assert_allclose(phase_levels(image), levels, rtol=1e-6)
    image[7, :], image[50, 60] = np.nan, 1e6
    np.testing.assert_allclose(phase_levels(image), levels, rtol=1e-6)
    assert np.isnan(phase_levels(np.full(SHAPE, np.nan))).all()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("factors", [(1.6, 1.0), (1.0, 0.7, 1.2, 0.9)])
def test_interleaved_response_is_not_cold(rng, axis, factors):
    flat = (interleaved(factors, axis) * rng.normal(1, 0.01, SHAPE)).astype(np.float32)
    flat[20, 30] *= 0.5
    flat[:, 100] *= 0.1
    found = cold_pixels(flat, np.full(SHAPE, 1e-4, np.float32))
    assert found.mask[20, 30] and found.mask[:, 100].all() and found.count == 1 + SHAPE[0]


@pytest.mark.parametrize("axis", [0, 1])
def test_interleaved_levels_hide_no_hot_pixel(rng, axis):
    bias = interleaved((38800.0, 41200.0), axis) + rng.normal(0, 10, SHAPE).astype(np.float32)
    bias[20, 31] += 300
    bias[40, 50] += 300
    found = hot_pixels(bias, 10.0)
    assert found.mask[20, 31] and found.mask[40, 50] and found.count == 2


def test_where_nothing_is_interleaved_nothing_changes(rng):
    flat = rng.normal(1, 0.01, SHAPE).astype(np.float32)
    assert cold_pixels(flat).count == 0
