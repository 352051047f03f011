"""CoaddFrame: all frames of a field, averaged."""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from astropy.io import fits

from awe.dataflow.limits import Limit
from awe.errors import NoRawDataError, PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.coadd import Layer, coadd
from awe.science.commonzero import common_zero_points
from awe.science.grid import Tile, Window, tile_of
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image, native
from awe.targets.instrument import Instrument
from awe.targets.raw import RawScienceFrame
from awe.targets.regridded import RegriddedFrame


class CoaddFrame(BaseFrame):
    """All regridded frames of one field and filter, averaged with outliers left out; weight, coverage and zero point with it."""

    plan_number = "636"
    version = 2
    unit = "count/s"

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    object = key(str, "name of the field, as the observers wrote it")
    tile = key(str, "name of the sky tile whose grid it is on")
    frames = depends_on_many(RegriddedFrame, "the frames that were averaged", one_per=RawScienceFrame,
                             same=("instrument", "filter", "object"), also=("tile",), is_open=True, at_least=1)

    combine_type = parameter("clipped", "how: clipped, weighted or median", choices=("clipped", "weighted", "median"))
    sigma_clip = parameter(4.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)
    zero_points = parameter("exposure", "solved for by frame, or common to the chips of an exposure whose flats have one level",
                            choices=("exposure", "frame"))
    allowance = parameter(0.7, "part of the local signal that is never clipped, for differing seeing", at_least=0.0)

    depth = attribute(int, "number of frames averaged")
    zero_point = attribute(float, "magnitude of one unit", unit="mag")
    zero_point_error = attribute(float, "standard error of the zero point: the mean of the exposures', which share stars", unit="mag")
    pixel_scale = attribute(float, "size of a pixel", unit="arcsec")
    x0 = attribute(int, "first column on the grid of the tile", unit="pix")
    y0 = attribute(int, "first row on the grid of the tile", unit="pix")
    seeing = attribute(float, "median FWHM of the frames", unit="arcsec")
    coverage = attribute(float, "median number of frames on a pixel that has any")
    rejected_fraction = attribute(float, "part of the values that was left out")
    effective_gain = attribute(float, "photo-electrons per unit, median")

    limits = (Limit("depth", flag=Flag.SHALLOW, at_least=1),)

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """The tile is the one that most of the field's exposures point at."""
        return {**keys, "tile": keys.get("tile") or tile_of_field(keys)}

    def make(self) -> None:
        sizes = sorted({frame.scale for frame in self.frames})
        if len(sizes) > 1:
            raise PermanentError(f"the frames of {self.object} have pixels of {' and '.join(f'{size:g}' for size in sizes)} arcsec; "
                                 "set RegriddedFrame.pixel_scale to one of them")
        self.pixel_scale = sizes[0]
        with contextlib.ExitStack() as opened:
            scales = self.solve_zero_points()
            layers = [Layer(window_of(frame), reader(opened, frame), scale) for frame, scale in zip(self.frames, scales, strict=True)]
            found = coadd(layers, combine=self.combine_type, clip=self.sigma_clip, allowance=self.allowance)
        self.depth, self.zero_point = len(self.frames), self.frames[0].target_zero_point
        self.x0, self.y0 = found.window.x0, found.window.y0
        self.seeing = float(np.median([frame.seeing for frame in self.frames]))
        there = found.coverage > 0
        self.coverage = float(np.median(found.coverage[there])) if there.any() else 0.0
        used = int(found.coverage.sum())
        self.rejected_fraction = int(found.rejected.sum()) / max(used + int(found.rejected.sum()), 1)
        gains = [1.0 / (frame.flux_scale * scale) for frame, scale in zip(self.frames, scales, strict=True)]
        self.effective_gain = float(np.median(gains) * max(self.coverage, 1.0))
        for frame in self.frames:
            self.quality_flags = (self.quality_flags or 0) | (int(frame.quality_flags) & int(Flag.RELATIVE_ASTROMETRY | Flag.NO_ZEROPOINT))
        self.image = Image(found.data, found.variance, found.weight, found.mask, found.coverage, self.cards(found.window))

    def solve_zero_points(self) -> list[float]:
        """Factors that bring the frames to zero points common to all chips of an exposure, as their flats are to one level."""
        solutions = [frame.photometry for frame in self.frames]
        values, errors = (np.array([getattr(one, name) for one in solutions], np.float64) for name in ("zero_point", "error"))
        alone = [self.zero_points == "frame" or one.mode != "absolute" or one.reduced.flat is None for one in solutions]
        common, spread = common_zero_points([one.exposure for one in solutions], values, np.where(alone, np.nan, errors))
        self.zero_point_error = float(np.mean(np.nan_to_num(np.where(alone, errors, spread))))
        return [float(10.0 ** (0.4 * (own - value))) for own, value in zip(values, common, strict=True)]

    def cards(self, window: Window) -> dict[str, Any]:
        """The header."""
        return {"INSTRUME": self.instrument.name, "FILTER": self.filter.name, "OBJECT": self.object, "TILE": self.tile,
                "MAGZERO": self.zero_point, "EXPTIME": 1.0, "GAIN": self.effective_gain, "NCOMBINE": self.depth,
                "SEEING": self.seeing, **self.as_wcs(window).cards()}

    def as_wcs(self, window: Window | None = None) -> Any:
        """The WCS of the image."""
        ny, nx = (window.ny, window.nx) if window else self.image.data.shape
        return Tile(self.tile).wcs(self.pixel_scale, window or Window(self.x0, self.y0, nx, ny))


def tile_of_field(keys: Mapping[str, Any]) -> str:
    """The tile that most exposures of a field point at; one far from any sky where nobody knows where they point."""
    query = (RawScienceFrame.object == keys["object"]) & (RawScienceFrame.is_valid > 0)
    for name in ("instrument", "filter"):
        if name in keys:
            query = query & (getattr(RawScienceFrame, name).name == keys[name])
    pointings = [(ra, dec) for ra, dec in query.values("ra", "dec") if ra is not None and dec is not None]
    if not len(query):
        raise NoRawDataError(f"no RawScienceFrame is of {keys['object']!r}; `awe query \"RawScienceFrame.is_valid > 0\" --columns object` "
                             "shows what there is")
    if not pointings:
        return tile_of(0.0, 0.0)
    tiles = [tile_of(ra, dec) for ra, dec in pointings]
    return max(sorted(set(tiles)), key=tiles.count)


def window_of(frame: RegriddedFrame) -> Window:
    """Where a frame lies on the grid, from its header alone."""
    with fits.open(frame.path()) as hdus:
        ny, nx = hdus[0].shape
    return Window(frame.x0, frame.y0, nx, ny)


def reader(opened: contextlib.ExitStack, frame: RegriddedFrame) -> Callable[[int, int], tuple[Any, Any, Any, Any]]:
    """Reads rows of a frame from its file, so that no frame is ever in memory as a whole."""
    hdus = opened.enter_context(fits.open(frame.path(), memmap=False))

    def read(y0: int, y1: int) -> tuple[Any, Any, Any, Any]:
        data, variance, weight = (native(hdus[which].section[y0:y1, :]) for which in (0, "VARIANCE", "WEIGHT"))
        return data, variance, weight, native(hdus["MASK"].section[y0:y1, :]).astype(np.uint16)
    return read
