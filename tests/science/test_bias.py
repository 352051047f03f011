from __future__ import annotations

import numpy as np
import pytest

from awe.errors import FitsError
from awe.science.bias import master_bias
from awe.science.mask import Bit


def frames(number: int = 10, noise: float = 5.0, seed: int = 1) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = 100 + np.sin(np.arange(256) / 9.0)[None, :] * np.ones((200, 1))
    return [np.round(truth + rng.normal(0, noise, truth.shape)).astype(np.float32) for _ in range(number)], truth


@pytest.mark.parametrize("number", [3, 5, 10])
def test_error_is_near_the_read_noise_over_root_n(number: int) -> None:
    stack, truth = frames(number)
    hits = np.random.default_rng(5).permutation(truth.size)[:30 * number].reshape(number, 30)
    for one, hit in zip(stack, hits, strict=True):
        one.ravel()[hit] += 500
    found = master_bias(stack, read_noise=5.0)
    assert np.std(found.data - truth) < 1.1 * 5.0 / number**0.5
    assert np.abs(found.data - truth).max() < 20
    assert np.median(found.variance) == pytest.approx(25.0 / number)


def test_noisy_pixels_are_tagged_and_others_not() -> None:
    stack, _ = frames(10)
    rng = np.random.default_rng(6)
    noisy = np.zeros((200, 256), bool)
    noisy[rng.integers(0, 200, 60), rng.integers(0, 256, 60)] = True
    for one in stack:
        one[noisy] += rng.normal(0, 50, noisy.sum()).astype(np.float32)
    found = master_bias(stack, read_noise=5.0)
    tagged = found.mask & Bit.NOISY != 0
    assert tagged[noisy].mean() > 0.95
    assert tagged[~noisy].sum() <= 3


def test_one_cosmic_ray_does_not_make_a_pixel_noisy() -> None:
    stack, _ = frames(10)
    stack[3][10:15, 20:60] += 3000
    found = master_bias(stack, read_noise=5.0)
    assert (found.mask[10:15, 20:60] == 0).mean() > 0.99


def test_coarse_digitisation_rejects_little() -> None:
    stack, _ = frames(8, noise=0.3)
    found = master_bias(stack, read_noise=0.42)
    assert (found.n_used < 8).mean() < 0.05


def test_without_read_noise_and_with_dead_pixels() -> None:
    stack, truth = frames(6)
    for one in stack:
        one[3, 4] = np.nan
    found = master_bias(stack)
    assert np.isfinite(found.data).all()
    assert found.mask[3, 4] == Bit.NO_DATA and found.data[3, 4] == 0
    assert np.isfinite(found.variance).all()
    assert np.median(np.abs(found.data - truth)) < 3


def test_one_frame_is_possible_and_none_is_not() -> None:
    stack, _ = frames(1)
    assert np.array_equal(master_bias(stack, read_noise=5.0).data, stack[0])
    with pytest.raises(FitsError, match="at least one"):
        master_bias([], read_noise=5.0)
