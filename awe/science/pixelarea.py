"""How large pixels are on the sky."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe.science.wcs import Wcs

COARSE = 64
"""Pixels between points where the size of pixels is computed exactly."""


def relative_area(wcs: Wcs, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the size of each pixel on the sky relative to that at the tangent point.

    Flat fields see a sky of constant brightness, so a flat-fielded star is too faint where pixels are large.

    Parameters
    ----------
    wcs : Wcs
        Of the frame.
    shape : (int, int)
        (ny, nx).

    Returns
    -------
    float32 array (ny, nx)
        Bilinear between every 64th pixel.
    """
    ny, nx = shape
    rows = np.unique(np.append(np.arange(0, ny, COARSE), ny - 1)).astype(np.float64)
    columns = np.unique(np.append(np.arange(0, nx, COARSE), nx - 1)).astype(np.float64)
    x, y = np.meshgrid(columns, rows)
    coarse = wcs.pixel_area(x.ravel(), y.ravel()).reshape(x.shape) / wcs.pixel_scale**2
    across = np.stack([np.interp(np.arange(nx), columns, line) for line in coarse]).astype(np.float32)
    above = np.clip(np.searchsorted(rows, np.arange(ny), side="right") - 1, 0, max(len(rows) - 2, 0))
    if len(rows) == 1:
        return np.repeat(across, ny, axis=0)
    part = ((np.arange(ny) - rows[above]) / (rows[above + 1] - rows[above])).astype(np.float32)[:, None]
    return np.asarray(across[above] * (1 - part) + across[above + 1] * part, np.float32)
