"""What residuals of positions say: their size, and whether they depend on where on a chip a star is."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Spread:
    """Residuals east and north: how many, mean, standard deviation, rms of both per axis, largest."""

    count: int
    mean: tuple[float, float]
    sigma: tuple[float, float]
    rms: float
    largest: float


def spread(residual: Floats) -> Spread:
    """Return what residuals (n, 2) are like; those that are not finite are left out, and NaN stands where there is none."""
    good = residual[np.isfinite(residual).all(axis=1)]
    if not len(good):
        nan = float("nan")
        return Spread(0, (nan, nan), (nan, nan), nan, nan)
    mean, sigma = good.mean(axis=0), good.std(axis=0)
    return Spread(len(good), (float(mean[0]), float(mean[1])), (float(sigma[0]), float(sigma[1])),
                  float(np.sqrt(np.mean(good ** 2))), float(np.hypot(good[:, 0], good[:, 1]).max()))


def binned(x: Floats, y: Floats, residual: Floats, group: Indices, shape: Sequence[int], *, cells: int = 8,
           least: int = 10) -> tuple[float, float, int]:
    """Return how far residuals are systematic in cells of a chip.

    Parameters
    ----------
    x, y : float64 arrays (n,)
        0-based pixels.
    residual : float64 array (n, 2)
        In any unit; what is not finite is left out.
    group : intp array (n,)
        The chip of each.
    shape : (int, int)
        (ny, nx) of the chips.
    cells : int
        So many along each axis.
    least : int
        Cells with fewer stars do not count.

    Returns
    -------
    rms : float
        Root mean square per axis of the cells' means, less what their errors make of it; NaN without cells.
    largest : float
        Largest mean of a cell on one axis, in its size beyond two standard errors.
    count : int
        Cells that count.
    """
    good = np.isfinite(residual).all(axis=1)
    column, row = (np.clip(((v[good] + 0.5) * cells / n).astype(np.intp), 0, cells - 1) for v, n in ((x, shape[1]), (y, shape[0])))
    _, cell = np.unique((group[good] * cells + row) * cells + column, return_inverse=True)
    number = np.bincount(cell)
    enough = number >= least
    if not enough.any():
        return float("nan"), float("nan"), 0
    means, errors = [], []
    for axis in (0, 1):
        value = residual[good, axis]
        mean = np.bincount(cell, value) / number
        scatter = np.sqrt(np.bincount(cell, (value - mean[cell]) ** 2) / np.maximum(number - 1, 1))
        means.append(mean[enough])
        errors.append(scatter[enough] / np.sqrt(number[enough]))
    mean, error = np.concatenate(means), np.concatenate(errors)
    return (math.sqrt(max(float(np.mean(mean ** 2 - error ** 2)), 0.0)), float(np.max(np.maximum(np.abs(mean) - 2.0 * error, 0.0))),
            int(enough.sum()))
