"""The stars of one frame, as zero points and colour terms are measured from them."""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe.science.photometry import POGSON, TYPICAL_FRACTION, growth, radii_of, total_flux
from awe.science.sources import extract
from awe.science.wcs import Wcs
from awe.targets.astrometricparameters import positions
from awe.targets.reduced import ReducedScienceFrame

#: Sources with one of these FLAGS are no standard stars: neighbours, blends, saturation, borders.
FLAWED = 1 | 2 | 4 | 8 | 16
#: Where hardly a star is unflawed, as in the middle of a globular cluster, those with neighbours have to serve.
NEIGHBOURS = 1
#: The part of the flux in an aperture is known well if its relative error is no larger.
SURE = 0.01
#: Place of the wide aperture in RADII_FWHM (2 FWHM), which frames of a field are compared in where the part is not known well.
WIDE = 3
#: FWHM in pixels where no star-like source tells it.
TYPICAL_FWHM = 3.0


class Stars(NamedTuple):
    """Positions of stars, their fluxes in an aperture and in a wide one, and the part of the total flux in the first.

    `x` and `y` are their places on the chip, 0-based. That part, and its error, are NaN where no star tells.
    """

    ra: NDArray[Any]
    dec: NDArray[Any]
    flux: NDArray[Any]
    error: NDArray[Any]
    wide_flux: NDArray[Any]
    wide_error: NDArray[Any]
    aperture: float
    aperture_fraction: float
    fraction_error: float
    x: NDArray[Any]
    y: NDArray[Any]

    @property
    def grows_surely(self) -> bool:
        """Whether the part of the flux in the aperture is known well."""
        return self.fraction_error <= SURE * self.aperture_fraction

    @property
    def growth_error(self) -> float:
        """The error in magnitudes that the part brings to all total fluxes; where no star tells, half the light that is assumed outside."""
        error = POGSON * self.fraction_error / self.aperture_fraction
        return error if math.isfinite(error) else POGSON * (1.0 - TYPICAL_FRACTION) / 2.0

    def total(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Total fluxes and their errors."""
        part = self.aperture_fraction if math.isfinite(self.aperture_fraction) else TYPICAL_FRACTION
        return self.flux / part, self.error / part


def stars_of(frame: ReducedScienceFrame, wcs: Wcs, seeing: float, threshold: float) -> Stars:
    """Positions and fluxes of the unflawed sources of a frame, corrected for the size of its pixels."""
    image = frame.image
    fwhm = seeing / wcs.pixel_scale if math.isfinite(seeing) and seeing > 0 else TYPICAL_FWHM
    radii = radii_of(max(fwhm, 1.5))
    found = extract(image.data, image.variance, image.mask, weight=image.weight, threshold=threshold, radii=radii)
    curve = growth(found, radii)
    fraction, uncertainty = float(curve.fraction[2]), float(curve.error[2])
    curve.fraction[2] = 1.0
    flux, error = total_flux(found, curve)
    x, y = positions(found)
    area = wcs.pixel_area(x, y) / wcs.pixel_scale**2
    good = np.isfinite(flux) & (flux > 0)
    alone = good & (np.asarray(found["FLAGS"]) & FLAWED == 0)
    good = alone if np.count_nonzero(alone) >= 10 else good & (np.asarray(found["FLAGS"]) & FLAWED <= NEIGHBOURS)
    ra, dec = wcs.pixel_to_sky(x[good], y[good])
    wide, wide_error = (np.asarray(found[f"{name}_APER{WIDE + 1}"], np.float64)[good] * area[good] for name in ("FLUX", "FLUXERR"))
    return Stars(ra, dec, (flux * area)[good], (error * area)[good], wide, wide_error, radii[2], fraction, uncertainty,
                 x[good], y[good])
