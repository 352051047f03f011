"""From an image and its sources to a PSF model: which stars serve, where they are, which do not belong."""
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe.science import psf
from awe.science.photometry import MAIN_APERTURE, TYPICAL_FRACTION, Growth
from awe.science.psffit import psf_photometry
from awe.science.psfmodel import PsfModel, fit_psf

Floats = NDArray[np.float64]
Plane = NDArray[np.float32]

MOST, LEAST = 400, 5
"""Stars used at most, the brightest; with fewer than `LEAST` there is no model."""
ROUNDS, FIRST = 3, 40
"""Fits of the model, the first to the `FIRST` brightest stars alone; between them stars are centred with it, and those that it does not
describe are left out."""
WIDE_APERTURE, TYPICAL_WIDE = 4, 0.977
"""Place in `RADII_FWHM` of the aperture (3 FWHM) that the model is normalised in, where the width of the PSF hardly matters; the part of
the light in it where no star tells, that of a Moffat profile with beta = 2.5."""
CLEAN = 0.02
"""Part of the second aperture beyond the main one that a neighbour may cover."""


class Built(NamedTuple):
    """A model, or why there is none; and the stars it is from (indices of the sources)."""

    model: PsfModel | None
    reason: str
    stars: NDArray[np.intp]


def build_psf(image: Plane, noise: Plane, gain: float, sources: NDArray[np.void], curve: Growth, *, degree: int = 2,
              most: int = MOST) -> Built:
    """Make a PSF model from the stars of an image.

    Parameters
    ----------
    image, noise : float32 arrays (ny, nx)
        Background-subtracted image; variance of each pixel without the light of sources, 0 or NaN where it is bad.
    gain : float
        Electrons per unit of the image; may be infinite.
    sources : structured array
        From `awe.science.sources.extract` on this image, with the apertures of `curve`.
    curve : Growth
        The curve of growth; its main aperture gives fluxes of the stars to start with; fitted fluxes are all the light by its wide one.
    degree : int
        Of the polynomial over the field; lowered where there are few stars.
    most : int
        Stars used at most.

    Returns
    -------
    Built
        `model` is None, with a reason, where there are fewer than `LEAST` stars or the image has no width.
    """
    chosen = psf.stars(sources)
    seeing = psf.seeing(sources, least=LEAST)
    if len(chosen) < LEAST or not math.isfinite(seeing.fwhm):
        return Built(None, f"no PSF: {len(chosen)} unsaturated, isolated stars, {LEAST} are due", chosen)
    part, whole = (float(curve.fraction[k]) for k in (MAIN_APERTURE, WIDE_APERTURE))
    known = math.isfinite(part) and math.isfinite(whole)
    inner, outer = (part, whole) if known else (TYPICAL_FRACTION, TYPICAL_WIDE)
    name = f"APER{MAIN_APERTURE + 1}"
    flux = np.asarray(sources[f"FLUX_{name}"], np.float64)
    clean = (sources[f"FRAC_APER{min(MAIN_APERTURE + 2, len(curve.radii))}"][chosen] < CLEAN) & (flux[chosen] > 0)
    chosen = chosen[clean] if np.count_nonzero(clean) >= LEAST else chosen[flux[chosen] > 0]
    chosen = chosen[np.argsort(-flux[chosen], kind="stable")[:most]]
    if len(chosen) < LEAST:
        return Built(None, f"no PSF: {len(chosen)} stars with positive fluxes, {LEAST} are due", chosen)
    x, y = np.asarray(sources["XWIN_IMAGE"] - 1.0, np.float64), np.asarray(sources["YWIN_IMAGE"] - 1.0, np.float64)
    keep, model, flux = chosen, None, flux / inner
    for round_ in range(ROUNDS):
        some = keep if round_ else keep[:FIRST]
        model, chi2 = fit_psf(image, noise, gain, x[some], y[some], flux[some], fwhm=seeing.fwhm, aperture=curve.radii[WIDE_APERTURE],
                              fraction=outer, degree=degree, previous=model)
        if round_ == ROUNDS - 1:
            break
        found = psf_photometry(image, noise, x[keep], y[keep], model, gain=gain, flux=flux[keep])
        centred = np.isfinite(found.x) & (found.flux > 0) & (np.hypot(found.x - x[keep], found.y - y[keep]) < 1.0)
        judged = found.chi2 if len(some) < len(keep) else chi2
        middle = float(np.nanmedian(judged))
        width = max(1.4826 * float(np.nanmedian(np.abs(judged - middle))), 0.1 * middle)
        good = centred if round_ == 0 else centred & (judged <= middle + 4.0 * width)
        x[keep[centred]], y[keep[centred]], flux[keep[centred]] = found.x[centred], found.y[centred], found.flux[centred]
        if np.count_nonzero(good) >= LEAST:
            keep = keep[good]
    return Built(model, f"{len(keep)} stars", keep)
