"""PhotometricParameters: 563 and 564, the zero point of a frame."""
from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.column import Column
from awe.catalogues.matching import match
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.photometry import POGSON, ZeroPoint, zero_point
from awe.science.wcs import read_wcs
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.chip import Chip
from awe.targets.fieldreference import FieldReference
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.framestars import Stars, stars_of
from awe.targets.instrument import Instrument
from awe.targets.phottransformation import PhotTransformation
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.referencecatalogue import ReferenceCatalogue
from awe.targets.sourcetable import table_bytes

#: Zero point of the reference frame of a field, where nothing better is known.
ARBITRARY = 25.0
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


class PhotometricParameters(Product):
    """The magnitude of one electron per second, in total flux; it includes the atmosphere.

    Absolute against a reference catalogue; as it came with a frame reduced elsewhere; or relative to one frame of the field.
    """

    plan_number = "563+564"
    version = 5

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    astrometry = depends_on(AstrometricParameters, "where it is")
    catalogue = depends_on(ReferenceCatalogue, "stars with known magnitudes", same=("name=refcat",), optional=True)
    field_reference = depends_on(FieldReference, "the frame that others are compared with", optional=True,
                                 same=("instrument", "chip", "filter", "object=reduced.raw.object", "mode=relative_mode"))

    transformation = depends_on(PhotTransformation, "the colour term of the filter", optional=True,
                                same=("instrument", "filter", "colour=measured_colour"))

    refcat = parameter("", "name of the reference catalogue; empty compares frames with one frame of the field")
    reference_band = parameter("", "key band of the catalogue that a filter of its own band is compared with; empty for the band of the "
                               "filter", was="")
    colour = parameter("", "colour of the catalogue that a term is applied in, as in g-r; empty applies none", was="")
    colour_term_from = parameter("measured", "where the term is from: measured on many frames, fitted with the zero point, or stated",
                                 choices=("measured", "fitted", "stated"), was="measured")
    stated_colour_term = parameter(0.0, "the term that is applied where it is stated", was=0.0)
    reference_colour = parameter(0.0, "colour that the zero point is for: there the term has no effect", unit="mag", was=0.0)
    match_radius = parameter(1.0, "how far a star may be from its reference", unit="arcsec", at_least=0.0)
    minimum_snr = parameter(20.0, "faintest stars used", at_least=3.0)
    sigma_clip = parameter(3.0, "stars further than this from the median are left out", unit="sigma", at_least=1.0)
    threshold = parameter(3.0, "detection threshold of its stars", unit="sigma", at_least=0.5)

    mode = attribute(str, "absolute, received or relative")
    zero_point = attribute(float, "magnitude of one electron per second", unit="mag")
    error = attribute(float, "its standard error", unit="mag")
    scatter = attribute(float, "scatter of the stars used", unit="mag")
    n_stars = attribute(int, "stars used")
    colour_term = attribute(float, "colour term that was applied; none where none was asked for")
    colour_term_error = attribute(float, "its standard error")
    system = attribute(str, "AB or Vega")
    band = attribute(str, "band of the reference magnitudes")
    aperture = attribute(float, "radius of the aperture that total fluxes are made from", unit="pix")
    aperture_fraction = attribute(float, "part of the total flux inside it")

    limits = (Limit("error", flag=Flag.BAD_ZEROPOINT, at_most=0.1, optional=True),)

    @staticmethod
    def key_relative_mode(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """A field reference is asked for only where no reference catalogue is named."""
        return None if parameters.get("refcat") else "relative"

    @staticmethod
    def key_measured_colour(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """A measured colour term is asked for only where it is to be applied."""
        asked = parameters.get("refcat") and parameters.get("colour_term_from") == "measured"
        return (parameters.get("colour") or None) if asked else None

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
        self.band = band = self.catalogue.band_named(self.reference_band or self.filter.band)
        stars = self.own_stars()
        radius = 0.75 * float(np.hypot(*self.reduced.image.data.shape)) * self.astrometry.pixel_scale / 3600.0
        listed = self.catalogue.cone(self.astrometry.ra, self.astrometry.dec, radius)
        reference, errors = self.catalogue.reference_of(listed, band)
        pairs = match(stars.ra, stars.dec, reference.ra, reference.dec, self.match_radius, mutual=True)
        mine, theirs = pairs.first, pairs.second
        flux, error = stars.total()
        colour = self.catalogue.colours_of(listed, self.colour)[theirs] if self.colour else None
        found = zero_point(flux[mine], error[mine], reference.magnitude[theirs], errors[theirs], exptime=self.reduced.exptime,
                           colour=colour, colour0=self.reference_colour, colour_term=self.known_colour_term(),
                           airmass=self.reduced.airmass or math.nan, system=self.system, band=band, clip=self.sigma_clip,
                           least_snr=self.minimum_snr)
        if not found.ok:
            raise PermanentError(f"photometry of {self.exposure} {self.chip.name} in {band}: {found.reason}; "
                                 f"{len(mine)} of {len(stars.ra)} stars are in {self.refcat}")
        self.keep(stars, flux, error, mine, errors[theirs], found)
        if self.colour:
            measured = self.transformation is not None and self.colour_term_from == "measured"
            self.colour_term = found.colour_term
            self.colour_term_error = self.transformation.term_error if measured else found.colour_term_error
        return replace(found, error=math.hypot(found.error, stars.growth_error))

    def known_colour_term(self) -> float | None:
        """The colour term that is applied, None where it is fitted.

        Raises PermanentError where a measured one is wanted and there is none.
        """
        if not self.colour:
            return 0.0
        if self.colour_term_from == "measured":
            if self.transformation is None:
                raise PermanentError(f"no PhotTransformation tells the colour term of {self.filter.name} in {self.colour}; "
                                     "set PhotometricParameters.colour_term_from to fitted or stated")
            return float(self.transformation.term)
        return self.stated_colour_term if self.colour_term_from == "stated" else None

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
        theirs, mine = stars_of(frame, wcs, self.astrometry.seeing, self.threshold), self.own_stars()
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
        found = stars_of(self.reduced, self.astrometry.as_wcs(), self.astrometry.seeing, self.threshold)
        self.aperture, self.aperture_fraction = found.aperture, found.aperture_fraction
        return found
