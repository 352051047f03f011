"""Exposures whose truth is known: stars by GalSim, on a sky, through a detector with cosmic rays."""
from __future__ import annotations

from dataclasses import dataclass

import galsim
import numpy as np
from numpy.typing import NDArray

from awe.simulate.cosmic import cosmic_rays

STAMP = 8.0
"""Half width of a star's image in its FWHM."""


@dataclass(frozen=True)
class Scene:
    """An exposure: electrons that were collected, and what they are made of; all planes (ny, nx)."""

    electrons: NDArray[np.float64]
    """With the noise of photons, and cosmic rays; no read noise."""
    light: NDArray[np.float32]
    """Sky and stars without noise."""
    hits: NDArray[np.float64]
    """Electrons of cosmic rays."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float64]
    fwhm: float


def scene(ny: int, nx: int, fwhm: float, stars: int, sky: float, hits: float, seed: int) -> Scene:
    """Draw stars of a steep luminosity function with Moffat profiles, 0-based positions; `hits` events per million pixels.

    Fluxes run from about 5 sigma of a star upwards as N(>f) ~ 1/f; the brightest saturate any detector.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, nx, stars), rng.uniform(0, ny, stars)
    flux = 100.0 * fwhm * sky**0.5 / np.maximum(rng.random(stars), 1e-4)
    profile = galsim.Moffat(beta=3.5, fwhm=fwhm)
    image = galsim.ImageF(nx, ny, xmin=0, ymin=0, init_value=0)
    for one in range(stars):
        size = int(STAMP * fwhm * (3 if flux[one] > 1e5 else 1)) | 1
        cx, cy = round(x[one]), round(y[one])
        stamp = galsim.ImageF(galsim.BoundsI(cx - size, cx + size, cy - size, cy + size))
        profile.withFlux(flux[one]).drawImage(stamp, scale=1.0, offset=(x[one] - cx, y[one] - cy))
        shared = stamp.bounds & image.bounds
        if shared.isDefined():
            image[shared] += stamp[shared]
    light = np.maximum(image.array, 0) + np.float32(sky)
    noisy = galsim.Image(light.astype(np.float64))
    noisy.addNoise(galsim.PoissonNoise(galsim.BaseDeviate(seed + 1)))
    charge = cosmic_rays((ny, nx), 1.0, hits, rng)
    return Scene(noisy.array + charge, light, charge, x, y, flux, fwhm)
