"""SourceList: the sources of a coadd."""
from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
from astropy.io import fits

from awe.catalogues.casu import casu_view
from awe.catalogues.column import Column
from awe.catalogues.cone import Listed, cone_search, search_lists
from awe.catalogues.exporting import export
from awe.catalogues.footprint import Footprint
from awe.catalogues.matching import match_all
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.background import background
from awe.science.detect import Detection
from awe.science.forced import CROWDED, forced_apertures
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.mixture import mixed_fraction
from awe.science.photometry import (
    MAIN_APERTURE,
    POGSON,
    TYPICAL_FRACTION,
    empty_aperture_ratio,
    growth,
    radii_of,
    total_flux,
    variation,
)
from awe.science.psf import seeing, stars
from awe.science.sourcecolumns import columns
from awe.science.sources import FLAG_FAINT, extract, with_sky
from awe.targets.coadd import CoaddFrame, tile_of_field
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.forced import forced_table, positions_of
from awe.targets.frame import Product
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.pointfits import POINT_COLUMNS, PointFits
from awe.targets.sourcetable import described, table_bytes

TOTAL = {
    "FLUX_TOTAL": Column("FLUX_TOTAL", "count/s", "phot.flux", "flux of a point source: aperture of 1.5 FWHM and curve of growth",
                         "float64"),
    "FLUXERR_TOTAL": Column("FLUXERR_TOTAL", "count/s", "stat.error;phot.flux", "standard error of FLUX_TOTAL", "float64"),
    "MAG_TOTAL": Column("MAG_TOTAL", "mag", "phot.mag", "magnitude of FLUX_TOTAL", "float64"),
    "MAGERR_TOTAL": Column("MAGERR_TOTAL", "mag", "stat.error;phot.mag", "standard error of MAG_TOTAL, without that of the zero point, "
                           "which all sources share", "float64"),
    "NEXP": Column("NEXP", "", "meta.number;obs", "frames averaged at its centre", "float64"),
    "NEXP_MIN": Column("NEXP_MIN", "", "meta.number;obs", "fewest frames averaged within the main aperture; where it is less than NEXP a "
                       "frame ends there, and the shape of the source is not that of its neighbours", "float64"),
}


#: The part of the correction for the mixture of PSFs that is not known: pixels and interpolation do not widen with the seeing.
MIXTURE = 0.14
#: Flux error per variation of the coverage and spread of the PSFs: the scatter for frames of Moffat profiles that end at random.
EDGE = 0.25


class First(NamedTuple):
    """What a first look at an image tells: FWHM of its stars (NaN without any), FWHM to go by, radii of circles, what the PSF brings."""

    seeing: float
    fwhm: float
    radii: tuple[float, ...]
    points: PointFits


class SourceList(Product):
    """Everything that was found on a coadd, as one immutable table that is sorted along the sky."""

    version = 5

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    object = key(str, "name of the field, as the observers wrote it")
    tile = key(str, "name of the sky tile")
    frame = depends_on(CoaddFrame, "the image")

    threshold = parameter(1.5, "detection threshold: the image smoothed by a pyramid of 3x3 pixels, over the noise of single pixels, as "
                          "SExtractor's DETECT_THRESH", unit="sigma", at_least=0.5)
    minimum_area = parameter(5, "least number of connected pixels", unit="pix", at_least=1)
    background_mesh = parameter(64, "size of the background mesh", unit="pix", at_least=8)
    flux_floor = parameter(0.0005, "relative error that all fluxes have, however bright: what flats are accurate to over an aperture",
                           at_least=0.0)
    psf_threshold = parameter(5.0, "point sources this significant in the image filtered by its PSF are taken besides; 0 takes none",
                              unit="sigma", at_least=0.0)
    psf_degree = parameter(2, "of the polynomial over the field that the PSF is; lowered where there are few stars", at_least=0, at_most=4)
    deblend_levels = parameter(32, "as SExtractor's DEBLEND_NTHRESH", at_least=1)
    deblend_contrast = parameter(0.005, "as SExtractor's DEBLEND_MINCONT", at_least=0.0, at_most=1.0)

    n_sources = attribute(int, "number of sources")
    n_point_sources = attribute(int, "of these, what only the PSF found")
    zero_point = attribute(float, "magnitude of one unit of flux", unit="mag")
    seeing = attribute(float, "FWHM of star-like sources", unit="arcsec")
    aperture_fraction = attribute(float, "part of the total flux in the main aperture")
    aperture_correction = attribute(float, "magnitude of total fluxes less that of fits of the PSF, taken away from these", unit="mag")
    error_scale = attribute(float, "scatter of empty apertures over what the variance says; flux errors were multiplied by it")
    limiting_magnitude = attribute(float, "magnitude of a point source of five standard deviations", unit="mag")
    footprint = attribute(str, "HEALPix cells it covers, as JSON")

    limits = (Limit("n_sources", flag=Flag.NO_SOURCES, at_least=1),)

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """The tile is that of the coadd."""
        return {**keys, "tile": keys.get("tile") or tile_of_field(keys)}

    def make(self) -> None:
        image, wcs = self.frame.image, self.frame.as_wcs()
        self.zero_point = self.frame.zero_point
        first, sky = self.look(self.frame)
        radii, fwhm = first.radii, first.fwhm
        others = self.detection_image()
        finder = first if others is None else self.look(others)[0]
        psf = finder.points.kernel(finder.fwhm) if self.psf_threshold > 0 else None
        found = extract(image.data, image.variance, image.mask, radii=radii, **self.options(image, sky), psf_kernel=psf,
                        psf_threshold=self.psf_threshold, detection=None if others is None else self.detection_on(others),
                        filter_type="conv", threshold=self.threshold)
        self.seeing, self.n_sources = first.seeing * wcs.pixel_scale, len(found)
        self.n_point_sources = int(np.count_nonzero(found["FLAGS"] & FLAG_FAINT))
        self.error_scale = self.measure_error_scale(image, sky, radii[2])
        totals = self.totals(found, image, radii, fwhm)
        fits_of, self.aperture_correction = first.points.columns(found, totals["FLUX_TOTAL"], self.zero_point, self.error_scale,
                                                                 np.hypot(self.flux_floor, self.shape_error(found, image, fwhm)))
        columns_of_sky = {**with_sky(found, wcs, self.zero_point), **totals, **fits_of, **coverages(found, image, radii[2])}
        meta = {"zero_point": self.zero_point, "filter": self.filter.name, "object": self.object}
        self._table = described(found, columns_of_sky, columns(radii), "count/s", {**TOTAL, **POINT_COLUMNS}, meta)
        corners = wcs.footprint(image.data.shape)
        self.footprint = json.dumps(Footprint.of_polygon(corners).to_json(), sort_keys=True)
        self.limiting_magnitude = self.five_sigma(image, radii[2])

    def options(self, image: Image, sky: Any) -> dict[str, Any]:
        """How sources of an image are found and measured, whatever the threshold."""
        return {"sky": sky, "weight": image.weight, "min_area": self.minimum_area, "deblend_levels": self.deblend_levels,
                "deblend_contrast": self.deblend_contrast}

    def look(self, frame: CoaddFrame) -> tuple[First, Any]:
        """What the bright sources of an image tell of its PSF, and its background."""
        image = frame.image
        assert image.mask is not None and image.variance is not None
        sky = background(image.data, image.mask & np.uint16(NO_WEIGHT), mesh=self.background_mesh)
        expected = (frame.seeing or math.nan) / frame.pixel_scale
        radii = radii_of(max(expected, 1.5) if math.isfinite(expected) else 3.0)
        bright = extract(image.data, image.variance, image.mask, threshold=max(self.threshold, 5.0), radii=radii, filter_type="matched",
                         **self.options(image, sky))
        width = seeing(bright).fwhm
        fwhm = width if math.isfinite(width) else expected
        points = PointFits.of(image, sky, frame.effective_gain, bright, radii, self.psf_degree)
        return First(width, fwhm, radii_of(max(fwhm, 1.5) if math.isfinite(fwhm) else 3.0), points), sky

    def detection_image(self) -> CoaddFrame | None:
        """The image that sources are found on, where it is not the one that is measured."""
        return None

    def detection_on(self, frame: CoaddFrame) -> Detection:
        """An image on the grid of the tile, as one to find sources on, pixel by pixel under the image that is measured."""
        image, (ny, nx) = frame.image, self.frame.image.data.shape
        assert image.mask is not None and image.weight is not None and image.variance is not None
        x0, y0 = self.frame.x0 - frame.x0, self.frame.y0 - frame.y0
        planes = (moved(image.data, x0, y0, (ny, nx), 0), moved(image.variance, x0, y0, (ny, nx), 0),
                  moved(image.mask, x0, y0, (ny, nx), int(Bit.NO_DATA)), moved(image.weight, x0, y0, (ny, nx), 0))
        return Detection(*planes)

    def measure_error_scale(self, image: Image, sky: Any, radius: float) -> float:
        """How much larger the scatter of empty apertures is than the variance says; 1 where there is no empty sky."""
        assert image.mask is not None and image.variance is not None
        occupied = sky.objects | ((image.mask & np.uint16(NO_WEIGHT)) != 0)
        ratio, _ = empty_aperture_ratio(image.data - sky.level, image.variance, occupied, radius)
        return float(np.clip(ratio, 0.5, 3.0)) if math.isfinite(ratio) else 1.0

    def shape_error(self, found: Any, image: Image, fwhm: float) -> Any:
        """The relative error of fluxes where a frame ends within a source.

        There the frames that go in change within the source, and with them the shape of the PSF.  The error is the variation of the
        coverage, weighted by the PSF, times the spread of the peaks of the frames' PSFs, times `EDGE`.
        """
        seeings = np.array([frame.seeing for frame in self.frame.frames if frame.seeing and math.isfinite(frame.seeing)])
        if image.coverage is None or len(seeings) < 2 or not math.isfinite(fwhm):
            return np.zeros(len(found))
        peaks = seeings**-2
        cover = image.coverage.astype(np.float32)
        mean, square = (scipy.ndimage.gaussian_filter(plane, fwhm / 2.355, mode="nearest") for plane in (cover, cover**2))
        x, y = pixel_of(found, image)
        varies = np.sqrt(np.maximum(square - mean**2, 0))[y, x] / np.maximum(mean[y, x], 1e-3)
        return np.asarray(EDGE * varies * float(np.std(peaks) / np.mean(peaks)), np.float64)

    def totals(self, found: Any, image: Image, radii: tuple[float, ...], fwhm: float) -> dict[str, Any]:
        """Total fluxes and magnitudes of point sources, by the curve of growth of the PSFs that are mixed at each."""
        curve = growth(found, radii)
        self.aperture_fraction = float(curve.fraction[2]) if math.isfinite(curve.fraction[2]) else TYPICAL_FRACTION
        curve.fraction[2] = self.aperture_fraction
        mixed = self.mixed(found, image, radii, curve.fraction, fwhm)
        known, bright = np.hypot(self.shape_error(found, image, fwhm), MIXTURE * (mixed - 1.0)), stars(found)
        curve.scatter[2] = variation(found[bright], 2, 4, mixed[bright], known[bright])
        flux, error = total_flux(found, curve)
        flux, error = flux / mixed, error / mixed
        relative = np.hypot(known, self.flux_floor)
        error = np.hypot(error * self.error_scale, relative * np.abs(flux))
        positive = np.where(flux > 0, flux, np.nan)
        return {"FLUX_TOTAL": flux, "FLUXERR_TOTAL": error, "MAG_TOTAL": self.zero_point - 2.5 * np.log10(positive),
                "MAGERR_TOTAL": POGSON * error / positive}

    def mixed(self, found: Any, image: Image, radii: tuple[float, ...], fraction: Any, fwhm: float) -> Any:
        """The part of its light that the main aperture holds at each source, over that part for the stars of the curve of growth."""
        bright = stars(found)
        if not math.isfinite(fwhm) or not len(bright):
            return np.ones(len(found))
        weights, seeings = self.weights_at(*pixel_of(found, image)), [frame.seeing / self.frame.pixel_scale for frame in self.frame.frames]
        part = mixed_fraction(weights, seeings, radii[2], radii, fraction, fwhm)
        return part / float(np.median(part[bright]))

    def weights_at(self, x: Any, y: Any) -> Any:
        """The weight of each frame of the coadd at some pixels of it; 0 where a frame does not reach."""
        found = []
        for frame in self.frame.frames:
            with fits.open(frame.path()) as hdus:
                plane = hdus["WEIGHT"].data
                column, row = x + self.frame.x0 - frame.x0, y + self.frame.y0 - frame.y0
                inside = (column >= 0) & (row >= 0) & (column < plane.shape[1]) & (row < plane.shape[0])
                found.append(np.where(inside, plane[np.where(inside, row, 0), np.where(inside, column, 0)], 0.0))
        return np.array(found)

    def five_sigma(self, image: Image, radius: float) -> float:
        """The magnitude of a point source whose flux is five times its error, where the coadd is as deep as its median."""
        assert image.variance is not None and image.weight is not None
        there = image.weight > 0
        if not there.any():
            return math.nan
        noise = math.sqrt(math.pi * radius**2 / float(np.median(image.weight[there]))) * self.error_scale / self.aperture_fraction
        return self.zero_point - 2.5 * math.log10(5.0 * noise)

    def contents(self) -> dict[str, Content]:
        """The table."""
        return {"catalogue": Content(table_bytes(self._table), ".parquet")}

    # ------------------------------------------------------------------ reading

    def table(self, columns: Iterable[str] | None = None) -> SourceTable:
        """All sources, or some of their columns."""
        with SourceFile(self.path("catalogue")) as file:
            return file.read(columns)

    @property
    def sources(self) -> SourceTable:
        """All sources; `.to_astropy()`, `.to_arrow()` and `.to_pandas()` turn them into other tables."""
        return self.table()

    def open(self) -> SourceFile:
        """The file of the table, of which only what is asked for is read."""
        return SourceFile(self.path("catalogue"))

    def cone(self, ra: float, dec: float, radius: float) -> SourceTable:
        """The sources within `radius` degrees."""
        with SourceFile(self.path("catalogue")) as file:
            return cone_search(file, ra, dec, radius)

    @staticmethod
    def cone_of(lists: Iterable[SourceList], ra: float, dec: float, radius: float) -> list[tuple[SourceList, SourceTable]]:
        """The sources of many lists within `radius` degrees: by footprint first, then by key."""
        there = {one.object_id: one for one in lists}
        listed = [Listed(name, Footprint.from_json(json.loads(one.footprint)), one.open) for name, one in there.items()]
        return [(there[name], table) for name, table in search_lists(listed, ra, dec, radius)]

    def forced_sources(self, ra: Any, dec: Any, sigma: float = 5.0) -> SourceTable:
        """Total fluxes of point sources at given positions (ICRS degrees) on the image, whether anything is there or not.

        As FLUX_TOTAL but for the mixture of PSFs; `MAGLIM_FORCED` is a limit of `sigma` errors.
        """
        ra, dec = positions_of(ra, dec)
        image, wcs = self.frame.image, self.frame.as_wcs()
        assert image.mask is not None and image.weight is not None
        fwhm = (self.seeing if math.isfinite(self.seeing or math.nan) else self.frame.seeing) / wcs.pixel_scale
        radius = radii_of(max(fwhm, 1.5))[MAIN_APERTURE]
        sky = background(image.data, image.mask & np.uint16(NO_WEIGHT), mesh=self.background_mesh)
        good = (image.weight > 0) & (image.mask & np.uint16(NO_WEIGHT) == 0)
        noise = np.divide(1.0, image.weight, out=np.zeros_like(image.weight), where=image.weight > 0)
        x, y = wcs.sky_to_pixel(ra, dec)
        found = forced_apertures(image.data - sky.level, noise, good, x, y, radius)
        flux = found.flux / self.aperture_fraction
        error = np.hypot(found.error * self.error_scale / self.aperture_fraction, self.flux_floor * np.abs(flux))
        flags = found.flags | np.where(self.has_neighbours(ra, dec, fwhm * wcs.pixel_scale, radius * wcs.pixel_scale), CROWDED, 0)
        return forced_table(ra, dec, flux, error, flags, zero_point=self.zero_point, exptime=1.0, unit="count/s", sigma=sigma)

    def has_neighbours(self, ra: Any, dec: Any, fwhm: float, radius: float) -> Any:
        """Whether a source of the list, other than one at the position itself, brings light into a circle there; arcsec."""
        table = self.table(("NUMBER",))
        near = match_all(ra, dec, table[table.ra], table[table.dec], radius + fwhm)
        return np.isin(np.arange(len(ra)), near.first[near.separation > 0.5 * fwhm])

    def casu(self, layout: int = 66) -> fits.BinTableHDU:
        """The table in a layout of CASU, of 32 or of 66 columns."""
        return casu_view(self.table(), layout)

    def export(self, path: Path | str, form: str | None = None) -> Path:
        """Write the table as FITS, VOTable, CSV, ECSV or Parquet, by the ending of the name or as `form` says."""
        return export(self.table(), Path(path), form)


def coverages(found: Any, image: Image, radius: float) -> dict[str, Any]:
    """How many frames were averaged at each source, and the fewest within `radius` pixels of it."""
    if image.coverage is None:
        return {}
    size = 2 * math.ceil(radius) + 1
    fewest = scipy.ndimage.minimum_filter(image.coverage, size, mode="nearest")
    x, y = pixel_of(found, image)
    return {"NEXP": image.coverage[y, x].astype(np.float64), "NEXP_MIN": fewest[y, x].astype(np.float64)}


def pixel_of(found: Any, image: Image) -> tuple[Any, Any]:
    """The pixel that each source is centred on, as indices of column and row."""
    ny, nx = image.data.shape
    return (np.clip(np.round(found["X_IMAGE"] - 1).astype(int), 0, nx - 1), np.clip(np.round(found["Y_IMAGE"] - 1).astype(int), 0, ny - 1))


def moved(plane: Any, x0: int, y0: int, shape: tuple[int, int], beyond: float) -> Any:
    """A part of a plane of `shape` from column `x0` and row `y0` on, either of which may be negative; `beyond` the plane."""
    found = np.full(shape, beyond, plane.dtype)
    (ny, nx), (height, width) = plane.shape, shape
    rows, columns_ = slice(max(y0, 0), max(min(y0 + height, ny), 0)), slice(max(x0, 0), max(min(x0 + width, nx), 0))
    part = plane[rows, columns_]
    found[rows.start - y0:rows.start - y0 + part.shape[0], columns_.start - x0:columns_.start - x0 + part.shape[1]] = part
    return found
