"""Hot pixels: charge without light, found in a master dark or, where there is none, a master bias (plan 522)."""
from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.science.imstat import clipped
from awe.science.lowpass import local_medians, lowpass
from awe.science.mask import Bit
from awe.science.phases import phase_levels, spread_phases


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PixelMap:
    """Mask of the pixels that were found, (ny, nx) uint16 of one bit, and their number."""

    mask: NDArray[np.uint16]
    count: int


def hot_pixels(data: NDArray[Any], noise: float | NDArray[Any] | None = None, threshold: float = 5.0,
               iterations: int = 5, at_least: float = 0.0, mask: NDArray[Any] | None = None,
               scale: float = 16.0) -> PixelMap:
    """Find pixels that stand above their surroundings.

    The image is flattened by its low frequencies; pixels above `threshold` times the noise are taken out, and
    both are measured again until nothing changes. They must stand as far above the median of the 11 x 11 pixels
    around them, so that a step in the image (a glow, an edge) is not taken for hot pixels. The noise of a pixel
    is the larger of the stated one and the scatter of the flattened image, so that structure that is not noise
    does not make a map of half the chip.

    Parameters
    ----------
    data : (ny, nx) array
        Master dark (e-/s) or master bias (ADU); NaN takes no part and is not hot.
    noise : float or (ny, nx) array, optional
        Standard deviation of `data` itself, same unit (the root of its variance plane).
    threshold : float
        REJECTION_THRESHOLD, sigma.
    iterations : int
        MAXIMUM_ITERATIONS.
    at_least : float
        An excess below this, in the unit of `data`, is never hot: dark subtraction deals with it.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part and are not hot.
    scale : float
        Sigma in pixels of the filter that flattens the image; defects narrower than about that are found.

    Returns
    -------
    PixelMap
        With the HOT bit.

    Raises
    ------
    FitsError
        Not an image, or a mask or noise plane of another shape.
    """
    if data.ndim != 2 or (mask is not None and mask.shape != data.shape):
        raise FitsError(f"hot pixels need an image and a mask of its shape, not shape {data.shape}")
    skip = ~np.isfinite(data) if mask is None else ~np.isfinite(data) | (mask != 0)
    stated = np.asarray(0.0 if noise is None else noise, np.float64)
    hot = np.zeros(data.shape, np.bool_)
    data = _one_level(data, skip, scale)
    for _ in range(max(1, iterations)):
        excess = data - lowpass(data, scale, skip | hot)
        scatter = clipped(excess[~(skip | hot)], 4.0)[1]
        limit = np.maximum(threshold * np.fmax(stated, np.nan_to_num(scatter)), at_least)
        with np.errstate(invalid="ignore"):
            found = (excess > limit) & ~skip
        height = data[found] - local_medians(data, found, skip)
        found[found] = ~(height <= np.broadcast_to(limit, data.shape)[found])
        if np.array_equal(found, hot):
            break
        hot = found
    return PixelMap(np.where(hot, np.uint16(Bit.HOT), np.uint16(0)).astype(np.uint16), int(hot.sum()))


def _one_level(data: NDArray[Any], skip: NDArray[np.bool_], scale: float) -> NDArray[Any]:
    """The image less the pattern of interleaved read-outs (`awe.science.phases`), where that is larger than the scatter."""
    excess = data - lowpass(data, scale, skip)
    levels = phase_levels(excess, skip)
    if not np.isfinite(levels).all():
        return data
    pattern = spread_phases(levels - np.median(levels), data.shape)
    return data - pattern if np.ptp(levels) > clipped((excess - pattern)[~skip], 4.0)[1] else data
