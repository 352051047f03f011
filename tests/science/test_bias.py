from __future__ import annotations

import numpy as np
import pytest

from awe.errors import FitsError
from awe.science.assemble import assemble
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


@pytest.mark.parametrize("number", [4, 10])
def test_pixels_of_five_times_the_noise_are_tagged(number: int) -> None:
    stack, _ = frames(number, seed=8)
    rng = np.random.default_rng(9)
    noisy = rng.random((200, 256)) < 0.01
    for one in stack:
        one[noisy] += rng.normal(0, 25, noisy.sum()).astype(np.float32)
        one[::7, 3] = np.nan
    stack[1][20:25, 30:90] += 40_000
    tagged = master_bias(stack, read_noise=5.0).mask & Bit.NOISY != 0
    assert tagged[noisy].mean() > (0.95 if number == 10 else 0.25)
    assert tagged[~noisy].mean() < 1e-4


def test_rows_of_files_give_the_same_as_whole_frames() -> None:
    rng = np.random.default_rng(10)
    raws = [np.round(rng.normal(1000, 4, (300, 150))).astype(np.uint16) for _ in range(5)]
    amplifiers = [{"name": "A", "hdu": 0, "data": [0, 300, 0, 60], "position": [0, 300, 0, 60], "overscan": [0, 300, 60, 75]},
                  {"name": "B", "hdu": 0, "data": [0, 300, 90, 150], "position": [0, 300, 60, 120], "overscan": [0, 300, 75, 90],
                   "flip_x": True}]
    made = [assemble({0: raw}, amplifiers) for raw in raws]
    by_rows = master_bias(made, made[0].spread([4.0, 4.5]), masks=None)
    noise = np.repeat([4.0, 4.5], 60)[None, :] * np.ones((300, 1))
    whole = master_bias([one.data for one in made], noise)
    for plane in ("data", "variance", "stdev", "n_used", "mask"):
        assert np.array_equal(getattr(by_rows, plane), getattr(whole, plane), equal_nan=True)


def test_agrees_with_numpy() -> None:
    stack, _ = frames(9, seed=11)
    stack[2][50:60] += 300
    found = master_bias(stack, read_noise=5.0)
    values = np.array(stack, np.float64)
    reach = 3.0 * np.sqrt(25 + 1 / 12)
    kept = np.where(np.abs(values - np.median(values, axis=0)) <= reach, values, np.nan)
    assert np.allclose(found.data, np.nanmean(kept, axis=0), atol=1e-4)
    assert np.allclose(found.stdev, np.nanstd(kept, axis=0, ddof=1), atol=1e-3)
    assert np.array_equal(found.n_used, np.isfinite(kept).sum(axis=0))
