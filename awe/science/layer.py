"""What a coadd is made of: frames on one grid, read part by part."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe.science.grid import Window

Plane = NDArray[np.float32]


class Planes(NamedTuple):
    """A part of a frame on the grid: arrays of one shape.

    `data` float32 with NaN for nothing; `weight` float32, inverse variance without source noise, 0 for nothing; `variance` float32,
    source noise included, None where that of the sky is meant; `mask` uint16, None where nothing is known.
    """

    data: Plane
    weight: Plane
    variance: Plane | None = None
    mask: NDArray[np.uint16] | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """One frame of a coadd.

    Parameters
    ----------
    window : Window
        Of the frame on the grid.
    read : callable (Window) -> Planes
        Gives a part of the frame, which is inside `window`. Called from several threads at once.
    flux_scale : float
        Factor on the data, to the common zero point.
    background : (float, float, float)
        Subtracted from the data before scaling: a level at grid pixel (0, 0) and slopes along x and y, a pixel.
    fwhm : float
        Of stars, in any unit that all layers share; NaN where unknown.
    """

    window: Window
    read: Callable[[Window], Planes]
    flux_scale: float = 1.0
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fwhm: float = float("nan")

    def part(self, window: Window) -> Planes:
        """Read a part, background subtracted and fluxes scaled; contiguous arrays, those of `read` where nothing changed."""
        planes = self.read(window)
        data, weight = np.ascontiguousarray(planes.data), np.ascontiguousarray(planes.weight)
        variance = None if planes.variance is None else np.ascontiguousarray(planes.variance)
        mask = None if planes.mask is None else np.ascontiguousarray(planes.mask)
        level, across, up = self.background
        if across or up:
            x, y = np.arange(window.x0, window.x0 + window.nx), np.arange(window.y0, window.y0 + window.ny)
            data = data - (level + across * x + up * y[:, None]).astype(np.float32)
        elif level:
            data = data - np.float32(level)
        factor = np.float32(self.flux_scale)
        if factor != 1:
            data, weight = data * factor, weight / (factor * factor)
            variance = None if variance is None else variance * (factor * factor)
        return Planes(data, weight, variance, mask)
