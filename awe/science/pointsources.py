"""Point sources that SExtractor's threshold leaves out: those that the PSF finds as a matched filter.

The threshold is in standard deviations of the filtered image as they are, measured on empty sky: on a coadd, whose pixels are
correlated, the noise of single pixels makes them too small.
"""
from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

Plane = NDArray[np.float32]

PLACES, FEWEST = 4000, 100
"""About so many places tell the noise of the filtered image; fewer than `FEWEST` do not."""


def significance(image: Plane, noise: Plane, occupied: NDArray[np.bool_], blind: NDArray[np.bool_], psf: Plane) -> Plane:
    """Return how significant a point source at each pixel would be.

    Parameters
    ----------
    image, noise : float32 arrays (ny, nx)
        Background-subtracted image, finite; the standard deviation of its pixels.
    occupied : bool array (ny, nx)
        Pixels with light of sources, which do not tell the noise.
    blind : bool array (ny, nx)
        Bad pixels.
    psf : float32 array (k, k)
        The PSF, of odd side.

    Returns
    -------
    float32 array (ny, nx)
        Flux of the best fitting PSF over its standard deviation, whose scale is such that empty sky scatters by 1 (where there is
        enough of it); 0 where all is bad.
    """
    usable = ~blind & (noise > 0)
    weight = np.divide(np.float32(1), noise * noise, out=np.zeros_like(noise), where=usable)
    unit = np.float32(np.median(weight[usable])) if usable.any() else np.float32(1)
    weight /= unit
    flipped = np.ascontiguousarray(psf[::-1, ::-1])
    top = scipy.signal.oaconvolve(image * weight, flipped, mode="same")
    bottom = scipy.signal.oaconvolve(weight, flipped * flipped, mode="same")
    least = np.float32(1e-3) * np.float32((psf * psf).sum())
    found = np.divide(top, np.sqrt(np.maximum(bottom, least)), out=np.zeros_like(image), where=bottom > least) * np.sqrt(unit)
    return np.asarray(found / np.float32(scatter(found, occupied | ~usable, len(psf))), np.float32)


def scatter(found: Plane, occupied: NDArray[np.bool_], side: int) -> float:
    """Return by how much a filtered image scatters where windows of some side are free; 1 where there is not enough empty sky."""
    (ny, nx), half = found.shape, side // 2
    if ny <= 2 * half or nx <= 2 * half:
        return 1.0
    step = max(1, math.isqrt((ny - 2 * half) * (nx - 2 * half) // (2 * PLACES)))
    rows, columns = np.arange(half, ny - half, step), np.arange(half, nx - half, step)
    windows = np.lib.stride_tricks.sliding_window_view(occupied, (side, side))[rows[:, None] - half, columns - half]
    pulls = found[rows[:, None], columns][~windows.any(axis=(2, 3))].astype(np.float64)
    if len(pulls) < FEWEST:
        return 1.0
    width = 1.4826 * float(np.median(np.abs(pulls - np.median(pulls))))
    return width if math.isfinite(width) and width > 0 else 1.0


def shaped_as(found: NDArray[np.void], psf: Plane) -> NDArray[np.void]:
    """Return sources with the second moments of the PSF: the few pixels of a faint one above a threshold do not tell its own."""
    half = len(psf) // 2
    dy, dx = np.mgrid[-half:half + 1, -half:half + 1].astype(np.float64)
    weight = np.maximum(psf, 0) * np.exp(-(dx**2 + dy**2) / (0.5 * half**2))
    moment = max(float((weight * (dx**2 + dy**2)).sum() / (2.0 * weight.sum())), 0.25)
    shaped = found.copy()
    for name, value in (("x2", moment), ("y2", moment), ("xy", 0.0), ("a", math.sqrt(moment)), ("b", math.sqrt(moment)), ("theta", 0.0),
                        ("cxx", 1.0 / moment), ("cyy", 1.0 / moment), ("cxy", 0.0)):
        shaped[name] = value
    return shaped
