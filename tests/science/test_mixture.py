from __future__ import annotations

import numpy as np
import pytest

from awe.science.mixture import mixed_fraction, parts_within

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


@pytest.mark.parametrize("beta", [2.0, 3.5, 10.0])
def test_between_the_radii_of_the_curve_a_profile_is_met(beta):
    def moffat(r):
        return 1 - (1 + 4 * (2 ** (1 / beta) - 1) * np.asarray(r) ** 2) ** (1 - beta)
    radii = np.array([0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0])
    widths = [2.6, 3.0, 3.7, 4.4]
    found = parts_within(4.5, widths, 3.0 * radii, moffat(radii), 3.0)
    np.testing.assert_allclose(found, moffat(4.5 / np.array(widths)), atol=6e-4)


def test_beyond_the_last_radius_there_is_no_more_light():
    assert parts_within(40.0, [3.0], [1.0, 3.0, 6.0, 9.0], np.array([0.2, 0.8, 0.97, 1.0]), 3.0) == [1.0]
