"""PhotTransformation: 565, the natural band of a filter against the bands of a catalogue."""
from __future__ import annotations

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
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.astrometry import field_radius
from awe.science.colourterm import on_one_zero_point
from awe.science.extinction import Transformation, transformation
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.figures import line_figure
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.framestars import stars_of
from awe.targets.instrument import Instrument
from awe.targets.raw import RawScienceFrame
from awe.targets.referencecatalogue import ReferenceCatalogue
from awe.targets.sourcetable import table_bytes

COLUMNS = (
    Column("star", "", "meta.id", "which star of the catalogue, from 0", "int32"),
    Column("frame", "", "meta.id", "which frame, in the order of the solutions, from 0", "int32"),
    Column("ra", "deg", "pos.eq.ra;meta.main", "right ascension, ICRS", "float64"),
    Column("dec", "deg", "pos.eq.dec;meta.main", "declination, ICRS", "float64"),
    Column("primary", "mag", "phot.mag", "magnitude of the catalogue in the primary band", "float64"),
    Column("colour", "mag", "phot.color", "colour of the catalogue", "float64"),
    Column("natural", "mag", "phot.mag", "magnitude in the natural band of the filter, without the zero point of its frame", "float64"),
)


class PhotTransformation(Product):
    """The colour term of a filter: natural = primary - term (secondary - tertiary) + constant, from stars on many frames.

    The constant of each frame is its zero point, and is taken out; so a natural magnitude is the catalogue's for stars of colour 0.
    """

    version = 2
    plan_number = "565"
    is_calibration = True
    validity = (180.0, 180.0)

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    colour = key(str, "secondary and tertiary band of the catalogue, as in g-r")
    solutions = depends_on_many(AstrometricParameters, "frames whose stars are compared", one_per=RawScienceFrame,
                                same=("instrument", "filter"), within=30.0, at_least=1, at_most=40)
    catalogue = depends_on(ReferenceCatalogue, "stars with known magnitudes", same=("name=refcat",), optional=True)

    refcat = parameter("", "name of the reference catalogue")
    primary = parameter("", "band of the catalogue that is nearest the filter; empty for the band of the filter")
    match_radius = parameter(1.0, "how far a star may be from its reference", unit="arcsec", at_least=1e-3)
    minimum_snr = parameter(20.0, "faintest stars used", at_least=3.0)
    sigma_clip = parameter(3.0, "stars further than this from the line are left out", unit="sigma", at_least=1.0)
    threshold = parameter(3.0, "detection threshold of stars", unit="sigma", at_least=0.5)

    term = attribute(float, "colour term")
    term_error = attribute(float, "its standard error")
    constant = attribute(float, "what is left at a colour of 0", unit="mag")
    constant_error = attribute(float, "its standard error", unit="mag")
    scatter = attribute(float, "scatter of the stars about the line", unit="mag")
    n_stars = attribute(int, "measurements of stars used")
    bluest = attribute(float, "smallest colour of the stars used", unit="mag")
    reddest = attribute(float, "largest colour of the stars used", unit="mag")

    limits = (Limit("n_stars", flag=Flag.FEW_STARS, at_least=10), Limit("term_error", flag=Flag.COLOUR_TERM, at_most=0.05),
              Limit("term", flag=Flag.COLOUR_TERM, at_least=-1.0, at_most=1.0),
              Limit("term", flag=Flag.CHANGED, at_least=-0.05, at_most=0.05, compare=True, optional=True))

    def make(self) -> None:
        if self.catalogue is None:
            raise PermanentError(f"there is no reference catalogue {self.refcat!r} to compare {self.filter.name} with; "
                                 "`awe ingest-catalog` brings one in")
        self._table = self.compared([self.stars_of_frame(one, number) for number, one in enumerate(self.solutions)])
        found = self.fit(self._table)
        if found is None:
            raise PermanentError(f"colour term of {self.filter.name} in {self.colour}: {len(self._table)} stars of "
                                 f"{len(self.solutions)} frames are in {self.refcat}, too few or all of one colour")
        self.term, self.term_error, self.constant, self.constant_error = found.term, found.term_error, found.constant, found.constant_error
        self.scatter, self.n_stars, (self.bluest, self.reddest) = found.scatter, found.n, found.colours

    def stars_of_frame(self, solution: AstrometricParameters, number: int) -> tuple[NDArray[Any], ...]:
        """The stars of one frame that the catalogue has: its number, positions, magnitudes of the catalogue, colours, instrumental ones."""
        frame, wcs = solution.reduced, solution.as_wcs()
        stars, shape = stars_of(frame, wcs, solution.seeing, self.threshold), frame.image.data.shape
        frame.let_go()
        cone = (*wcs.centre(shape), field_radius(wcs, shape) + 0.01)
        listed = self.catalogue.cone(*cone)
        known, _ = self.catalogue.reference_of(listed, self.catalogue.band_named(self.primary or self.filter.band))
        colour = self.catalogue.colours_of(listed, self.colour)
        flux, error = stars.total()
        bright = np.flatnonzero(flux >= self.minimum_snr * error)
        pairs = match(stars.ra[bright], stars.dec[bright], known.ra, known.dec, self.match_radius, mutual=True)
        mine, theirs = bright[pairs.first], pairs.second
        return (np.full(len(mine), number), stars.ra[mine], stars.dec[mine], known.magnitude[theirs], colour[theirs],
                -2.5 * np.log10(flux[mine] / frame.exptime), known.ra[theirs], known.dec[theirs])

    def compared(self, frames: list[tuple[NDArray[Any], ...]]) -> SourceTable:
        """The stars of all frames, their magnitudes on one zero point."""
        number, ra, dec, primary, colour, instrumental, *place = (np.concatenate(values) for values in zip(*frames, strict=True))
        natural = on_one_zero_point(instrumental, primary, colour, number.astype(np.intp), clip=self.sigma_clip)
        _, star = np.unique(np.column_stack(place), axis=0, return_inverse=True)
        arrays = {"star": star.ravel().astype(np.int32), "frame": number.astype(np.int32), "ra": ra, "dec": dec, "primary": primary,
                  "colour": colour, "natural": natural}
        return SourceTable.from_arrays(arrays, COLUMNS, ra="ra", dec="dec")

    def fit(self, table: SourceTable) -> Transformation | None:
        """The line through the stars; None where there are too few."""
        colour = np.asarray(table["colour"], np.float64)
        frame, star = (np.asarray(table[name], np.intp) for name in ("frame", "star"))
        return transformation(table["natural"], table["primary"], colour, np.zeros(len(colour)), clip=self.sigma_clip,
                              frame=frame, star=star)

    def contents(self) -> dict[str, Content]:
        """The stars."""
        return {"catalogue": Content(table_bytes(self._table), ".parquet")}

    @property
    def sources(self) -> SourceTable:
        """The stars that were compared."""
        with SourceFile(self.path("catalogue")) as file:
            return file.read()

    def inspect(self) -> Any:
        """The difference of the natural from the primary magnitude against colour, and the line."""
        table = self.sources
        colour, offset = np.asarray(table["colour"]), np.asarray(table["natural"]) - np.asarray(table["primary"])
        return line_figure(self, colour, offset, np.zeros(len(colour)), np.zeros(len(colour), np.intp), -self.term,
                           (self.colour, f"natural {self.filter.name} - {self.primary or self.filter.band} [mag]"),
                           f"term {self.term:.4f} +- {self.term_error:.4f}, {self.n_stars} stars, scatter {self.scatter:.3f} mag")
