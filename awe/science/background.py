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
    """

    level: Plane
    rms: Plane
    globallevel: float
    globalrms: float
    objects: NDArray[np.bool_]


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
    model = _mesh(image, bad, sides, filter_size, max_fraction)
    for _ in range(passes - 1):
        objects = kernels.objects(image, bad, model[0], model[1], reject, grow)
        model = _mesh(image, bad | objects, sides, filter_size, max_fraction, fallback=bad)
    level, rms, globallevel, globalrms = model
    return Background(level, rms, globallevel, globalrms, objects)


Model = tuple[Plane, Plane, float, float]


def _mesh(image: Plane, bad: NDArray[np.bool_], sides: list[int], filter_size: int, max_fraction: float,
          fallback: NDArray[np.bool_] | None = None) -> Model:
    """Return level, rms and their global values of one pass; all-masked cells take the median of their neighbours."""
    if fallback is not None and bad.mean() > max(max_fraction, fallback.mean() + 0.5 * (1 - fallback.mean())):
        bad = fallback  # hardly any sky is left: a biased estimate of all pixels beats one of a few
    level, rms = (kernels.smoothed(kernels.filled(grid), filter_size) for grid in kernels.cells(image, bad, *sides))
    planes = [kernels.spline(grid, sides[0], sides[1], image.shape) for grid in (level, rms)]
    np.maximum(planes[1], np.float32(0), out=planes[1])
    return planes[0], planes[1], float(np.median(level)), float(np.median(rms))
