"""AstrometricParameters: where a frame is on the sky."""
from __future__ import annotations

import json
from typing import Any

import numpy as np

from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.persist.types import to_microseconds
from awe.science.astrometry import field_radius, solve
from awe.science.match import Bounds, mutual_pairs
from awe.science.psf import seeing
from awe.science.register import Registration, register, register_by_pixels
from awe.science.solution import Solution
from awe.science.sourcecolumns import columns
from awe.science.sources import extract, with_sky
from awe.science.tpv import project
from awe.science.wcs import Wcs, read_wcs
from awe.targets.astrometryfigures import residual_figure
from awe.targets.chip import Chip
from awe.targets.fieldreference import FieldReference
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.nominal import first_wcs
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.referencecatalogue import ReferenceCatalogue, plain
from awe.targets.sourcetable import described, table_bytes


class AstrometricParameters(Product):
    """The WCS of one frame (TPV, ICRS), with its sources and the seeing.

    Absolute against a reference catalogue, blind to offset, rotation, scale and parity; or, where none is named, relative to one
    frame of the field.
    """

    plan_number = "634"
    version = 4

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    catalogue = depends_on(ReferenceCatalogue, "stars with known positions", same=("name=refcat",), optional=True)
    field_reference = depends_on(FieldReference, "the frame that others are registered to", optional=True,
                                 same=("instrument", "chip", "filter", "object=reduced.raw.object", "mode=relative_mode"))

    refcat = parameter("", "name of the reference catalogue; empty registers frames to one frame of the field")
    degree = parameter(3, "highest degree of the distortion", at_least=1, at_most=5)
    maximum_offset = parameter(300.0, "by how much the header may be off", unit="arcsec", at_least=0.0)
    maximum_rotation = parameter(180.0, "by how much the header may be rotated", unit="deg", at_least=0.0, at_most=180.0)
    maximum_scale = parameter(0.05, "by how much the pixel scale may be off, relative", at_least=0.0, at_most=0.5)
    threshold = parameter(3.0, "detection threshold of its sources", unit="sigma", at_least=0.5)

    mode = attribute(str, "absolute or relative")
    wcs = attribute(str, "the celestial cards of the solution, as JSON")
    ra = attribute(float, "centre of the frame", unit="deg", ucd="pos.eq.ra")
    dec = attribute(float, "centre of the frame", unit="deg", ucd="pos.eq.dec")
    pixel_scale = attribute(float, "size of a pixel", unit="arcsec")
    nref = attribute(int, "stars used in the fit, those that are saturated or at the border not counted")
    rms_ra = attribute(float, "residuals in right ascension", unit="arcsec")
    rms_dec = attribute(float, "residuals in declination", unit="arcsec")
    rms = attribute(float, "residuals, larger of both", unit="arcsec")
    holdout_rms = attribute(float, "residuals of stars that were predicted by fits without them", unit="arcsec")
    offset_ra = attribute(float, "how far the header was off, east", unit="arcsec")
    offset_dec = attribute(float, "how far the header was off, north", unit="arcsec")
    rotation = attribute(float, "by how much the header was rotated", unit="deg")
    is_mirrored = attribute(bool, "whether the solution has the other parity than the header")
    fitted_degree = attribute(int, "degree of the distortion that the stars supported")
    seeing = attribute(float, "median FWHM of star-like sources", unit="arcsec")
    ellipticity = attribute(float, "median ellipticity of star-like sources")
    n_sources = attribute(int, "sources found")

    limits = (Limit("nref", flag=Flag.FEW_STARS, at_least=5, optional=True),
              Limit("rms", flag=Flag.BAD_ASTROMETRY, at_most=1.0, optional=True))

    @staticmethod
    def key_relative_mode(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """A field reference is asked for only where no reference catalogue is named."""
        return None if parameters.get("refcat") else "relative"

    def make(self) -> None:
        image = self.reduced.image
        found = extract(image.data, image.variance, image.mask, weight=image.weight, threshold=self.threshold)
        shape = image.data.shape
        start = first_wcs(self.reduced)
        wcs = self.solve_absolute(found, start.wcs, shape) if self.refcat else self.solve_relative(found)
        self.describe_solution(wcs, found, shape)
        self._table = described(found, with_sky(found, wcs), columns())

    # ------------------------------------------------------------------ absolute

    def solve_absolute(self, found: Any, start: Wcs, shape: tuple[int, ...]) -> Wcs:
        """Match the sources with the reference catalogue."""
        if self.catalogue is None:
            raise PermanentError(f"there is no reference catalogue {self.refcat!r}; `awe ingest-catalog` brings it in, or set refcat to ''")
        ra, dec = start.centre(shape)
        radius = min(field_radius(start, shape) + self.maximum_offset / 3600.0, 10.0)
        if not self.catalogue.covers(ra, dec, radius):
            raise PermanentError(f"reference catalogue {self.refcat} does not cover the frame at RA {ra:.4f} Dec {dec:.4f}")
        reference, _ = self.catalogue.near(ra, dec, radius, self.filter.band)
        epoch = julian_year(self.reduced)
        solution = solve(*positions(found), np.asarray(found["FLUX_AUTO"], np.float64), start, reference, shape=shape,
                         error=np.sqrt(0.5 * (found["ERRX2WIN_IMAGE"] + found["ERRY2WIN_IMAGE"])), doubtful=is_doubtful(found),
                         degree=self.degree, epoch=epoch, bounds=Bounds(self.maximum_offset, self.maximum_rotation, self.maximum_scale))
        if solution.status != "solved":
            raise PermanentError(f"astrometry of {self.exposure} {self.chip.name}: {solution.status}: {solution.reason}")
        self.note_solution(solution)
        stated = self.instrument.definition.parity
        if stated is not None and solution.wcs.parity != -stated:
            self.raise_flag(Flag.PARITY_DIFFERS)
        return solution.wcs

    def note_solution(self, solution: Solution) -> None:
        """Keep what the fit says of itself."""
        self.mode, self.nref = "absolute", solution.n_clean
        self.rms_ra, self.rms_dec = solution.rms_ra, solution.rms_dec
        self.rms, self.holdout_rms = max(solution.rms_ra, solution.rms_dec), solution.holdout_rms
        self.offset_ra, self.offset_dec = solution.offset
        self.rotation, self.is_mirrored, self.fitted_degree = solution.rotation, solution.parity < 0, solution.degree

    # ------------------------------------------------------------------ relative

    def solve_relative(self, found: Any) -> Wcs:
        """Register the frame to the reference frame of its field."""
        self.mode = "relative"
        self.raise_flag(Flag.RELATIVE_ASTROMETRY)
        if self.field_reference is None:
            raise PermanentError(f"{self.exposure} has no reference catalogue and no frame of its field to be registered to; "
                                 "name a catalogue by the parameter refcat")
        frame, wcs = self.field_reference.frames[0], read_wcs(json.loads(self.field_reference.wcs))
        assert wcs is not None
        if frame.exposure == self.exposure:
            return wcs
        result = self.register_to(frame, found)
        self.nref, self.rms = result.n_matched or None, result.rms * wcs.pixel_scale  # type: ignore[assignment]
        self.rms_ra = self.rms_dec = self.rms
        return wcs.affine(result.matrix, result.shift)

    def register_to(self, frame: ReducedScienceFrame, found: Any) -> Registration:
        """By stars, or where there are too few by the pixels themselves."""
        theirs = frame.image
        other = extract(theirs.data, theirs.variance, theirs.mask, weight=theirs.weight, threshold=self.threshold)
        by_stars = register(*positions(found), np.asarray(found["FLUX_AUTO"], np.float64),
                            *positions(other), np.asarray(other["FLUX_AUTO"], np.float64))
        if by_stars.ok:
            return by_stars
        mine = self.reduced.image
        by_pixels = register_by_pixels(mine.data, theirs.data, mask=mine.mask, ref_mask=theirs.mask)
        if by_pixels.ok:
            return by_pixels
        raise PermanentError(f"{self.exposure} could not be registered to {frame.exposure}: by stars: {by_stars.reason}; "
                             f"by pixels: {by_pixels.reason}")

    # ------------------------------------------------------------------ both

    def describe_solution(self, wcs: Wcs, found: Any, shape: tuple[int, ...]) -> None:
        """What can be asked of the solution afterwards."""
        self.wcs = json.dumps(wcs.cards())
        self.ra, self.dec = wcs.centre(shape)
        self.pixel_scale, self.n_sources = wcs.pixel_scale, len(found)
        psf = seeing(found)
        self.seeing, self.ellipticity = psf.arcsec(wcs.pixel_scale), psf.ellipticity

    def contents(self) -> dict[str, Content]:
        """The sources of the frame."""
        return {"catalogue": Content(table_bytes(self._table), ".parquet")}

    def as_wcs(self) -> Wcs:
        """The solution."""
        found = read_wcs(json.loads(self.wcs))
        assert found is not None
        return found

    def sources(self) -> SourceTable:
        """The sources of the frame, with positions by this solution."""
        with SourceFile(self.path("catalogue")) as file:
            return file.read()

    def inspect(self) -> Any:
        """Five panels of the residuals of the stars that were matched; None in relative mode."""
        if self.catalogue is None:
            return None
        return residual_figure(*self.residuals(), title=repr(self), date_obs=f"{self.reduced.raw.date_obs:%Y-%m-%dT%H:%M:%S}")

    def residuals(self) -> tuple[Any, Any, Any, Any]:
        """RA and Dec (deg) of the sources that are reference stars, and how far those are from them, east and north (arcsec)."""
        table = self.sources()
        ra, dec = plain(table["ALPHA_J2000"]), plain(table["DELTA_J2000"])
        reference, _ = self.catalogue.near(self.ra, self.dec, field_radius(self.as_wcs(), self.reduced.image.data.shape), self.filter.band)
        there = reference.at(julian_year(self.reduced))
        a, b = (np.column_stack(project(sky[0], sky[1], self.ra, self.dec)) * 3600.0 for sky in ((ra, dec), there))
        source, star = mutual_pairs(a, b, max(3.0 * self.rms, 0.3 * self.pixel_scale)).T
        return ra[source], dec[source], b[star, 0] - a[source, 0], b[star, 1] - a[source, 1]


def positions(found: Any) -> tuple[Any, Any]:
    """0-based windowed positions of sources."""
    return np.asarray(found["XWIN_IMAGE"], np.float64) - 1.0, np.asarray(found["YWIN_IMAGE"], np.float64) - 1.0


def is_doubtful(found: Any) -> Any:
    """Which sources are saturated, at the border, or have no windowed position: they are matched, and hardly count in the fit."""
    return (np.asarray(found["FLAGS"]) & (4 | 8 | 32)) != 0


def julian_year(frame: ReducedScienceFrame) -> float:
    """When a frame was taken, as a Julian year."""
    return 2000.0 + (to_microseconds(frame.raw.date_obs) / 86_400_000_000 + 40587.0 - 51544.5) / 365.25
