"""Fluxes at given positions, whether something is there or not: circles of one radius, without detection and without moving."""
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SUBPIXELS = 5
"""Into so many parts, along each axis, pixels on the edge of a circle are divided."""
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
    found = np.array([_circle(data, variance, good, a, b, radius) for a, b in zip(x, y, strict=True)]).reshape(-1, 3)
    flux, error, missing = found.T
    flags = np.where(missing > MOST_MISSING, BAD_PIXELS, 0) | np.where(np.isnan(flux), OUTSIDE, 0)
    return Forced(flux, error, missing, flags.astype(np.int16))


def _circle(data: NDArray[np.generic], variance: NDArray[np.generic], good: NDArray[np.bool_], x: float, y: float,
            radius: float) -> tuple[float, float, float]:
    """Return flux, error and missing part of one circle."""
    nothing = (math.nan, math.nan, 1.0)
    ny, nx = data.shape
    if not (-radius < x < nx - 1 + radius and -radius < y < ny - 1 + radius):
        return nothing
    left, low = math.floor(x - radius - 0.5) + 1, math.floor(y - radius - 0.5) + 1
    shares = _shares(x - left, y - low, radius, math.ceil(2 * radius) + 2)
    rows, columns = (slice(max(start, 0), min(start + len(shares), end)) for start, end in ((low, ny), (left, nx)))
    inside = shares[rows.start - low:rows.stop - low, columns.start - left:columns.stop - left]
    part = np.where(good[rows, columns], inside, 0.0)
    total, seen = float(shares.sum()), float(part.sum())
    if seen <= 0.0:
        return nothing
    here = part > 0
    values = np.where(here, data[rows, columns], 0.0)
    noise = np.where(here, variance[rows, columns], 0.0)
    scale = total / seen
    return scale * float((part * values).sum()), scale * math.sqrt(float((part * noise).sum())), 1.0 - seen / total


def _shares(x: float, y: float, radius: float, size: int) -> Floats:
    """Return the part of each pixel that is inside a circle about (x, y), as their area is exactly that of the circle."""
    steps = (np.arange(size * SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    inside = (steps[None, :] - x) ** 2 + (steps[:, None] - y) ** 2 <= radius**2
    shares = inside.reshape(size, SUBPIXELS, size, SUBPIXELS).mean(axis=(1, 3))
    total = float(shares.sum())
    return np.asarray(shares * (math.pi * radius**2 / total) if total > 0 else shares, np.float64)
