"""Ghosts: where they are, what they cover, and how bright they turn out to be."""
import numpy as np
import pytest

from awe.science.ghosts import Reflection, covered, excess, expected, ghosts

SHAPE = (300, 400)
AROUND = Reflection(40.0, 10.0, 1e-2, 1.0, (200.0, 150.0))
OPPOSITE = Reflection(25.0, 0.0, 5e-3, -0.5, (200.0, 150.0))


def test_places_on_the_line_through_star_and_axis():
    x, y, flux = np.array([100.0, 350.0, 2000.0]), np.array([100.0, 150.0, 150.0]), np.array([1e6, 1e3, 1e9])
    found = ghosts(x, y, flux, [AROUND, OPPOSITE], SHAPE, least=0.5)
    assert [(ghost.x, ghost.y) for ghost in found] == [(250.0, 175.0), (100.0, 100.0)], "faint, and far beside, make none"
    assert found[1].level == pytest.approx(1e4 / (np.pi * (40**2 - 10**2)))
    assert expected(found, SHAPE).sum() == pytest.approx(1e4 + 5e3, rel=0.01)


def test_a_star_beside_the_chip_can_have_one_on_it():
    (only,) = ghosts(np.array([-400.0]), np.array([150.0]), np.array([1e7]), [OPPOSITE._replace(place=-0.2)], SHAPE, 1.0)
    assert (only.x, only.y) == (320.0, 150.0)
    assert covered([only], SHAPE, 0.0).sum() == pytest.approx(np.pi * 25**2, rel=0.02)


def test_the_hole_is_not_covered_and_what_leaves_the_chip_is_cut():
    (only,) = ghosts(np.array([5.0]), np.array([5.0]), np.array([1e7]), [AROUND], SHAPE, 1.0)
    plane = covered([only], SHAPE)
    assert not plane[5, 5] and plane[5, 30] and not plane[60, 60] and not plane[290:].any()


def test_brightness_over_the_model():
    rng = np.random.default_rng(4)
    found = ghosts(np.array([120.0, 250.0]), np.array([150.0, 140.0]), np.array([3e6, 1e6]), [AROUND], SHAPE, 1.0)
    image = 100.0 + 0.6 * expected(found, SHAPE) + rng.normal(0, 5, SHAPE)
    ratio, error = excess(image, np.ones(SHAPE, bool), found)
    assert abs(ratio - 0.6) < 4 * error < 0.2
    assert np.isnan(excess(image, np.zeros(SHAPE, bool), found)).all() and np.isnan(excess(image, np.ones(SHAPE, bool), [])).all()


def test_nonsense_makes_none():
    nan = np.array([np.nan, 50.0, 50.0])
    assert not ghosts(nan, nan, np.array([1e9, np.nan, -1e9]), [AROUND], SHAPE, 0.1)
