"""Where objects are in a flat-fielded or sky-subtracted image: enough to keep them out of flats and skies."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

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
        Pixels by which what was found is grown.
    background : float
        Scale of the background, pixels; objects larger than that are taken for background.
    """
    bad = ~np.isfinite(data) if mask is None else ~np.isfinite(data) | (mask != 0)
    rest = np.where(bad, 0.0, data - lowpass(data, background, bad)).astype(np.float32)
    good = ~bad
    if not good.any():
        return np.zeros(data.shape, np.bool_)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(rest[good])))
    rest = np.clip(rest, -5.0 * spread, 50.0 * spread)
    sigma = fwhm / 2.3548
    filtered = gaussian_filter(rest, sigma, mode="reflect", truncate=3.0)
    limit = threshold * MAD_TO_SIGMA * float(np.median(np.abs(filtered[good])))
    found = (filtered > limit) & good if limit > 0 else np.zeros(data.shape, np.bool_)
    if grow > 0 and found.any():
        y, x = np.ogrid[-grow:grow + 1, -grow:grow + 1]
        found = binary_dilation(found, x * x + y * y <= grow * grow)
    result: NDArray[np.bool_] = found
    return result
