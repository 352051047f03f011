"""PSFModel: the point spread function of a frame, and the magnitudes of what was found and fitted with it."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from awe.catalogues.column import Column
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.background import background
from awe.science.forced import BAD_PIXELS, OUTSIDE
from awe.science.mask import NO_WEIGHT
from awe.science.photometry import POGSON, growth, radii_of, total_flux
from awe.science.psf import seeing, stars
from awe.science.psfbuild import build_psf
from awe.science.psffit import FEW_PIXELS, NEIGHBOURS, PsfPhotometry, psf_photometry
from awe.science.psfmodel import PsfModel
from awe.science.sources import extract
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.chip import Chip
from awe.targets.figures import psf_figure
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.forced import forced_table, positions_of
from awe.targets.frame import Product
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.photometricparameters import PhotometricParameters
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.sourcetable import table_bytes

COLUMNS = (
    Column("NUMBER", "", "meta.id;meta.main", "running number from 1, by decreasing FLUX_PSF", "int32"),
    Column("XPSF_IMAGE", "pix", "pos.cartesian.x;instr.det", "fitted centre along x, 1-based", "float64"),
    Column("YPSF_IMAGE", "pix", "pos.cartesian.y;instr.det", "fitted centre along y, 1-based", "float64"),
    Column("ERRX2PSF_IMAGE", "pix2", "stat.variance;pos.cartesian.x", "variance of XPSF_IMAGE; 0 where the position was held", "float64"),
    Column("ERRY2PSF_IMAGE", "pix2", "stat.variance;pos.cartesian.y", "variance of YPSF_IMAGE; 0 where the position was held", "float64"),
    Column("ALPHA_J2000", "deg", "pos.eq.ra;meta.main", "right ascension of the fitted centre, ICRS", "float64"),
    Column("DELTA_J2000", "deg", "pos.eq.dec;meta.main", "declination of the fitted centre, ICRS", "float64"),
    Column("FLUX_PSF", "electron", "phot.flux", "all the light of a point source, by the PSF, neighbours fitted with it", "float64"),
    Column("FLUXERR_PSF", "electron", "stat.error;phot.flux", "standard error of FLUX_PSF", "float64"),
    Column("MAG_PSF", "mag", "phot.mag", "magnitude of FLUX_PSF at the zero point of the frame", "float64"),
    Column("MAGERR_PSF", "mag", "stat.error;phot.mag", "standard error of MAG_PSF, without that of the zero point", "float64"),
    Column("CHI2_PSF", "", "stat.fit.chi2", "chi square of the fit per degree of freedom", "float64"),
    Column("SPREAD_PSF", "", "src.class.starGalaxy", "by what part it is wider than the PSF; 0 for a star", "float64"),
    Column("SPREADERR_PSF", "", "stat.error;src.class.starGalaxy", "standard error of SPREAD_PSF", "float64"),
    Column("FLAGS_PSF", "", "meta.code.qual", "1 over a third of the PSF on bad pixels, 2 position given up, 4 fitted with neighbours, "
           "8 position held as too faint", "int16"),
)


class PSFModel(Product):
    """The PSF over the field of one frame, sources detected with it as matched filter, and their magnitudes by fits of it."""

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    astrometry = depends_on(AstrometricParameters, "where it is")
    photometry = depends_on(PhotometricParameters, "its zero point")

    degree = parameter(2, "of the polynomial over the field; lowered where there are few stars", at_least=0, at_most=4)
    threshold = parameter(5.0, "significance of a point source in the matched filter", unit="sigma", at_least=1.0)
    background_mesh = parameter(64, "size of the background mesh", unit="pix", at_least=8)

    n_stars = attribute(int, "stars that the model is from")
    n_sources = attribute(int, "sources that were fitted")
    fwhm = attribute(float, "FWHM of the stars", unit="arcsec")
    ellipticity = attribute(float, "(a - b) / (a + b) in the middle of the frame")
    anisotropy = attribute(float, "largest difference of the ellipticity from that in the middle")
    chi2 = attribute(float, "median chi square of its stars per degree of freedom, 1 % of the model among the errors")
    aperture_correction = attribute(float, "magnitude in the aperture of the zero point less that of the fit, taken away", unit="mag")
    zero_point = attribute(float, "magnitude of one electron per second", unit="mag")
    limiting_magnitude = attribute(float, "of a point source as significant as the threshold, by theory", unit="mag")

    limits = (Limit("chi2", flag=Flag.NOISY, at_most=5.0), Limit("n_sources", flag=Flag.NO_SOURCES, at_least=1))

    def make(self) -> None:
        image, wcs = self.reduced.image, self.astrometry.as_wcs()
        assert image.mask is not None and image.variance is not None and image.weight is not None
        sky = background(image.data, image.mask & np.uint16(NO_WEIGHT), mesh=self.background_mesh)
        options: dict[str, Any] = {"sky": sky, "weight": image.weight}
        fwhm = seeing(extract(image.data, image.variance, image.mask, threshold=5.0, **options)).fwhm
        radii = radii_of(max(fwhm, 1.5) if math.isfinite(fwhm) else 3.0)
        bright = extract(image.data, image.variance, image.mask, threshold=5.0, radii=radii, **options)
        curve = growth(bright, radii)
        noise = np.divide(1.0, image.weight, out=np.zeros_like(image.weight), where=image.weight > 0)
        plane = np.where(noise > 0, image.data - sky.level, np.float32(0))
        built = build_psf(plane, noise, self.reduced.effective_gain, bright, curve, degree=self.degree)
        if built.model is None:
            raise PermanentError(f"PSF of {self.exposure} {self.chip.name}: {built.reason}")
        self.model = built.model
        ny, nx = plane.shape
        kernel = self.model.stamp((nx - 1) / 2, (ny - 1) / 2, math.ceil(1.5 * self.model.fwhm))
        found = extract(image.data, image.variance, image.mask, threshold=self.threshold, min_area=1, kernel=kernel, **options)
        x, y = (np.asarray(found[name] - 1.0, np.float64) for name in ("X_IMAGE", "Y_IMAGE"))
        fitted = psf_photometry(plane, noise, x, y, self.model, gain=self.reduced.effective_gain)
        total, _ = total_flux(bright, curve)
        self.aperture_correction = self.offset(plane, noise, bright, total)
        self.describe_model(built.model, wcs.pixel_scale, plane.shape, noise)
        self._table = self.table_of(fitted, wcs)
        self.n_sources = len(self._table)

    def offset(self, plane: Any, noise: Any, bright: Any, total: Any) -> float:
        """The median difference of bright stars' magnitudes, aperture less fit; 0 where the aperture's part is not known."""
        chosen = stars(bright)
        chosen = chosen[np.argsort(-total[chosen], kind="stable")[:100]]
        fitted = psf_photometry(plane, noise, np.asarray(bright["XWIN_IMAGE"][chosen] - 1.0, np.float64),
                                np.asarray(bright["YWIN_IMAGE"][chosen] - 1.0, np.float64), self.model, gain=self.reduced.effective_gain)
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = -2.5 * np.log10(total[chosen] / fitted.flux)
        good = np.isfinite(difference)
        return float(np.median(difference[good])) if good.any() else 0.0

    def describe_model(self, model: PsfModel, scale: float, shape: tuple[int, ...], noise: Any) -> None:
        """What can be asked of the model afterwards."""
        ny, nx = shape
        middle = ((nx - 1) / 2, (ny - 1) / 2)
        self.n_stars, self.fwhm, self.chi2 = model.nstars, model.fwhm * scale, model.chi2
        e1, e2 = model.ellipticity(*middle)
        corners = [model.ellipticity(x, y) for x in (0, nx - 1) for y in (0, ny - 1)]
        self.ellipticity = math.hypot(e1, e2)
        self.anisotropy = max(math.hypot(a - e1, b - e2) for a, b in corners)
        self.zero_point = self.photometry.zero_point
        there = noise > 0
        sigma = math.sqrt(float(np.median(noise[there])) * model.noise_pixels(*middle)) if there.any() else math.nan
        self.limiting_magnitude = self.zero_point - 2.5 * math.log10(self.threshold * sigma / self.reduced.exptime)

    def table_of(self, fitted: PsfPhotometry, wcs: Any) -> SourceTable:
        """The catalogue: fluxes corrected to the aperture of the zero point, and for the size of pixels as the zero point's are."""
        keep = np.flatnonzero(np.isfinite(fitted.flux) & (fitted.error > 0))
        x, y = fitted.x[keep], fitted.y[keep]
        factor = wcs.pixel_area(x, y) / wcs.pixel_scale**2 * 10.0 ** (-0.4 * self.aperture_correction)
        flux, error = fitted.flux[keep] * factor, fitted.error[keep] * factor
        positive = np.where(flux > 0, flux, np.nan)
        magnitude = self.zero_point - 2.5 * np.log10(positive / self.reduced.exptime)
        ra, dec = wcs.pixel_to_sky(x, y)
        number = np.empty(len(keep), np.int32)
        number[np.argsort(-flux, kind="stable")] = np.arange(1, len(keep) + 1)
        values = (number, x + 1.0, y + 1.0, fitted.varx[keep], fitted.vary[keep], ra, dec, flux, error, magnitude,
                  POGSON * error / positive, fitted.chi2[keep], fitted.spread[keep], fitted.spread_error[keep], fitted.flags[keep])
        arrays = {column.name: value for column, value in zip(COLUMNS, values, strict=True)}
        meta = {"zero_point": self.zero_point, "filter": self.filter.name, "aperture_correction": self.aperture_correction}
        return SourceTable.from_arrays(arrays, COLUMNS, ra="ALPHA_J2000", dec="DELTA_J2000", meta=meta)

    def contents(self) -> dict[str, Content]:
        """The model as a FITS cube, one plane a term of the polynomial; the catalogue."""
        model = self.model
        cards: dict[str, Any] = {"BUNIT": "1/pix2", "OVERSAMP": model.oversampling, "FWHM": model.fwhm, "APERTURE": model.aperture,
                                 "FRACTION": model.fraction, "NSTARS": model.nstars, "CHI2": model.chi2, "IMAGE1": model.shape[1],
                                 "IMAGE2": model.shape[0], "MAGZERO": self.zero_point}
        for number, (power, norm) in enumerate(zip(model.powers, model.norms, strict=True), start=1):
            cards |= {f"POWX{number}": int(power[0]), f"POWY{number}": int(power[1]), f"NORM{number}": float(norm)}
        return {"psf": Content(Image(model.terms, cards=cards).to_bytes()), "catalogue": Content(table_bytes(self._table), ".parquet")}

    @property
    def model(self) -> PsfModel:
        """The model; of a stored one it is read when first asked for."""
        found = self.__dict__.get("_model")
        if found is None:
            image = Image.read(self.path("psf"))
            cards, terms = image.cards, range(1, len(image.data) + 1)
            found = self.__dict__["_model"] = PsfModel(
                np.ascontiguousarray(image.data), np.array([(cards[f"POWX{n}"], cards[f"POWY{n}"]) for n in terms], np.int64),
                np.array([cards[f"NORM{n}"] for n in terms], np.float64), (cards["IMAGE2"], cards["IMAGE1"]), cards["OVERSAMP"],
                cards["FWHM"], cards["APERTURE"], cards["FRACTION"], cards["NSTARS"], cards["CHI2"])
        model: PsfModel = found
        return model

    @model.setter
    def model(self, model: PsfModel) -> None:
        self.__dict__["_model"] = model

    @property
    def sources(self) -> SourceTable:
        """The catalogue."""
        with SourceFile(self.path("catalogue")) as file:
            return file.read()

    def forced(self, ra: Any, dec: Any) -> PsfPhotometry:
        """Fluxes in electrons at given positions (ICRS degrees), whether anything is there or not; as the catalogue's are corrected.

        `awe.science.psffit.upper_limit` makes limits of them.
        """
        image = self.reduced.image
        assert image.mask is not None and image.weight is not None
        sky = background(image.data, image.mask & np.uint16(NO_WEIGHT), mesh=self.background_mesh)
        noise = np.divide(1.0, image.weight, out=np.zeros_like(image.weight), where=image.weight > 0)
        wcs = self.astrometry.as_wcs()
        x, y = wcs.sky_to_pixel(np.atleast_1d(np.asarray(ra, np.float64)), np.atleast_1d(np.asarray(dec, np.float64)))
        found = psf_photometry(np.where(noise > 0, image.data - sky.level, np.float32(0)), noise, x, y, self.model,
                               gain=self.reduced.effective_gain, forced=True)
        factor = wcs.pixel_area(x, y) / wcs.pixel_scale**2 * 10.0 ** (-0.4 * self.aperture_correction)
        return found._replace(flux=found.flux * factor, error=found.error * factor)

    def forced_sources(self, ra: Any, dec: Any, sigma: float = 5.0) -> SourceTable:
        """What `forced` finds as a table, with magnitudes and limits of `sigma` errors."""
        ra, dec = positions_of(ra, dec)
        found = self.forced(ra, dec)
        flags = np.where(np.isnan(found.flux), OUTSIDE | BAD_PIXELS, 0) | (found.flags & (FEW_PIXELS | NEIGHBOURS))
        return forced_table(ra, dec, found.flux, found.error, flags, zero_point=self.zero_point, exptime=self.reduced.exptime,
                            unit="electron", sigma=sigma)

    def inspect(self) -> Any:
        """The PSF in the middle, its width and ellipticity over the field, and how wide sources are by their magnitudes."""
        return psf_figure(self)
