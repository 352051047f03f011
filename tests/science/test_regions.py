"""Sums inside circles and ellipses, against overlaps that numpy integrates."""
from __future__ import annotations

import math

import numpy as np
import pytest

from awe.science.regions import circle, ellipse
from awe.science.stamp import cut

SIDE, X0, Y0 = 40, 19.3, 20.6
RNG = np.random.default_rng(5)
DATA = RNG.normal(100, 10, (SIDE, SIDE)).astype(np.float32)
VAR = RNG.uniform(1, 2, (SIDE, SIDE)).astype(np.float32)


def stamp_of(seg, x0, y0, reach):
    """The arrays of a stamp of source 1."""
    stamp, size = np.zeros(7, np.int64), 4 * SIDE * SIDE
    planes = np.empty(size, np.float32), np.empty(size, np.float32), np.zeros(size, np.uint8)
    cut(DATA, VAR, seg, 1, x0, y0, reach, stamp, *planes)
    return (stamp, *planes)


def overlap(x0, y0, cxx, cyy, cxy, limit, steps=2000):
    """Area of each pixel inside an ellipse: exact along y, by the midpoint rule along x."""
    dx = (np.arange(SIDE)[:, None] - x0 + (np.arange(steps) + 0.5) / steps - 0.5)
    root2 = 0.25 * cxy**2 * dx**2 - cyy * (cxx * dx**2 - limit**2)
    half = np.where(root2 > 0, np.sqrt(np.maximum(root2, 0)) / cyy, 0)
    middle = -0.5 * cxy * dx / cyy
    y = np.arange(SIDE)[:, None, None] - y0
    return np.clip(np.minimum(y + 0.5, middle + half) - np.maximum(y - 0.5, middle - half), 0, None).mean(axis=2)


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.5, 9.0])
def test_a_circle_is_exact(radius):
    flux, variance, area, replaced, missing = circle(*stamp_of(np.ones((SIDE, SIDE), np.int32), X0, Y0, 12), X0, Y0, radius, np.empty(40))
    parts = overlap(X0, Y0, 1, 1, 0, radius)
    assert area == pytest.approx(math.pi * radius**2) and replaced == missing == 0
    assert flux == pytest.approx((parts * DATA).sum(), rel=1e-4)
    assert variance == pytest.approx((parts * VAR).sum(), rel=1e-4)


def test_an_ellipse_is_nearly_exact():
    flux, variance, area, *_ = ellipse(*stamp_of(np.ones((SIDE, SIDE), np.int32), X0, Y0, 14), X0, Y0, 0.9, 1.4, 0.5, 9.0)
    parts = overlap(X0, Y0, 0.9, 1.4, 0.5, 9.0)
    assert area == pytest.approx(parts.sum(), rel=1e-3)
    assert flux == pytest.approx((parts * DATA).sum(), rel=1e-3) and variance == pytest.approx((parts * VAR).sum(), rel=1e-3)


def test_what_is_another_s_is_that_of_the_opposite_pixel():
    seg = np.ones((SIDE, SIDE), np.int32)
    seg[:, :19] = 2
    flux, _, _, replaced, missing = circle(*stamp_of(seg, 19.0, 20.0, 8), 19.0, 20.0, 6.0, np.empty(40))
    parts = overlap(19.0, 20.0, 1, 1, 0, 6.0)
    light = np.where(seg == 1, DATA, 0)
    for x in range(10, 19):
        light[10:31, x] = DATA[30:9:-1, 38 - x]
    assert flux == pytest.approx((parts * light).sum(), rel=1e-4)
    assert replaced == pytest.approx(parts[:, :19].sum() / parts.sum(), rel=1e-3) and missing == 0


def test_beyond_the_image_nothing_is_there():
    *_, replaced, missing = circle(*stamp_of(np.ones((SIDE, SIDE), np.int32), 0.0, 0.0, 9), 0.0, 0.0, 8.0, np.empty(40))
    corner = overlap(20.0, 20.0, 1, 1, 0, 8.0)
    assert replaced == pytest.approx(1 - corner[20:, 20:].sum() / corner.sum(), rel=1e-3)
    assert missing == pytest.approx((corner[:20, 21:].sum() + corner[21:, :20].sum()) / corner.sum(), rel=1e-3)
