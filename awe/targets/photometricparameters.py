"""PhotometricParameters: 563 and 564, the zero point of a frame."""
from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.column import Column
from awe.catalogues.match import match
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.photometry import POGSON, TYPICAL_FRACTION, ZeroPoint, growth, radii_of, total_flux, zero_point
from awe.science.sources import extract
from awe.science.wcs import Wcs, read_wcs
from awe.targets.astrometricparameters import AstrometricParameters, positions
from awe.targets.chip import Chip
from awe.targets.fieldreference import FieldReference
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.referencecatalogue import ReferenceCatalogue
from awe.targets.sourcetable import table_bytes

#: Zero point of the reference frame of a field, where nothing better is known.
ARBITRARY = 25.0
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


#: What is kept of each star of a frame.
COLUMNS = (
    Column("x", "pix", "pos.cartesian.x;instr.det", "windowed centre along x, 1-based"),
    Column("y", "pix", "pos.cartesian.y;instr.det", "windowed centre along y, 1-based"),
    Column("ra", "deg", "pos.eq.ra;meta.main", "right ascension, ICRS"),
    Column("dec", "deg", "pos.eq.dec;meta.main", "declination, ICRS"),
    Column("magnitude", "mag", "phot.mag", "magnitude of the total flux at the zero point of the frame"),
    Column("error", "mag", "stat.error;phot.mag", "its standard error, and that of the reference where there is one"),
    Column("residual", "mag", "phot.mag;arith.diff", "magnitude of the reference minus that of the star; NaN for none"),
    Column("used", "", "meta.code", "1 where the zero point was fitted to it, else 0", "int16"),
)


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
        """The error in magnitudes that the part brings to all total fluxes; 0 where no star tells, as then the part is assumed."""
        error = POGSON * self.fraction_error / self.aperture_fraction
        return error if math.isfinite(error) else 0.0

    def total(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Total fluxes and their errors."""
        part = self.aperture_fraction if math.isfinite(self.aperture_fraction) else TYPICAL_FRACTION
        return self.flux / part, self.error / part


class PhotometricParameters(Product):
    """The magnitude of one electron per second, in total flux; it includes the atmosphere.

    Absolute against a reference catalogue; as it came with a frame reduced elsewhere; or relative to one frame of the field.
    """

    plan_number = "563+564"
    version = 4

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    astrometry = depends_on(AstrometricParameters, "where it is")
    catalogue = depends_on(ReferenceCatalogue, "stars with known magnitudes", same=("name=refcat",), optional=True)
    field_reference = depends_on(FieldReference, "the frame that others are compared with", optional=True,
                                 same=("instrument", "chip", "filter", "object=reduced.raw.object", "mode=relative_mode"))

    refcat = parameter("", "name of the reference catalogue; empty compares frames with one frame of the field")
    match_radius = parameter(1.0, "how far a star may be from its reference", unit="arcsec", at_least=0.0)
    minimum_snr = parameter(20.0, "faintest stars used", at_least=3.0)
    sigma_clip = parameter(3.0, "stars further than this from the median are left out", unit="sigma", at_least=1.0)
    threshold = parameter(3.0, "detection threshold of its stars", unit="sigma", at_least=0.5)

    mode = attribute(str, "absolute, received or relative")
    zero_point = attribute(float, "magnitude of one electron per second", unit="mag")
    error = attribute(float, "its standard error", unit="mag")
    scatter = attribute(float, "scatter of the stars used", unit="mag")
    n_stars = attribute(int, "stars used")
    system = attribute(str, "AB or Vega")
    band = attribute(str, "band of the reference magnitudes")
    aperture = attribute(float, "radius of the aperture that total fluxes are made from", unit="pix")
    aperture_fraction = attribute(float, "part of the total flux inside it")

    limits = (Limit("error", flag=Flag.BAD_ZEROPOINT, at_most=0.1, optional=True),)

    @staticmethod
    def key_relative_mode(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """A field reference is asked for only where no reference catalogue is named."""
        return None if parameters.get("refcat") else "relative"

    def make(self) -> None:
        self.system, self.band = self.filter.system, self.filter.band
        if self.refcat:
            self.note("absolute", self.fit_absolute())
        elif self.reduced.zero_point is not None:
            self.mode, self.zero_point = "received", self.reduced.zero_point
        else:
            self.note("relative", self.fit_relative())

    def note(self, mode: str, found: ZeroPoint) -> None:
        """Keep a fit."""
        self.mode, self.zero_point, self.n_stars = mode, found.value, found.n
        if math.isfinite(found.error):
            self.error, self.scatter = found.error, found.scatter

    # ------------------------------------------------------------------ absolute

    def fit_absolute(self) -> ZeroPoint:
        """Compare stars with the reference catalogue."""
        if self.catalogue is None:
            raise PermanentError(f"there is no reference catalogue {self.refcat!r}; `awe ingest-catalog` brings it in, or set refcat to ''")
        band = self.catalogue.band_named(self.filter.band)
        stars = self.own_stars()
        radius = 0.75 * float(np.hypot(*self.reduced.image.data.shape)) * self.astrometry.pixel_scale / 3600.0
        reference, errors = self.catalogue.near(self.astrometry.ra, self.astrometry.dec, radius, band)
        pairs = match(stars.ra, stars.dec, reference.ra, reference.dec, self.match_radius, mutual=True)
        mine, theirs = pairs.first, pairs.second
        flux, error = stars.total()
        found = zero_point(flux[mine], error[mine], reference.magnitude[theirs], errors[theirs],
                           exptime=self.reduced.exptime, airmass=self.reduced.airmass or math.nan, system=self.system, band=band,
                           clip=self.sigma_clip, least_snr=self.minimum_snr)
        if not found.ok:
            raise PermanentError(f"photometry of {self.exposure} {self.chip.name} in {band}: {found.reason}; "
                                 f"{len(mine)} of {len(stars.ra)} stars are in {self.refcat}")
        self.keep(stars, *stars.total(), mine, errors[theirs], found)
        return replace(found, error=math.hypot(found.error, stars.growth_error))

    # ------------------------------------------------------------------ relative

    def fit_relative(self) -> ZeroPoint:
        """Compare stars with those of the reference frame of the field, and take over its zero point where it came with one."""
        reference = self.field_reference
        known = reference.frames[0].zero_point if reference is not None else None
        base = ARBITRARY if known is None else known
        if known is None:
            self.raise_flag(Flag.NO_ZEROPOINT)
        if reference is None or reference.frames[0].exposure == self.exposure:
            return ZeroPoint(base, 0.0, 0.0, 0, reason="this is the reference frame")
        frame, wcs = reference.frames[0], read_wcs(json.loads(reference.wcs))
        assert wcs is not None
        theirs, mine = self.stars_of(frame, wcs, self.astrometry.seeing), self.own_stars()
        sure = mine.grows_surely and theirs.grows_surely
        (flux, error), (other, other_error) = (one.total() if sure else (one.wide_flux, one.wide_error) for one in (mine, theirs))
        pairs = match(mine.ra, mine.dec, theirs.ra, theirs.dec, self.match_radius, mutual=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            magnitude = base - 2.5 * np.log10(other[pairs.second] / frame.exptime)
            spread = POGSON * other_error[pairs.second] / other[pairs.second]
        found = zero_point(flux[pairs.first], error[pairs.first], magnitude, spread, exptime=self.reduced.exptime,
                           clip=self.sigma_clip, least_snr=self.minimum_snr)
        if not found.ok:
            return ZeroPoint(base, math.nan, math.nan, 0, reason="too few stars in common: as sensitive as the reference frame")
        self.keep(mine, flux, error, pairs.first, spread, found)
        grown = math.hypot(mine.growth_error, theirs.growth_error) if sure else 0.0
        return replace(found, error=math.hypot(found.error, grown))

    # ------------------------------------------------------------------ both

    def keep(self, stars: Stars, flux: NDArray[Any], error: NDArray[Any], matched: NDArray[np.intp], errors: NDArray[Any],
             found: ZeroPoint) -> None:
        """Keep what each star of the frame says of the zero point, with its place on the chip."""
        noise, residual, used = POGSON * error / flux, np.full(len(flux), np.nan), np.zeros(len(flux), np.int16)
        noise[matched] = np.hypot(noise[matched], np.nan_to_num(errors))
        residual[matched], used[matched[found.used]] = found.residuals, 1
        magnitude = found.value - 2.5 * np.log10(flux / self.reduced.exptime)
        arrays = {"x": stars.x + 1.0, "y": stars.y + 1.0, "ra": stars.ra, "dec": stars.dec, "magnitude": magnitude, "error": noise,
                  "residual": residual, "used": used}
        self._table = SourceTable.from_arrays(arrays, COLUMNS, ra="ra", dec="dec")

    def contents(self) -> dict[str, Content]:
        """The stars with their residuals; nothing of frames that took their zero point over."""
        table = self.__dict__.get("_table")
        return {} if table is None else {"residuals": Content(table_bytes(table), ".parquet")}

    def has_residuals(self) -> bool:
        """Whether its zero point was fitted to stars."""
        return "residuals" in self.files()

    def residuals(self) -> SourceTable:
        """The stars of the frame and their residuals."""
        with SourceFile(self.path("residuals")) as file:
            return file.read()

    def own_stars(self) -> Stars:
        """The stars of the frame itself."""
        found = self.stars_of(self.reduced, self.astrometry.as_wcs(), self.astrometry.seeing)
        self.aperture, self.aperture_fraction = found.aperture, found.aperture_fraction
        return found

    def stars_of(self, frame: ReducedScienceFrame, wcs: Wcs, seeing: float) -> Stars:
        """Positions and fluxes of the unflawed sources of a frame, corrected for the size of its pixels."""
        image = frame.image
        fwhm = seeing / wcs.pixel_scale if math.isfinite(seeing) and seeing > 0 else TYPICAL_FWHM
        radii = radii_of(max(fwhm, 1.5))
        found = extract(image.data, image.variance, image.mask, weight=image.weight, threshold=self.threshold, radii=radii)
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
