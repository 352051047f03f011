"""How much of a star an aperture holds on an image that is an average of frames of differing seeing.

Where frames begin and end, the mixture of PSFs changes, and with it the part of the light within an aperture.  The curve of growth
of the image, as a function of radius over FWHM, tells that part for each frame; at a star it is the average over the frames that
reach it, by their weights.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mixed_fraction(weights: Floats, fwhm: Sequence[float], radius: float, curve_radii: Sequence[float], curve: Floats,
                   image_fwhm: float) -> Floats:
    """Return the part of a point source's light within `radius`, at each of some places.

    Parameters
    ----------
    weights : (k, n) float64 array
        Weight of each of k frames at each of n places; 0 where a frame does not reach. NaN counts as 0.
    fwhm : sequence of k floats
        Seeing of each frame, pixels of the image; NaN or not above 0 is taken as that of the image.
    radius : float
        Of the aperture, pixels.
    curve_radii, curve : sequences of m floats
        The curve of growth of the image: radii in pixels, ascending, and the part of the light inside; NaN is left out.
    image_fwhm : float
        Seeing of the image, pixels.

    Returns
    -------
    (n,) float64 array
        The part, between 0 and 1 for a curve that is; that of the image's own seeing where no frame reaches.
    """
    parts = np.asarray(curve, np.float64)
    known = np.isfinite(parts)
    scaled = np.append(0.0, np.asarray(curve_radii, np.float64)[known] / image_fwhm)
    values = np.append(0.0, parts[known])
    own = float(np.interp(radius / image_fwhm, scaled, values))
    each = np.array([np.interp(radius / width, scaled, values) if np.isfinite(width) and width > 0 else own for width in fwhm])
    plain = np.nan_to_num(np.asarray(weights, np.float64))
    total = plain.sum(axis=0)
    mixed = np.divide(each @ plain, total, out=np.full(plain.shape[1], own), where=total > 0)
    return np.asarray(mixed, np.float64)
