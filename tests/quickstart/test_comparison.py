"""The figures of merit on data of which they are known."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.quickstart.comparison import (
    Figure,
    Pixels,
    isolated,
    magnitude_figures,
    matched,
    near,
    offsets,
    pixels,
    position_figures,
)

RNG = np.random.default_rng(3)


def value(figures: list[Figure], name: str) -> float:
    return next(figure.value for figure in figures if name in figure.name)


def test_positions_that_are_off_are_found_off() -> None:
    dec = RNG.uniform(-60, 60, 4000)
    ra = RNG.uniform(0, 360, 4000)
    east, north = RNG.normal(0.03, 0.02, 4000), RNG.normal(0.0, 0.02, 4000)
    measured = np.remainder(ra + east / 3600 / np.cos(np.radians(dec)), 360), dec + north / 3600
    figures = position_figures(*offsets(*measured, ra, dec), 0.3)
    assert value(figures, "mean, east") == pytest.approx(0.1, abs=0.005)
    assert value(figures, "mean, north") == pytest.approx(0.0, abs=0.005)
    assert value(figures, "rms") == pytest.approx(np.hypot(0.1 / np.sqrt(2), 0.0667), rel=0.03)


@given(st.floats(0.001, 359.999), st.floats(-80, 80))
def test_positions_that_are_the_truth_are_off_by_nothing_also_across_the_origin(ra: float, dec: float) -> None:
    east, north = offsets(np.array([ra - 1e-9]), np.array([dec]), np.array([ra % 360.0]), np.array([dec]))
    assert abs(east[0]) < 1e-4 and north[0] == 0.0


def test_magnitudes_with_honest_errors() -> None:
    error = RNG.uniform(0.002, 0.01, 5000)
    figures = magnitude_figures(15 + RNG.normal(0, error) + 0.004, error, np.full(5000, 15.0))
    assert value(figures, "bias") == pytest.approx(0.004, abs=0.0005)
    assert value(figures, "pulls") == pytest.approx(1.0, abs=0.2)
    assert all(figure.is_good for figure in figures)


def test_magnitudes_with_errors_that_are_too_small() -> None:
    figures = magnitude_figures(15 + RNG.normal(0, 0.05, 500), np.full(500, 0.01), np.full(500, 15.0))
    assert [figure.is_good for figure in figures] == [True, False, False]


def test_nothing_to_compare_is_not_good() -> None:
    none = np.zeros(0)
    figures = [*magnitude_figures(none, none, none), position_figures(none, none, 0.3)[0], *Pixels().figures()]
    assert not any(figure.is_good for figure in figures)


def test_pairs_are_mutual() -> None:
    ra, dec = np.array([10.0, 10.0001]), np.array([0.0, 0.0])
    ours, theirs = matched(ra, dec, np.array([10.0]), np.array([0.0]), within=1.0)
    assert (list(ours), list(theirs)) == ([0], [0])
    assert not len(matched(ra, dec, np.zeros(0), np.zeros(0), within=1.0)[0])
    assert not len(matched(ra, dec, np.array([10.1]), np.array([0.0]), within=1.0)[0])


def test_what_has_a_neighbour_is_not_isolated() -> None:
    ra, dec = np.array([10.0, 10.0005, 11.0, 11.0005]), np.zeros(4)
    magnitude = np.array([15.0, 17.0, 15.0, 23.0])
    found = isolated(ra, dec, magnitude, np.array([True, True, True, False]), within=3.0, part=0.01)
    assert list(found) == [False, False, True, False]
    assert list(near(ra, dec, np.array([11.0]), np.array([0.0]), within=1.0)) == [False, False, True, False]


def test_wings_of_a_bright_star_reach_farther() -> None:
    ra, dec = np.array([10.0, 10.00125]), np.zeros(2)
    alone = [bool(isolated(ra, dec, np.array([18.0, other]), np.array([True, False]), within=4.0, part=0.005)[0]) for other in (15.0, 18.0)]
    assert alone == [False, True]


def test_pixels_found_and_false() -> None:
    deviation = np.array([0.0, 0.5, 3.0, 6.0, -7.0, 100.0, 0.0])
    saturated = np.array([False] * 6 + [True])
    masked = np.array([True, False, True, True, True, False, True])
    counted = pixels(masked, deviation, saturated)
    assert counted == Pixels(deviating=4, found=3, untouched=2, falsely=1)
    found, false = (counted + Pixels(0, 0, 998, 0)).figures()
    assert (found.value, false.value) == (75.0, 0.1) and not found.is_good and false.is_good


def test_what_all_stars_share_is_bias_and_no_pull():
    rng = np.random.default_rng(5)
    errors = 10 ** rng.uniform(-3, -2, 400)
    figures = magnitude_figures(17.0 + 0.008 + rng.normal(0, 1, 400) * errors, errors, np.full(400, 17.0))
    assert value(figures, "bias") == pytest.approx(0.008, abs=0.001)
    assert value(figures, "pulls") == pytest.approx(1.0, abs=0.1)
