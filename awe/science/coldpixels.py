"""Cold pixels: response to light outside the limits, too low or too high, found in a flat (plan 535)."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.science.hotpixels import PixelMap
from awe.science.lowpass import local_medians, lowpass
from awe.science.mask import Bit
from awe.science.phases import phase_levels, spread_phases

#: Phases whose responses differ by less are those of one read-out.
INTERLEAVED = 0.05


def cold_pixels(flat: NDArray[Any], variance: NDArray[Any] | None = None, low: float = 0.8, high: float = 1.2,
                significance: float = 5.0, mask: NDArray[Any] | None = None, scale: float = 16.0,
                iterations: int = 3) -> PixelMap:
    """Find pixels whose response relative to their surroundings is outside [low, high].

    The response must be outside relative to the low frequencies of the flat and relative to the median of the
    11 x 11 pixels around, so that the edge of a vignetted field is not taken for cold pixels. Rows or columns that
    are read out in turn by different electronics (`awe.science.phases`) are brought to one response first.

    Parameters
    ----------
    flat : (ny, nx) array
        Dome or master flat, any level; NaN and values that are not above 0 are cold.
    variance : (ny, nx) array, optional
        Variance of `flat`: a pixel must then also deviate by `significance` sigma of it, so that a faint flat
        does not make a map of its noise.
    low, high : float
        THRESHOLD_LOW and THRESHOLD_HIGH, relative response.
    significance : float
        Sigma.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part and are not cold.
    scale : float
        Sigma in pixels of the filter that the flat is divided by.
    iterations : int
        Rounds in which what was found is kept out of the filter.

    Returns
    -------
    PixelMap
        With the COLD bit.

    Raises
    ------
    FitsError
        Not an image, limits that do not hold 1, or planes of another shape.
    """
    shapes = {plane.shape for plane in (flat, variance, mask) if plane is not None}
    if flat.ndim != 2 or len(shapes) != 1:
        raise FitsError(f"cold pixels need an image with variance and mask of its shape, not shapes {sorted(shapes)}")
    if not 0 <= low < 1 < high:
        raise FitsError(f"limits {low} and {high} of the response: the lower must be in [0, 1), the upper above 1")
    skip = np.zeros(flat.shape, np.bool_) if mask is None else mask != 0
    with np.errstate(invalid="ignore"):
        dead = ~(flat > 0)
    cold = dead & ~skip
    flat, variance = _one_response(flat, variance, skip | dead, scale)
    for _ in range(max(1, iterations)):
        smooth = lowpass(flat, scale, skip | cold | dead)
        response = np.divide(flat, smooth, out=np.zeros(flat.shape, np.float32), where=(smooth > 0) & ~dead,
                             casting="same_kind")
        found = (response < low) | (response > high)
        if variance is not None:
            noise = np.divide(np.sqrt(np.maximum(variance, 0)), smooth, out=np.zeros(flat.shape, np.float32),
                              where=smooth > 0, casting="same_kind")
            found &= np.abs(response - 1.0) >= significance * np.nan_to_num(noise)
        found = (_alone(flat, found & ~dead, skip | dead, low, high) | dead) & ~skip
        if np.array_equal(found, cold):
            break
        cold = found
    return PixelMap(np.where(cold, np.uint16(Bit.COLD), np.uint16(0)).astype(np.uint16), int(cold.sum()))


def _one_response(flat: NDArray[Any], variance: NDArray[Any] | None, skip: NDArray[np.bool_],
                  scale: float) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The flat divided by the pattern of interleaved read-outs, where there is one."""
    smooth = lowpass(flat, scale, skip)
    ratio = np.divide(flat, smooth, out=np.full(flat.shape, np.nan, np.float32), where=(smooth > 0) & ~skip, casting="same_kind")
    levels = phase_levels(ratio)
    if not np.isfinite(levels).all() or levels.min() <= 0 or np.ptp(levels) < INTERLEAVED:
        return flat, variance
    pattern = spread_phases(levels / np.median(levels), flat.shape)
    return flat / pattern, None if variance is None else variance / pattern**2


def _alone(flat: NDArray[Any], cold: NDArray[np.bool_], skip: NDArray[np.bool_], low: float,
           high: float) -> NDArray[np.bool_]:
    """The pixels of `cold` whose response relative to the median around them is outside the limits too."""
    level = local_medians(flat, cold, skip)
    with np.errstate(invalid="ignore", divide="ignore"):
        response = flat[cold] / level
    result = cold.copy()
    result[cold] = ~((response >= low) & (response <= high))
    return result
