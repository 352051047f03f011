"""Which frames are left out of a coadd, and what is said of them; how deep a coadd is."""
import math

import numpy as np
import pytest

from awe.science.depth import limiting_magnitude
from awe.science.selection import Limits, Quality, reasons

FRAMES = [Quality(0.8, 26.0, 0.01, 0.05), Quality(1.6, 25.9, 0.01, 0.05), Quality(0.9, 25.2, 0.2, 0.6),
          Quality(math.nan, 26.0, 0.01, 0.05, 7.0)]


def test_nothing_asked_leaves_none_out():
    assert reasons(FRAMES, Limits()) == [""] * 4


@pytest.mark.parametrize("limits, left, word", [
    (Limits(seeing=1.2), [1, 3], "seeing"), (Limits(extinction=0.5), [2], "extinction 0.8 mag, above 0.5"),
    (Limits(zero_point_error=0.1), [2], "zero point"), (Limits(astrometric_error=0.3), [2], "0.6 arcsec"),
    (Limits(distance=5), [3], "distance from the tile 7 deg")])
def test_limits(limits, left, word):
    found = reasons(FRAMES, limits)
    assert [k for k, reason in enumerate(found) if reason] == left
    assert word in found[left[0]] and "\n" not in found[left[0]]
    assert not limits.seeing or "unknown" in found[3]


def test_relative_zero_points_are_not_compared():
    assert reasons([Quality(1.0), Quality(1.1)], Limits(extinction=0.1, zero_point_error=0.01)) == ["", ""]


def test_depth_is_what_a_matched_filter_reaches():
    sigma, noise, zero_point = 1.7, 3.0, 30.0
    yy, xx = np.mgrid[-15:16, -15:16]
    psf = np.exp(-0.5 * (xx**2 + yy**2) / sigma**2)
    psf /= psf.sum()
    error = noise / np.sqrt(np.sum(psf**2))
    assert limiting_magnitude(noise**2, 2.3548 * sigma, zero_point) == pytest.approx(zero_point - 2.5 * np.log10(5 * error), abs=0.005)
    assert math.isnan(limiting_magnitude(0.0, 2.0, 30.0)) and math.isnan(limiting_magnitude(1.0, math.nan, 30.0))
