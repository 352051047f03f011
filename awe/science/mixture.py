"""How much of a star an aperture holds on an image that is an average of frames of differing seeing.

Where frames begin and end, the mixture of PSFs changes, and with it the part of the light within an aperture.  The curve of growth
of the image, as a function of radius over FWHM, tells that part for each frame; at a star it is the average over the frames that
reach it, by their weights.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
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
    own, *each = parts_within(radius, [image_fwhm, *(w if np.isfinite(w) and w > 0 else image_fwhm for w in fwhm)], curve_radii, curve,
                              image_fwhm)
    plain = np.nan_to_num(np.asarray(weights, np.float64))
    total = plain.sum(axis=0)
    mixed = np.divide(np.array(each) @ plain, total, out=np.full(plain.shape[1], own), where=total > 0)
    return np.asarray(mixed, np.float64)


def parts_within(radius: float, fwhm: Sequence[float], curve_radii: Sequence[float], curve: Floats, image_fwhm: float) -> list[float]:
    """Return the part of the light within a radius for profiles of some widths and one shape.

    Parameters
    ----------
    radius, fwhm, curve_radii, curve, image_fwhm
        As for `mixed_fraction`; all widths are known.

    Returns
    -------
    list of float
        From a cubic spline in ``r**2 / (1 + r**2)``, r in FWHM, in which curves of growth are all but straight: between radii
        as far apart as 1 and 1.5 FWHM a Moffat profile is met to 0.0005, where a straight line in r is wrong by 0.02.
    """
    parts, r = np.asarray(curve, np.float64), np.asarray(curve_radii, np.float64) / image_fwhm
    known = np.isfinite(parts)
    knots, values = np.append(0.0, r[known]), np.append(0.0, parts[known])
    x = np.minimum(radius / np.asarray(fwhm, np.float64), knots[-1])
    if len(knots) < 4:
        return [float(each) for each in np.interp(x, knots, values)]
    spline = scipy.interpolate.CubicSpline(knots**2 / (1.0 + knots**2), values)
    return [float(each) for each in spline(x**2 / (1.0 + x**2))]
