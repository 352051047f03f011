"""The sky background of a reduced frame: level and noise on a mesh, with objects rejected.

The mesh estimate is SExtractor's (Bertin & Arnouts 1996, A&AS 117, 393): clipped mode per mesh cell, median filter over
cells, bicubic spline between them (`awe.science.mesh`). A second pass leaves out the pixels of objects found above the
first background, which the clipped mode alone overestimates in crowded fields.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe.science import mesh as kernels

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Grid:
    """A background by its cells.

    Parameters
    ----------
    level, rms : float32 arrays (my, mx)
        Of each cell, in the unit of the image.
    side_x, side_y : int
        Pixels of a cell.
    """

    level: Plane
    rms: Plane
    side_x: int
    side_y: int

    def planes(self, shape: tuple[int, ...]) -> tuple[Plane, Plane]:
        """Return level and rms of each pixel of an image of `shape`, float32: the spline through the cells; rms is never negative."""
        level, rms = (kernels.spline(grid, self.side_x, self.side_y, shape) for grid in (self.level, self.rms))
        np.maximum(rms, np.float32(0), out=rms)
        return level, rms


@dataclass(frozen=True, eq=False)
class Background:
    """A background model.

    Parameters
    ----------
    level, rms : float32 arrays (ny, nx)
        Sky and its standard deviation per pixel, in the unit of the image; finite everywhere.
    globallevel, globalrms : float
        Their medians over the mesh; NaN level and rms planes of zeros where the image has no good pixel.
    objects : bool array (ny, nx)
        The pixels left out as objects.
    grid : Grid, optional
        The cells that the planes go through; None where there is no good pixel.
    """

    level: Plane
    rms: Plane
    globallevel: float
    globalrms: float
    objects: NDArray[np.bool_]
    grid: Grid | None = None


def background(data: NDArray[np.generic], mask: NDArray[np.generic] | None = None, *, mesh: int = 64,
               filter_size: int = 3, reject: float = 2.0, passes: int = 2, grow: int = 3,
               max_fraction: float = 0.7) -> Background:
    """Measure the background of an image.

    Parameters
    ----------
    data : array (ny, nx)
        Any real dtype and byte order. NaN and infinite pixels are bad.
    mask : array (ny, nx), optional
        Pixels that are not zero take no part.
    mesh : int
        Side of a mesh cell, pixels; made smaller where the image is.
    filter_size : int
        Side of the median filter, in cells.
    reject : float
        Pixels of a lightly smoothed image above this many standard deviations are objects in later passes.
    passes : int
        1 has no object rejection.
    grow : int
        Pixels by which objects are grown.
    max_fraction : float
        In a cell covered by objects beyond this fraction, the neighbouring cells decide (as where all is masked).

    Returns
    -------
    Background
        An image without good pixels gives a level of 0 and an rms of 0 with NaN as global values; a constant image its
        constant and rms 0.
    """
    image = np.ascontiguousarray(data, dtype=np.float32)
    bad = ~np.isfinite(image)
    if mask is not None:
        bad |= np.asarray(mask) != 0
    image = np.where(bad, np.float32(0), image) if bad.any() else image
    objects = np.zeros(image.shape, bool)
    if bad.all():
        zero = np.zeros(image.shape, np.float32)
        return Background(zero, zero.copy(), float("nan"), float("nan"), objects)
    sides = [max(8, min(mesh, n)) for n in image.shape[::-1]]
    grid = _mesh(image, bad, sides, filter_size, max_fraction)
    level, rms = grid.planes(image.shape)
    for _ in range(passes - 1):
        objects = kernels.objects(image, bad, level, rms, reject, grow)
        grid = _mesh(image, bad | objects, sides, filter_size, max_fraction, fallback=bad)
        level, rms = grid.planes(image.shape)
    return Background(level, rms, float(np.median(grid.level)), float(np.median(grid.rms)), objects, grid)


def _mesh(image: Plane, bad: NDArray[np.bool_], sides: list[int], filter_size: int, max_fraction: float,
          fallback: NDArray[np.bool_] | None = None) -> Grid:
    """Return level and rms of the cells of one pass; all-masked cells take the median of their neighbours."""
    if fallback is not None and bad.mean() > max(max_fraction, fallback.mean() + 0.5 * (1 - fallback.mean())):
        bad = fallback  # hardly any sky is left: a biased estimate of all pixels beats one of a few
    level, rms = (kernels.smoothed(kernels.filled(grid), filter_size) for grid in kernels.cells(image, bad, *sides))
    return Grid(level, rms, sides[0], sides[1])
