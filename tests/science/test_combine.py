from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awe.errors import FitsError
from awe.science import bands
from awe.science.combine import combine, sorting_network


def stack_of(number: int = 10, shape: tuple[int, int] = (70, 150), sigma: float = 5.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stack = rng.normal(300.0, sigma, (number, *shape)).astype(np.float32)
    stack[rng.integers(0, number, 200), rng.integers(0, shape[0], 200), rng.integers(0, shape[1], 200)] += 400.0
    return stack


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_network_sorts(number: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 9, number)
    for a, b in sorting_network(number):
        values[a], values[b] = min(values[a], values[b]), max(values[a], values[b])
    assert (np.diff(values) >= 0).all()


def test_agrees_with_astropy_on_sample_clipping() -> None:
    stack = stack_of(12)
    peer = sigma_clip(stack.astype(np.float64), sigma=3.0, cenfunc="median", stdfunc="std", maxiters=None, axis=0)
    ours = combine(stack, clip=3.0)
    same = ours.n_used == peer.count(axis=0)
    assert same.mean() > 0.999
    assert np.allclose(ours.data[same], peer.mean(axis=0).data[same], rtol=1e-6)
    assert np.allclose(ours.stdev[same], peer.std(axis=0, ddof=1).data[same], rtol=1e-4)


def test_agrees_with_the_plain_rule_for_known_noise() -> None:
    stack = stack_of(9)
    centre = np.median(stack, axis=0)
    kept = np.abs(stack - centre) <= 3 * 5.0
    ours = combine(stack, sigma=5.0, clip=3.0)
    assert np.array_equal(ours.n_used, kept.sum(axis=0))
    assert np.array_equal(ours.n_rejected, 9 - kept.sum(axis=0))
    assert np.allclose(ours.data, np.where(kept, stack, 0).sum(axis=0, dtype=float) / kept.sum(axis=0), rtol=1e-6)
    assert np.allclose(ours.variance, 25.0 / kept.sum(axis=0))


def test_one_outlier_among_few_is_rejected() -> None:
    for number in (3, 4, 5, 10):
        stack = np.full((number, 2, 3), 100, np.float32)
        stack[1, 1, 2] = 1000
        found = combine(stack, sigma=5.0)
        assert (found.data == 100).all() and found.n_rejected[1, 2] == 1


def test_two_that_disagree_leave_the_lower() -> None:
    stack = np.array([[[100.0, 50.0]], [[900.0, 52.0]]], np.float32)
    found = combine(stack, sigma=5.0)
    assert found.data.tolist() == [[100.0, 51.0]]
    assert found.n_used.tolist() == [[1, 2]]


@pytest.mark.parametrize("options", [
    {"sigma": 5.0}, {}, {"sigma": 5.0, "gain": 2.0, "scale": [1.0, 1.1, 0.9, 1.3, 0.8, 1.0, 1.0], "method": "median"},
    {"weights": [1, 2, 3, 4, 5, 6, 7]}])
def test_same_bits_on_any_number_of_threads(options: dict[str, Any]) -> None:
    stack = stack_of(7, (300, 333))
    stack[2, 40:50, 30:60] = np.nan
    results = []
    for number in (1, 2, 3):
        bands.set_threads(number)
        results.append(combine(stack, **options))
    bands.set_threads(None)
    for other in results[1:]:
        for name in ("data", "variance", "stdev", "n_used", "n_rejected"):
            assert getattr(results[0], name).tobytes() == getattr(other, name).tobytes()


def test_masks_and_nan_take_no_part() -> None:
    stack = [np.full((4, 5), value, np.float32) for value in (1.0, 3.0, 50.0)]
    stack[0][0, 0] = np.nan
    masks = [None, None, np.ones((4, 5), np.uint16)]
    found = combine(stack, sigma=1.0, masks=masks)
    assert found.data[0, 0] == 3.0 and found.n_used[0, 0] == 1
    assert found.data[1, 1] == 2.0 and found.n_rejected.sum() == 0
    nothing = combine([np.full((2, 2), np.nan)])
    assert np.isnan(nothing.data).all() and (nothing.n_used == 0).all() and np.isnan(nothing.variance).all()


def test_scale_weights_and_photon_noise() -> None:
    rng = np.random.default_rng(4)
    levels = np.array([5000.0, 10000.0, 20000.0])
    stack = [rng.poisson(np.full((200, 200), level * 2.0)) / 2.0 for level in levels]
    scale = levels.mean() / levels
    found = combine(stack, sigma=3.0, gain=2.0, scale=scale.tolist(), weights=levels.tolist(), clip=5.0)
    assert found.n_rejected.sum() < 30
    assert found.data.mean() == pytest.approx(levels.mean(), rel=1e-4)
    assert found.data.var() == pytest.approx(found.variance.mean(), rel=0.03)


def test_median_method() -> None:
    stack = stack_of(8)
    assert np.allclose(combine(stack, clip=0.0, method="median").data, np.median(stack, axis=0))
    clipped = combine(stack, sigma=5.0, clip=4.0, method="median")
    plain = np.ma.median(np.ma.array(stack, mask=np.abs(stack - np.median(stack, axis=0)) > 20.0), axis=0)
    assert np.allclose(clipped.data, plain, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 70)),
                  elements=st.one_of(st.floats(-1e4, 1e4, width=32), st.just(float("nan")))),
       st.sampled_from([None, 1.0]), st.sampled_from(["mean", "median"]))
def test_result_lies_among_the_values(stack: np.ndarray, sigma: float | None, method: str) -> None:
    found = combine(stack, sigma=sigma, method=method)
    good = np.isfinite(stack)
    assert np.array_equal(found.n_used + found.n_rejected, good.sum(axis=0))
    assert ((found.n_used > 0) == good.any(axis=0)).all()
    some = good.any(axis=0)
    low, high = np.where(good, stack, np.inf).min(axis=0), np.where(good, stack, -np.inf).max(axis=0)
    assert (found.data[some] >= low[some] - 1e-2).all() and (found.data[some] <= high[some] + 1e-2).all()


def test_integers_and_lists_of_any_layout() -> None:
    whole = [np.asfortranarray(np.arange(12, dtype=kind).reshape(3, 4)) for kind in (np.uint16, ">i2", np.float64)]
    assert np.array_equal(combine(whole).data, np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(("arguments", "words"), [
    (([],), "at least one"),
    (([np.ones((2, 2)), np.ones((2, 3))],), "one shape"),
    (([np.ones(3)],), "one shape"),
    (([np.ones((2, 2))], 1.0, 3.0, [None, None]), "2 masks"),
    (([np.ones((2, 2))], 1.0, 3.0, None, [0.0]), "weights"),
])
def test_refusals(arguments: Any, words: str) -> None:
    with pytest.raises(FitsError, match=words):
        combine(*arguments)
    with pytest.raises(FitsError, match="unknown"):
        combine([np.ones((2, 2))], method="mode")


def test_errors_in_a_band_are_not_lost() -> None:
    def work(y0: int, y1: int) -> None:
        raise FitsError(f"band {y0}")

    with pytest.raises(FitsError, match="band 0"):
        bands.run(work, 200)
