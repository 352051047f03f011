"""Where objects are in a flat-fielded or sky-subtracted image: enough to keep them out of flats and skies."""
from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science.imstat import MAD_TO_SIGMA
from awe.science.lowpass import lowpass


def object_mask(data: NDArray[Any], mask: NDArray[Any] | None = None, threshold: float = 3.0, fwhm: float = 3.0,
                grow: int = 4, background: float = 32.0) -> NDArray[np.bool_]:
    """Return True where something stands above the local background, with its surroundings.

    The image minus its low frequencies is filtered with a Gaussian and cut at `threshold` times the robust
    scatter of the filtered image.

    Parameters
    ----------
    data : (ny, nx) array
        NaN takes no part.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part and are not objects.
    threshold : float
        Sigma of the filtered image.
    fwhm : float
        Width of the detection filter, pixels.
    grow : int
        Pixels by which what was found is grown, on all sides.
    background : float
        Scale of the background, pixels; objects larger than that are taken for background.
    """
    bad = ~np.isfinite(data) if mask is None else ~np.isfinite(data) | (mask != 0)
    rest = np.where(bad, 0.0, data - lowpass(data, background, bad)).astype(np.float32)
    spread = _spread(rest, bad)
    if not spread > 0:
        return np.zeros(data.shape, np.bool_)
    np.clip(rest, -5.0 * spread, 50.0 * spread, out=rest)
    filtered = scipy.ndimage.gaussian_filter(rest, fwhm / 2.3548, mode="reflect", truncate=3.0)
    found = (filtered > threshold * _spread(filtered, bad)) & ~bad
    if grow > 0 and found.any():
        found = scipy.ndimage.maximum_filter(found.view(np.uint8), 2 * grow + 1, mode="constant").view(np.bool_)
    return np.asarray(found)


def _spread(values: NDArray[np.float32], bad: NDArray[np.bool_]) -> float:
    """Robust scatter about 0 of the good pixels, at most about a million of them (evenly drawn); 0 without any."""
    step = max(1, int((values.size / 1e6) ** 0.5))
    drawn = values[::step, ::step][~bad[::step, ::step]]
    return MAD_TO_SIGMA * float(np.median(np.abs(drawn))) if drawn.size else 0.0
