"""The seeing of an image: width and shape of its stars."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seeing:
    """Width and shape of the point spread function, as the median of its stars.

    Parameters
    ----------
    fwhm : float
        Full width at half maximum, pixels; NaN where there are too few stars.
    fwhm_scatter : float
        1.48 times the median absolute deviation of the stars' widths, pixels.
    flux_radius : float
        Radius that holds half of the flux, pixels.
    ellipticity : float
        1 - b/a.
    theta : float
        Angle of the major axis, degrees counterclockwise from x, in [-90, 90); of the mean of the stars' shapes.
    nstars : int
        Number of stars used.
    """

    fwhm: float
    fwhm_scatter: float
    flux_radius: float
    ellipticity: float
    theta: float
    nstars: int

    def arcsec(self, pixel_scale: float) -> float:
        """Return the FWHM in arcseconds."""
        return self.fwhm * pixel_scale


#: Fields of fewer sources are not so crowded that stars with neighbours have to serve.
CROWDED = 300


def seeing(sources: NDArray[np.void], *, least: int = 3) -> Seeing:
    """Measure the seeing from a source list.

    Parameters
    ----------
    sources : structured array
        As `awe.science.sources.extract` returns it.
    least : int
        Fewer stars than this give NaN.

    Returns
    -------
    Seeing
        Stars are the tightest well-populated concentration of half-light radii among bright, unflagged sources: the
        half-sample mode (Bickel & Fruehwirth 2006), then a clip of 3 sigma about the median.
    """
    chosen, nan = stars(sources), float("nan")
    if len(chosen) < least:
        return Seeing(nan, nan, nan, nan, nan, len(chosen))
    table = sources[chosen]
    fwhm, a, b = (np.asarray(table[name], np.float64) for name in ("FWHM_IMAGE", "A_IMAGE", "B_IMAGE"))
    good = np.isfinite(fwhm)
    middle = float(np.median(fwhm[good])) if good.any() else float("nan")
    e = (a - b) / np.maximum(a + b, 1e-9)
    angle = np.radians(2.0 * np.asarray(table["THETA_IMAGE"], np.float64))
    theta = 0.5 * np.degrees(np.arctan2(np.median(e * np.sin(angle)), np.median(e * np.cos(angle))))
    return Seeing(middle, float(1.4826 * np.median(np.abs(fwhm[good] - middle))) if good.any() else float("nan"),
                  float(np.median(table["FLUX_RADIUS"])), float(np.median(1.0 - b / np.maximum(a, 1e-9))),
                  float((theta + 90.0) % 180.0 - 90.0), len(chosen))


def stars(sources: NDArray[np.void]) -> NDArray[np.intp]:
    """Return the indices of the sources that look like unsaturated, isolated stars; with neighbours where hardly any has none."""
    radius, snr = (np.asarray(sources[name], np.float64) for name in ("FLUX_RADIUS", "SNR_WIN"))
    usable = np.isfinite(radius) & (radius > 0.4) & ((sources["FLAGS"] & 0b11100) == 0) & (sources["IMAFLAGS_ISO"] == 0)
    usable &= (sources["ELONGATION"] < 1.7) & np.isfinite(sources["FWHM_IMAGE"])
    alone = usable & ((sources["FLAGS"] & 1) == 0)
    usable = alone if np.count_nonzero(alone & (snr > 20.0)) >= 10 or len(sources) < CROWDED else usable
    for limit in (50.0, 20.0, 8.0):
        index = np.flatnonzero(usable & (snr > limit))
        if len(index) >= 20:
            break
    if not len(index):
        return index
    centre = half_sample_mode(radius[index])
    near = index[np.abs(radius[index] - centre) < 0.25 * centre]
    for _ in range(3):
        middle = float(np.median(radius[near]))
        width = max(1.4826 * float(np.median(np.abs(radius[near] - middle))), 0.01 * middle)
        near = near[np.abs(radius[near] - middle) <= 3.0 * width]
    return near


def half_sample_mode(values: Floats) -> float:
    """Return the mode of a sample: the densest half, again and again (Bickel & Fruehwirth 2006); NaN for none."""
    v = np.sort(np.asarray(values, np.float64))
    if not len(v):
        return float("nan")
    while len(v) > 3:
        half = (len(v) + 1) // 2
        start = int(np.argmin(v[half - 1:] - v[:len(v) - half + 1]))
        v = v[start:start + half]
    return float(np.median(v))
