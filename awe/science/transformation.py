"""Where the pixels of a sky grid lie in a frame: exact on a sparse grid of nodes, bilinear between.

The exact transformation (projection, distortion, its inverse) costs a hundred times what an interpolation costs and is smooth, so
it is computed at nodes only (the scheme of SWarp: Bertin et al. 2002, ASP 281, 228).  The error between is measured, not assumed, and
the step is halved until it is below the tolerance.  Nodes lie at multiples of the step on the unbounded grid, so that a pixel does not
depend on the window it is computed in.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe.science.grid import Window
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
STEP = 32
"""Pixels between nodes to begin with."""
EVERY = 4
"""How many cells apart those are whose error is measured."""


@dataclass(frozen=True, eq=False)
class Transformation:
    """Positions of grid pixels in a frame.

    Parameters
    ----------
    xs, ys : float64 arrays (m, n)
        0-based input pixel positions of the nodes; NaN where there is none.
    step : int
        Grid pixels between nodes.
    x0, y0 : int
        Grid pixel of the first node.
    error : float
        Largest error between nodes, input pixels, as measured on the frame.
    """

    xs: Floats
    ys: Floats
    step: int
    x0: int
    y0: int
    error: float

    def reach(self, window: Window, margin: float) -> tuple[int, int, int, int]:
        """The input pixels (y0, y1, x0, x1; half-open, not bounded by the frame) within `margin` of what `window` covers."""
        rows = slice((window.y0 - 1 - self.y0) // self.step, (window.y0 + window.ny - self.y0) // self.step + 2)
        columns = slice((window.x0 - 1 - self.x0) // self.step, (window.x0 + window.nx - self.x0) // self.step + 2)
        xs, ys = self.xs[rows, columns], self.ys[rows, columns]
        good = np.isfinite(xs) & np.isfinite(ys)
        if not good.any():
            return 0, 0, 0, 0
        limits = (np.floor(ys[good].min() - margin), np.ceil(ys[good].max() + margin) + 1,
                  np.floor(xs[good].min() - margin), np.ceil(xs[good].max() + margin) + 1)
        y0, y1, x0, x1 = (int(np.clip(limit, -1e9, 1e9)) for limit in limits)
        return y0, y1, x0, x1


def transformation(wcs: Wcs, grid: Wcs, window: Window, shape: tuple[int, int], tolerance: float = 1e-3) -> Transformation:
    """Compute where the pixels of a window lie in a frame.

    Parameters
    ----------
    wcs : Wcs
        Of the frame.
    grid : Wcs
        Of the unbounded grid.
    window : Window
        Of the grid; the edges of its outer pixels are covered too.
    shape : (int, int)
        (ny, nx) of the frame; errors count where it, or a rim of ten pixels around it, is hit.
    tolerance : float
        Largest error between nodes, input pixels.

    Returns
    -------
    Transformation
        With the smallest step, 1, whatever the error where even that is not enough.
    """
    step = STEP
    while True:
        gx, gy = _nodes(window.x0, window.nx, step), _nodes(window.y0, window.ny, step)
        xs, ys = _exact(wcs, grid, gx, gy)
        error, lost = _error(wcs, grid, xs, ys, gx, gy, shape) if step > 1 else (0.0, False)
        if (error <= tolerance and not lost) or step == 1:
            return Transformation(xs, ys, step, int(gx[0]), int(gy[0]), error)
        step //= 2


def _nodes(first: int, count: int, step: int) -> Floats:
    """Return the multiples of `step` from below the first pixel's edge to beyond the last one's."""
    return step * np.arange((first - 1) // step, (first + count) // step + 2, dtype=np.float64)


def _exact(wcs: Wcs, grid: Wcs, gx: Floats, gy: Floats) -> tuple[Floats, Floats]:
    """Return the input pixels of a mesh of grid pixels."""
    return wcs.sky_to_pixel(*grid.pixel_to_sky(*np.meshgrid(gx, gy)))


def _error(wcs: Wcs, grid: Wcs, xs: Floats, ys: Floats, gx: Floats, gy: Floats, shape: tuple[int, int]) -> tuple[float, bool]:
    """Return the largest error between nodes, and whether something on the frame would get lost.

    Cells are looked at in the middle, where what bends along both axes adds up, and in the middles of their edges, where it does not
    cancel either; what bends is smooth, so every `EVERY`th cell and the last along either axis will do.
    """
    half = (gx[1] - gx[0]) / 2
    columns, rows = (np.unique(np.append(np.arange(0, len(g) - 1, EVERY), len(g) - 2)) for g in (gx, gy))
    rim = 10.0 + 2.0 * half
    worst, lost = 0.0, False
    for across, up in ((1, 1), (1, 0), (0, 1)):
        true_x, true_y = _exact(wcs, grid, gx[columns] + across * half, gy[rows] + up * half)
        seen_x, seen_y = (0.25 * (v[np.ix_(rows, columns)] + v[np.ix_(rows, columns + across)] + v[np.ix_(rows + up, columns)]
                                  + v[np.ix_(rows + up, columns + across)]) for v in (xs, ys))
        on = (true_x > -rim) & (true_x < shape[1] + rim) & (true_y > -rim) & (true_y < shape[0] + rim)
        off = np.hypot(true_x - seen_x, true_y - seen_y)
        worst = max(worst, float(np.max(off, where=on & np.isfinite(off), initial=0.0)))
        lost = lost or bool(np.any(on & ~np.isfinite(off)))
    return worst, lost
