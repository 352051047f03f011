"""The sky background of a reduced frame: level and noise on a mesh, with objects rejected.

The mesh estimate is SExtractor's (Bertin & Arnouts 1996, A&AS 117, 393) through `sep`: clipped mode per mesh cell,
median filter over cells, bicubic spline between them. A second pass leaves out the pixels of objects found above the
first background, which the clipped mode alone overestimates in crowded fields.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import sep
from numpy.typing import NDArray

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
    image = np.where(bad, np.float32(0), image)
    objects = np.zeros(image.shape, bool)
    if bad.all():
        zero = np.zeros(image.shape, np.float32)
        return Background(zero, zero.copy(), float("nan"), float("nan"), objects)
    sides = [max(8, min(mesh, n)) for n in image.shape[::-1]]
    model = _mesh(image, bad, sides, filter_size, max_fraction)
    for _ in range(passes - 1):
        objects = _objects(image, bad, model, reject, grow)
        model = _mesh(image, bad | objects, sides, filter_size, max_fraction, fallback=bad)
    level, rms, globallevel, globalrms = model
    return Background(level, rms, globallevel, globalrms, objects)


Model = tuple[Plane, Plane, float, float]


def _mesh(image: Plane, bad: NDArray[np.bool_], sides: list[int], filter_size: int, max_fraction: float,
          fallback: NDArray[np.bool_] | None = None) -> Model:
    """Return level, rms and their global values of one pass; all-masked cells take the median of their neighbours."""
    if fallback is not None and bad.mean() > max(max_fraction, fallback.mean() + 0.5 * (1 - fallback.mean())):
        bad = fallback  # hardly any sky is left: a biased estimate of all pixels beats one of a few
    result = sep.Background(image, mask=bad, bw=sides[0], bh=sides[1], fw=filter_size, fh=filter_size)
    level: Plane = result.back(dtype=np.float32)
    rms: Plane = result.rms(dtype=np.float32)
    if not np.isfinite(level).all() or not np.isfinite(rms).all() or (rms < 0).any():
        level = np.nan_to_num(level, nan=float(result.globalback))
        rms = np.maximum(np.nan_to_num(rms, nan=float(result.globalrms)), np.float32(0))
    return level, rms, float(result.globalback), float(result.globalrms)


def _objects(image: Plane, bad: NDArray[np.bool_], model: Model, reject: float, grow: int) -> NDArray[np.bool_]:
    """Return the pixels of objects: significant in the smoothed image, either sign left to the clipping of the mesh."""
    level, rms = model[0], model[1]
    smooth = scipy.ndimage.gaussian_filter(np.where(bad, np.float32(0), image - level), 1.5, mode="nearest")
    gain = 1.0 / (2.0 * np.sqrt(np.pi) * 1.5)  # noise of white noise after this Gaussian
    found = (smooth > np.float32(max(reject, 1.0) * 1.5 * gain) * rms) & (rms > 0) & ~bad
    found = scipy.ndimage.binary_opening(found, iterations=1)
    return np.asarray(scipy.ndimage.binary_dilation(found, iterations=grow) if grow else found, bool)
