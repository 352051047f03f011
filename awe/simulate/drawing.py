"""Light of the sky on the pixels of a chip, drawn by GalSim."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from awe.errors import ConfigError

Floats = npt.NDArray[np.float64]
BETA = 3.5
"""Index of the Moffat profile of the seeing."""
FAINTEST = 0.02
"""Stamps end where a star gives fewer electrons than this per pixel."""
LARGEST = 384
"""Pixels on a side of the largest stamp."""


def load_galsim() -> Any:
    """Return the module `galsim`, or say how to install it."""
    try:
        import galsim  # heavy and optional: a second to import, and nobody but the simulator needs it
    except ImportError as error:
        message = "simulation needs GalSim, which is not installed; run: pip install 'awe[simulate]'"
        raise ConfigError(message) from error
    return galsim


class Painter:
    """Draws sources through one point spread function."""

    def __init__(self, fwhm: float, ellipticity: tuple[float, float], pixel_scale: float) -> None:
        self.galsim = load_galsim()
        self.pixel_scale = pixel_scale
        self.fwhm = fwhm
        moffat = self.galsim.Moffat(beta=BETA, fwhm=fwhm)
        self.psf = moffat.shear(g1=ellipticity[0], g2=ellipticity[1])
        self.radius = fwhm / pixel_scale / (2 * math.sqrt(2 ** (1 / BETA) - 1))

    def draw(
        self, shape: tuple[int, int], x: Floats, y: Floats, electrons: Floats,
        galaxies: npt.NDArray[np.void] | None = None,
    ) -> Floats:
        """Return the expected electrons, shape (ny, nx), of sources at 0-based (x, y).

        `galaxies` has a row with `radius`, `sersic`, `e1` and `e2` per source; a radius of 0, or None, is a star.
        """
        image = self.galsim.ImageD(shape[1], shape[0])
        for index in self._visible(shape, x, y, electrons):
            row = None if galaxies is None or galaxies["radius"][index] == 0 else galaxies[index]
            profile, size = self._profile(float(electrons[index]), row)
            centre = self.galsim.PositionD(x[index] + 1, y[index] + 1)
            stamp = profile.drawImage(nx=size, ny=size, scale=self.pixel_scale, center=centre, dtype=float)
            common = stamp.bounds & image.bounds
            if common.isDefined():
                image[common] += stamp[common]
        return np.maximum(np.asarray(image.array, dtype=np.float64), 0.0)

    def _visible(self, shape: tuple[int, int], x: Floats, y: Floats, electrons: Floats) -> Iterator[int]:
        margin = np.array([self._star_size(float(e)) / 2 for e in electrons])
        near = (x > -margin) & (y > -margin) & (x < shape[1] + margin) & (y < shape[0] + margin)
        yield from (int(i) for i in np.nonzero(near & (electrons > 0))[0])

    def _star_size(self, electrons: float) -> int:
        peak = electrons * (BETA - 1) / (math.pi * self.radius**2)
        reach: float = self.radius * max(peak / FAINTEST, 1.0) ** (1 / (2 * BETA))
        return min(max(2 * math.ceil(reach / 8) * 8, 32), LARGEST)

    def _profile(self, electrons: float, row: np.void | None) -> tuple[Any, int]:
        """Return the profile to draw and the size of its stamp."""
        if row is None:
            return self.psf.withFlux(electrons), self._star_size(electrons)
        index = float(row["sersic"])
        galaxy = self.galsim.Sersic(n=index, half_light_radius=float(row["radius"]), flux=electrons)
        galaxy = galaxy.shear(g1=float(row["e1"]), g2=float(row["e2"]))
        reach = (6 if index < 2 else 10) * float(row["radius"]) / self.pixel_scale
        size = self._star_size(electrons) + 2 * math.ceil(reach / 8) * 8
        return self.galsim.Convolve(galaxy, self.psf), min(size, LARGEST)
