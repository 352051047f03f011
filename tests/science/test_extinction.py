"""Extinction by four methods, and transformations between bands."""
import math

import numpy as np
import pytest

from awe.science.extinction import from_fields, from_known_zero_point, from_report, standing, transformation


def test_two_fields_at_different_airmass():
    rng = np.random.default_rng(1)
    pulls = []
    for _ in range(200):
        airmass = np.repeat([1.05, 1.9], 20)
        raw = 25.0 - 0.19 * airmass + rng.normal(0, 0.02, 40)
        found = from_fields(raw, np.full(40, 0.02), airmass)
        pulls.append(((found.value - 0.19) / found.error, (found.zero_point - 25.0) / found.zero_point_error))
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.15) and np.abs(np.mean(pulls, axis=0)).max() < 0.25


def test_detectors_have_zero_points_of_their_own_and_one_extinction():
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [12, 8, 1])
    airmass = np.concatenate([np.linspace(1.0, 1.6, 12), np.linspace(1.5, 2.2, 8), [1.1]])
    pulls = []
    for _ in range(200):
        raw = np.array([25.0, 24.2, 26.0])[group] - 0.25 * airmass + rng.normal(0, 0.01, len(group))
        found = from_fields(raw, np.full(len(group), 0.01), airmass, group=group)
        pulls.append(((found.value - 0.25) / found.error, (found.zero_point - 75.2 / 3) / found.zero_point_error))
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.2) and np.abs(np.mean(pulls, axis=0)).max() < 0.25
    assert not from_fields(raw, np.full(len(group), 0.01), np.where(group == 0, 1.0, 2.0), group=group).ok


def test_a_wrong_star_is_left_out():
    airmass = np.linspace(1.0, 2.0, 15)
    raw = 25.0 - 0.1 * airmass + np.random.default_rng(2).normal(0, 0.01, 15)
    raw[4] += 1.0
    found = from_fields(raw, np.full(15, 0.01), airmass)
    assert found.n == 14 and found.value == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("airmass", [[1.2, 1.3], [math.nan, 1.5], [0.0, 2.0], []])
def test_airmasses_that_tell_nothing(airmass):
    found = from_fields(np.full(len(airmass), 25.0), np.full(len(airmass), 0.01), np.array(airmass))
    assert not found.ok and "no extinction" in found.reason and math.isnan(found.value)


def test_known_zero_point_standing_and_report():
    found = from_known_zero_point(24.7, 0.01, 1.5, 25.0, 0.02)
    assert found.value == pytest.approx(0.2) and found.error == pytest.approx(math.hypot(0.01, 0.02) / 1.5)
    assert not from_known_zero_point(math.nan, 0.01, 1.5, 25.0, 0.02).ok
    assert standing(0.09, 0.01).ok
    wavelengths, curve = np.array([350.0, 480.0, 620.0, 750.0]), np.array([0.47, 0.19, 0.09, 0.05])
    assert from_report(wavelengths, curve, 480.0, 620.0, 0.12, 0.01).value == pytest.approx(0.19 / 0.09 * 0.12)
    assert not from_report(wavelengths, curve, 480.0, 900.0, 0.12, 0.01).ok


def test_a_transformation_is_found_and_kept_to_its_colours():
    rng = np.random.default_rng(3)
    g = rng.uniform(14, 20, 80)
    r = g - rng.uniform(0.2, 1.4, 80)
    user = g - 0.14 * (g - r) + 0.03 + rng.normal(0, 0.01, 80)
    user[7] += 2.0
    found = transformation(user, g, g, r)
    assert found is not None and found.n <= 79
    assert abs(found.term - 0.14) < 4 * found.term_error and found.term_error < 0.01
    assert abs(found.constant - 0.03) < 4 * found.constant_error
    assert found.apply(np.array([18.0]), np.array([18.0]), np.array([17.0]))[0] == pytest.approx(18 - 0.14 + 0.03, abs=0.01)
    assert np.isnan(found.apply(np.array([18.0]), np.array([18.0]), np.array([12.0]))[0])
    assert transformation(user[:4], g[:4], g[:4], r[:4]) is None


@pytest.mark.parametrize("chips", [1, 3])
def test_what_the_air_did_is_shared_by_the_chips_of_an_exposure(chips):
    rng = np.random.default_rng(6)
    pulls = []
    for _ in range(300):
        airmass = np.tile(rng.uniform(1.0, 1.9, 12), chips)
        raw = 25.0 - 0.2 * airmass + np.tile(rng.normal(0, 0.01, 12), chips) + rng.normal(0, 0.003, 12 * chips)
        found = from_fields(raw, np.full(12 * chips, 0.003), airmass, group=np.repeat(np.arange(chips), 12),
                            exposure=np.tile(np.arange(12), chips))
        pulls.append((found.value - 0.2) / found.error)
    assert 0.85 < np.std(pulls) < 1.3 and abs(np.mean(pulls)) < 0.25
