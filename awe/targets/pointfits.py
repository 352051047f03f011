"""What a PSF model of an image brings to its list of sources: the filter that finds faint ones, and columns of fits."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.column import Column
from awe.science.background import Background
from awe.science.photometry import POGSON, growth
from awe.science.psf import stars
from awe.science.psfbuild import build_psf
from awe.science.psffit import psf_photometry
from awe.science.psfmodel import PsfModel
from awe.targets.image import Image

BRIGHTEST = 100
"""So many stars tell what fits are off from apertures by."""

POINT_COLUMNS = {
    "FLUX_PSF": Column("FLUX_PSF", "count/s", "phot.flux", "flux of a point source by a fit of the PSF, neighbours fitted with it",
                       "float64"),
    "FLUXERR_PSF": Column("FLUXERR_PSF", "count/s", "stat.error;phot.flux", "standard error of FLUX_PSF", "float64"),
    "MAG_PSF": Column("MAG_PSF", "mag", "phot.mag", "magnitude of FLUX_PSF", "float64"),
    "MAGERR_PSF": Column("MAGERR_PSF", "mag", "stat.error;phot.mag", "standard error of MAG_PSF, without that of the zero point",
                         "float64"),
    "CHI2_PSF": Column("CHI2_PSF", "", "stat.fit.chi2", "chi square of the fit per degree of freedom", "float64"),
    "SPREAD_PSF": Column("SPREAD_PSF", "", "src.class.starGalaxy", "by what part it is wider than the PSF; 0 for a star", "float64"),
    "SPREADERR_PSF": Column("SPREADERR_PSF", "", "stat.error;src.class.starGalaxy", "standard error of SPREAD_PSF", "float64"),
    "FLAGS_PSF": Column("FLAGS_PSF", "", "meta.code.qual", "1 over a third of the PSF on bad pixels, 2 position given up, 4 fitted with "
                        "neighbours, 8 position held as too faint, -1 not fitted: there is no PSF", "float64"),
}


@dataclass(frozen=True, eq=False)
class PointFits:
    """An image without its background, the variance of its pixels without the light of sources, and its PSF, where there is one."""

    plane: NDArray[np.float32]
    noise: NDArray[np.float32]
    gain: float
    model: PsfModel | None
    reason: str

    @classmethod
    def of(cls, image: Image, sky: Background, gain: float | None, bright: Any, radii: tuple[float, ...], degree: int) -> PointFits:
        """From the bright sources of an image, measured in circles of `radii`."""
        assert image.weight is not None
        weight = image.weight.astype(np.float32)
        noise = np.divide(np.float32(1), weight, out=np.zeros_like(weight), where=weight > 0)
        plane = np.where(noise > 0, image.data - sky.level, np.float32(0))
        electrons = gain if gain and math.isfinite(gain) else math.inf
        built = build_psf(plane, noise, electrons, bright, growth(bright, radii), degree=degree)
        return cls(plane, noise, electrons, built.model, built.reason)

    def kernel(self, fwhm: float) -> NDArray[np.float32] | None:
        """The PSF in the middle, as matched filter; without a model a Gaussian of the seeing, None where that is not known either."""
        if self.model is None:
            return gaussian(fwhm) if math.isfinite(fwhm) and fwhm > 0 else None
        ny, nx = self.plane.shape
        return self.model.stamp((nx - 1) / 2, (ny - 1) / 2, math.ceil(1.5 * self.model.fwhm))

    def columns(self, found: Any, total: Any, zero_point: float, scale: float, relative: Any) -> tuple[dict[str, Any], float]:
        """The columns of fits by name, NaN without a PSF, and by how many magnitudes total fluxes differ from fits.

        `total` are total fluxes; fits are brought to those of bright stars.  Errors are multiplied by `scale`, and `relative` is what all
        fluxes have besides.
        """
        if self.model is None:
            nothing = np.full(len(found), np.nan)
            return {name: np.full(len(found), -1.0) if name == "FLAGS_PSF" else nothing for name in POINT_COLUMNS}, 0.0
        x, y = (np.asarray(found[name] - 1.0, np.float64) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        fits = psf_photometry(self.plane, self.noise, x, y, self.model, gain=self.gain)
        correction = offset(found, total, fits.flux)
        factor = 10.0 ** (-0.4 * correction)
        flux = fits.flux * factor
        error = np.hypot(fits.error * factor * scale, relative * np.abs(flux))
        positive = np.where(flux > 0, flux, np.nan)
        values = (flux, error, zero_point - 2.5 * np.log10(positive), POGSON * error / positive, fits.chi2, fits.spread, fits.spread_error,
                  fits.flags.astype(np.float64))
        return dict(zip(POINT_COLUMNS, values, strict=True)), correction


def offset(found: Any, total: Any, fitted: Any) -> float:
    """The median difference of bright stars' magnitudes, total flux less fit; 0 where no star tells."""
    chosen = stars(found)
    chosen = chosen[np.argsort(-total[chosen], kind="stable")[:BRIGHTEST]]
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = -2.5 * np.log10(total[chosen] / fitted[chosen])
    good = np.isfinite(difference)
    return float(np.median(difference[good])) if good.any() else 0.0


def gaussian(fwhm: float) -> NDArray[np.float32]:
    """A round Gaussian of some FWHM in pixels, whose sum is 1."""
    half = math.ceil(1.5 * fwhm)
    y, x = np.mgrid[-half:half + 1, -half:half + 1]
    values = np.exp(-4.0 * math.log(2.0) * (x**2 + y**2) / fwhm**2)
    return np.asarray(values / values.sum(), np.float32)

