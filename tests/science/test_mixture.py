from __future__ import annotations

import numpy as np
import pytest

from awe.science.mixture import mixed_fraction

FWHM = np.array([3.0, 5.0])


def gaussian(radius, fwhm):
    return 1 - np.exp(-4 * np.log(2) * np.asarray(radius) ** 2 / fwhm**2)


def test_follows_the_frames_that_reach_a_star():
    radii = np.linspace(0.5, 25, 80)
    weights = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    found = mixed_fraction(weights, FWHM, 6.0, radii, gaussian(radii, 4.0), 4.0)
    sharp, dull = gaussian(6.0, 3.0), gaussian(6.0, 5.0)
    np.testing.assert_allclose(found, [sharp, dull, (sharp + dull) / 2, gaussian(6.0, 4.0)], atol=2e-3)


def test_unknown_seeing_and_gaps_in_the_curve_are_passed_over():
    radii, curve = np.array([2.0, 4.0, 6.0]), np.array([0.5, np.nan, 1.0])
    found = mixed_fraction(np.ones((1, 2)), [np.nan], 4.0, radii, curve, 4.0)
    assert found == pytest.approx([0.75, 0.75])
