"""A calibrated frame with known stars and galaxies, drawn by GalSim, with a PSF that varies over the field; files that all can read."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import galsim
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

#: Magnitude of one electron in the whole exposure.
ZERO_POINT = 28.0
BETA = 3.0


@dataclass(frozen=True, eq=False)
class StarField:
    """A frame in electrons, sky included, and what is in it: 0-based positions, fluxes, FWHM of the PSF there, stars or not."""

    data: NDArray[np.float32]
    sky: float
    read_noise: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float64]
    fwhm: NDArray[np.float64]
    is_star: NDArray[np.bool_]

    @property
    def variance(self) -> NDArray[np.float32]:
        """What the pixels scatter by, as a detector pipeline knows it: from the pixels themselves."""
        return np.maximum(self.data, np.float32(self.sky)) + np.float32(self.read_noise**2)

    def write(self, path: Path) -> Path:
        """As a FITS file."""
        header = fits.Header([("GAIN", 1.0), ("EXPTIME", 1.0), ("SATURATE", 1e6), ("MAGZERO", ZERO_POINT)])
        fits.PrimaryHDU(self.data, header).writeto(path, overwrite=True)
        return path


def draw(shape: tuple[int, int], stars: int, galaxies: int, *, seed: int, fwhm: float = 3.2, vary: float = 0.06, sky: float = 900.0,
         read_noise: float = 5.0, brightest: float = 16.5, faintest: float = 21.8, slope: float = 0.3, visit: int = 0) -> StarField:
    """Draw a field: counts rise by `slope` dex a magnitude; FWHM and ellipticity of the PSF change by `vary` from middle to corner.

    Another `visit` of the same `seed` is the same sky with other noise, a few pixels off.
    """
    rng = np.random.default_rng(seed)
    number = stars + galaxies
    x, y = rng.uniform(0, shape[1] - 1, number), rng.uniform(0, shape[0] - 1, number)
    of_visit = np.random.default_rng((seed, visit)) if visit else rng
    if visit:
        x, y = x + of_visit.uniform(-3, 3), y + of_visit.uniform(-3, 3)
    low, high = 10 ** (slope * brightest), 10 ** (slope * faintest)
    magnitude = np.log10(rng.uniform(low, high, number)) / slope
    flux = 10 ** (0.4 * (ZERO_POINT - magnitude))
    u, v = 2 * x / shape[1] - 1, 2 * y / shape[0] - 1
    width = fwhm * (1 + vary * (u**2 + v**2) / 2 + 0.5 * vary * u)
    g1, g2 = vary * u * v, 0.5 * vary * (u**2 - v**2)
    image = galsim.ImageF(shape[1], shape[0])
    for k in range(number):
        psf: Any = galsim.Moffat(beta=BETA, fwhm=width[k]).shear(g1=g1[k], g2=g2[k])
        size = int(np.clip(8 * width[k] * (flux[k] / 3e3) ** 0.25, 24, 160))
        if k >= stars:
            e = rng.normal(0, 0.2, 2).clip(-0.5, 0.5)
            radius = 0.35 * fwhm * 10 ** rng.normal(0.1 * (24 - magnitude[k]) / 2, 0.15)
            psf = galsim.Convolve(psf, galsim.Exponential(half_light_radius=radius).shear(g1=e[0], g2=e[1]))
            size = min(size + int(8 * radius), 200)
        ix, iy = int(round(x[k])) + 1, int(round(y[k])) + 1
        stamp = galsim.ImageF(galsim.BoundsI(ix - size // 2, ix + size // 2, iy - size // 2, iy + size // 2))
        psf.withFlux(flux[k]).drawImage(stamp, center=galsim.PositionD(x[k] + 1, y[k] + 1), scale=1.0)
        both = stamp.bounds & image.bounds
        if both.isDefined():
            image[both] += stamp[both]
    light = image.array.astype(np.float64) + sky
    data = of_visit.poisson(np.maximum(light, 0)) + of_visit.normal(0, read_noise, shape)
    return StarField(data.astype(np.float32), sky, read_noise, x, y, flux, width, np.arange(number) < stars)
