"""Interleaved read-outs: neighbouring rows or columns that go through different electronics.

Where every other row has another level (of a bias) or another response (of a flat), that is no defect of half the pixels. It is
taken out as what it is: a pattern of 4 x 4 phases, each the median over the whole chip, which single pixels, and single rows or
columns, do not change.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PERIOD = 4


def phase_levels(image: NDArray[Any], skip: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Measure the median of each phase.

    Parameters
    ----------
    image : (ny, nx) array
        NaN takes no part.
    skip : (ny, nx) bool array, optional
        Pixels that take no part.

    Returns
    -------
    (PERIOD, PERIOD) float64 array
        By row and column modulo PERIOD; a phase without pixels has the median of the others, all NaN is NaN.
    """
    levels = np.full((PERIOD, PERIOD), np.nan)
    for y in range(PERIOD):
        for x in range(PERIOD):
            values = image[y::PERIOD, x::PERIOD]
            use = np.isfinite(values) if skip is None else np.isfinite(values) & ~skip[y::PERIOD, x::PERIOD]
            if use.any():
                levels[y, x] = np.median(values[use])
    known = np.isfinite(levels)
    return np.where(known, levels, np.median(levels[known]) if known.any() else np.nan)


def spread_phases(levels: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the phases repeated over an image of `shape`, float32."""
    ny, nx = shape
    tiles = np.tile(levels, (-(-ny // PERIOD), -(-nx // PERIOD)))
    return np.ascontiguousarray(tiles[:ny, :nx], np.float32)
