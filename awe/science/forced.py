"""Fluxes at given positions, whether something is there or not: circles of one radius, without detection and without moving."""
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import sep
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEEN = 1e-6
"""Of a circle of which less than this part is good nothing is told."""
MOST_MISSING = 1.0 / 3.0
"""From this part of the circle on that is bad or outside, a flux is flagged."""
BAD_PIXELS, OUTSIDE, CROWDED = 1, 2, 4
"""Flags: much of the circle is bad; nothing of it is on good pixels, so that there is no flux; another source is near."""


class Forced(NamedTuple):
    """Fluxes at given positions.

    Parameters
    ----------
    flux, error : float64 arrays (n,)
        Sum in the circle, and its standard error, in the unit of the image; bad pixels count as the mean of the good ones. NaN where
        there is no good one.
    missing : float64 array (n,)
        Part of the circle that is bad or outside of the image.
    flags : int16 array (n,)
        `BAD_PIXELS` and `OUTSIDE`.
    """

    flux: Floats
    error: Floats
    missing: Floats
    flags: NDArray[np.int16]


def forced_apertures(data: NDArray[np.generic], variance: NDArray[np.generic], good: NDArray[np.bool_], x: Floats, y: Floats,
                     radius: float) -> Forced:
    """Sum circles at given positions.

    Parameters
    ----------
    data, variance : arrays (ny, nx)
        Background-subtracted image, and the variance of its pixels as it counts in sums.
    good : bool array (ny, nx)
        Which pixels count.
    x, y : float64 arrays (n,)
        0-based centres, pixels; what is not finite is outside.
    radius : float
        Of the circles, pixels; above 0.

    Returns
    -------
    Forced
    """
    x, y = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
    ny, nx = data.shape
    near = np.flatnonzero((x > -radius) & (x < nx - 1 + radius) & (y > -radius) & (y < ny - 1 + radius))
    planes = [np.where(good, plane, 0).astype(np.float64) for plane in (data, variance, np.ones(good.shape))]
    light, noise, seen = (sep.sum_circle(plane, x[near], y[near], radius, subpix=0)[0] for plane in planes)
    flux, error, missing = np.full(len(x), np.nan), np.full(len(x), np.nan), np.ones(len(x))
    some = seen > SEEN * math.pi * radius**2
    scale = math.pi * radius**2 / seen[some]
    flux[near[some]], error[near[some]] = scale * light[some], scale * np.sqrt(np.maximum(noise[some], 0.0))
    missing[near[some]] = np.maximum(1.0 - 1.0 / scale, 0.0)
    flags = np.where(missing > MOST_MISSING, BAD_PIXELS, 0) | np.where(np.isnan(flux), OUTSIDE, 0)
    return Forced(flux, error, missing, flags.astype(np.int16))
