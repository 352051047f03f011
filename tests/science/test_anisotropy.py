"""Anisotropy: planes of ellipticity are found, whatever a few stars do."""
import numpy as np
import pytest

from awe.science.anisotropy import anisotropy


def test_a_plane_is_found():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1000, 300), rng.uniform(0, 500, 300)
    e1, e2 = 0.1 + 0.05 * (2 * x / 1000 - 1) + rng.normal(0, 0.01, 300), 0.02 + rng.normal(0, 0.01, 300)
    e1[:10] = 0.9
    found = anisotropy(x, y, 2.0 * (1 + e1), 2.0 * (1 - e1), 2.0 * e2, (500, 1000))
    assert found.ellipticity == pytest.approx(np.hypot(0.1, 0.02), abs=0.01)
    assert found.angle == pytest.approx(np.degrees(0.5 * np.arctan2(0.02, 0.1)), abs=3)
    assert found.gradient == pytest.approx(0.05, abs=0.01) and 250 < found.count <= 290


def test_few_stars_say_nothing():
    nothing = np.zeros(3)
    assert np.isnan(anisotropy(nothing, nothing, nothing, nothing, nothing, (5, 5)).ellipticity)
