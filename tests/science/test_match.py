"""Matching: finds the truth within its bounds, refuses what is not there."""
import numpy as np
import pytest

from awe.science.match import Bounds, match, mutual_pairs, similarity


def lists(seed, n=120, field=600.0, offset=60.0, rotation=3.0, scale=1.0, parity=1, wrong=0.05, depth=0.3, noise=0.15,
          margin=300.0, slope=0.35):
    """A catalogue over a larger area, and the sources of a frame as a wrong pointing would place them."""
    rng = np.random.default_rng(seed)
    half = field / 2 + margin
    total = int(n * (2 * half / field) ** 2)
    ref = rng.uniform(-half, half, (total, 2))
    mag = 20 - rng.exponential(1 / (slope * np.log(10)), total)
    inside = np.abs(ref).max(axis=1) < field / 2
    theta = np.radians(rotation)
    turn = scale * np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]]) * np.array([parity, 1.0])
    angle = rng.uniform(0, 2 * np.pi)
    shift = offset * np.array([np.cos(angle), np.sin(angle)])
    src = (ref[inside] - shift) @ np.linalg.inv(turn).T + rng.normal(0, noise, (inside.sum(), 2))
    flux = 10 ** (-0.4 * (mag[inside] + rng.normal(0, 0.3, inside.sum())))
    seen = rng.random(len(src)) > 0.1
    src, flux = src[seen], flux[seen]
    keep = rng.random(total) > depth * (mag > 19.0)
    ref, mag = ref[keep], mag[keep]
    bad = rng.random(len(ref)) < wrong
    ref[bad] = rng.uniform(-half, half, (bad.sum(), 2))
    return src, flux, ref, mag, turn, shift


def error(found, src, turn, shift):
    return np.hypot(*((src @ found.matrix.T + found.shift) - (src @ turn.T + shift)).T).max()


@pytest.mark.parametrize("n, offset, rotation, scale, parity", [
    (50, 60, 3, 1.0, 1), (50, 60, -3, 1.01, -1), (25, 20, 1, 1.0, 1), (400, 60, 3, 1.0, -1), (4000, 60, 3, 0.99, 1),
    (100, 250, 10, 1.0, 1), (100, 200, 170, 1.0, -1), (60, 0, 0, 1.0, 1), (150, 30, 90, 1.04, 1)])
def test_finds_the_truth(n, offset, rotation, scale, parity):
    for seed in range(2):
        src, flux, ref, mag, turn, shift = lists(seed, n, offset=offset, rotation=rotation, scale=scale, parity=parity)
        found = match(src, flux, ref, mag)
        assert found.ok, (seed, found.reason)
        assert error(found, src, turn, shift) < 1.5
        assert found.parity == parity and len(found.pairs) > 0.5 * min(len(src), 1000)
        assert found.scale == pytest.approx(scale, abs=0.003)
        assert (found.rotation - rotation + 180) % 360 - 180 == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("n", [25, 1000])
def test_a_catalogue_of_another_field_is_refused(n):
    for seed in range(2):
        src, flux, *_ = lists(seed, n)
        _, _, ref, mag, *_ = lists(seed + 100, n)
        found = match(src, flux, ref, mag)
        assert not found.ok and "no match" in found.reason


def test_two_clusters_are_no_match():
    """Both lists crowd in their middle: overdensities coincide, stars do not."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        a, b = (rng.normal(0, 1, (n, 2)) * rng.exponential(80, n)[:, None] for n in (900, 1500))
        assert not match(a, rng.random(900), b, rng.random(1500)).ok


def test_outside_the_bounds_is_refused():
    src, flux, ref, mag, *_ = lists(4, 100, rotation=40.0)
    assert not match(src, flux, ref, mag, bounds=Bounds(rotation=5.0)).ok
    src, flux, ref, mag, *_ = lists(4, 100, parity=-1)
    assert not match(src, flux, ref, mag, bounds=Bounds(parities=(1,))).ok


@pytest.mark.parametrize("n, m", [(0, 0), (3, 100), (100, 2), (0, 50)])
def test_too_few(n, m):
    rng = np.random.default_rng(0)
    found = match(rng.normal(0, 100, (n, 2)), np.ones(n), rng.normal(0, 100, (m, 2)), np.ones(m))
    assert not found.ok and "too few" in found.reason


def test_not_finite_is_left_out():
    src, flux, ref, mag, *_ = lists(1, 80)
    src[3], ref[5], mag[7], flux[9] = np.nan, np.inf, np.nan, np.nan
    assert match(src, flux, ref, mag).ok


def test_pairs_are_mutual():
    a, b = np.array([[0.0, 0], [0.4, 0], [5, 5]]), np.array([[0.1, 0], [9, 9]])
    np.testing.assert_array_equal(mutual_pairs(a, b, 1.0), [[0, 0]])
    assert len(mutual_pairs(np.zeros((0, 2)), b, 1.0)) == 0


def test_similarity_survives_an_outlier():
    src, _, _, _, turn, shift = lists(2, 30, parity=-1)
    target = src @ turn.T + shift
    target[4] += 50
    matrix, moved = similarity(src, target, -1)
    np.testing.assert_allclose(matrix, turn, atol=1e-9)
    np.testing.assert_allclose(moved, shift, atol=1e-6)
