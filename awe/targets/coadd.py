"""CoaddFrame: all frames of a field, averaged."""
from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from awe.dataflow.limits import Limit
from awe.errors import NoRawDataError, PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.backmatch import KINDS, match_backgrounds
from awe.science.coadd import METHODS, Coadded, coadd
from awe.science.commonzero import common_zero_points
from awe.science.depth import limiting_magnitude
from awe.science.grid import Tile, Window, join, tile_of
from awe.science.layer import Layer
from awe.science.selection import Limits, Quality, reasons
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.raw import RawScienceFrame
from awe.targets.regridded import RegriddedFrame
from awe.targets.sections import Sections

#: Why a frame is left out that is named in `exclude`.
EXCLUDED = "excluded by who asked"
#: Pixels that a coadd may have: 2 GiB for each of its planes.
LARGEST = 1 << 29


class CoaddFrame(BaseFrame):
    """All regridded frames of one field and filter, averaged; with weight, coverage, width of the PSF, depth and zero point.

    Frames that are not good enough, by what its parameters ask, are left out, and why is written down.
    """

    plan_number = "636"
    version = 4
    unit = "count/s"

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    object = key(str, "name of the field, as the observers wrote it")
    tile = key(str, "name of the sky tile whose grid it is on")
    frames = depends_on_many(RegriddedFrame, "the frames that were averaged", one_per=RawScienceFrame,
                             same=("instrument", "filter", "object"), also=("tile",), is_open=True, at_least=1)

    combine_type = parameter("clipped", "how: clipped, weighted, trimmed (lowest and highest left out) or median", choices=METHODS)
    sigma_clip = parameter(4.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)
    trim = parameter(1, "how many lowest and how many highest values trimmed leaves out", at_least=0)
    zero_points = parameter("exposure", "solved for by frame, or common to the chips of an exposure whose flats have one level",
                            choices=("exposure", "frame"))
    allowance = parameter(0.7, "part of the local signal that is never clipped, for differing seeing", at_least=0.0)
    background_matching = parameter("none", "what brings frames to one level where they overlap: nothing, a constant or a plane for each",
                                    choices=("none", *KINDS))
    maximum_seeing = parameter(0.0, "frames with a wider PSF are left out; 0 asks nothing", unit="arcsec", at_least=0.0)
    maximum_extinction = parameter(0.0, "frames whose zero point is fainter than the best by more are left out; 0 asks nothing", unit="mag",
                                   at_least=0.0)
    maximum_zero_point_error = parameter(0.0, "frames whose zero point is less certain are left out; 0 asks nothing", unit="mag",
                                         at_least=0.0)
    maximum_astrometric_error = parameter(0.0, "frames with larger astrometric residuals are left out; 0 asks nothing", unit="arcsec",
                                          at_least=0.0)
    maximum_distance = parameter(5.0, "frames further from the middle of the tile are left out; 0 asks nothing", unit="deg", at_least=0.0)
    exclude = parameter("", "frames that are left out because one says so: EXPOSURE or EXPOSURE:CHIP, with ; between", was="")
    minimum_frames = parameter(1, "of fewer frames that are good enough nothing is made", at_least=1)

    depth = attribute(int, "number of frames averaged")
    n_left_out = attribute(int, "number of frames left out")
    left_out = attribute(str, "which frames were left out and why, as JSON")
    zero_point = attribute(float, "magnitude of one unit", unit="mag")
    zero_point_error = attribute(float, "standard error of the zero point: the mean of the exposures', which share stars", unit="mag")
    pixel_scale = attribute(float, "size of a pixel", unit="arcsec")
    x0 = attribute(int, "first column on the grid of the tile", unit="pix")
    y0 = attribute(int, "first row on the grid of the tile", unit="pix")
    seeing = attribute(float, "FWHM of the PSF, median over the image", unit="arcsec")
    seeing_best = attribute(float, "smallest FWHM of the PSF in the image", unit="arcsec")
    seeing_worst = attribute(float, "largest FWHM of the PSF in the image", unit="arcsec")
    limiting_magnitude = attribute(float, "magnitude of a point source at 5 sigma, median over the image", unit="mag")
    coverage = attribute(float, "median number of frames on a pixel that has any")
    rejected_fraction = attribute(float, "part of the values that was left out")
    effective_gain = attribute(float, "photo-electrons per unit, median")

    limits = (Limit("depth", flag=Flag.SHALLOW, at_least=1),)

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """The tile is the one that most of the field's exposures point at."""
        return {**keys, "tile": keys.get("tile") or tile_of_field(keys)}

    def make(self) -> None:
        frames = self.selected()
        self.pixel_scale = scale_of(frames, self.object)
        scales = self.solve_zero_points(frames)
        layers = self.matched([layer_of(frame, scale) for frame, scale in zip(frames, scales, strict=True)])
        window = join([layer.window for layer in layers])
        if window.nx * window.ny > LARGEST:
            raise PermanentError(f"the frames of {self.object} lie so far apart that a coadd would have {window.nx}x{window.ny} pixels; "
                                 "set CoaddFrame.maximum_distance to a smaller value, or ask for another tile")
        found = coadd(layers, combine=self.combine_type, clip=self.sigma_clip, allowance=self.allowance, trim=self.trim)
        if not (found.coverage > 0).any():
            raise PermanentError(f"none of the {len(frames)} frames of {self.object} has a pixel with weight: nothing to average; "
                                 "look at their masks and weights with inspect()")
        self.describe_coadd(found, frames, scales)
        self.image = Image(found.data, found.variance, found.weight, found.mask, found.coverage, found.fwhm, cards=self.cards(found.window))

    # ------------------------------------------------------------------ what goes in

    def selected(self) -> list[RegriddedFrame]:
        """The frames that are good enough; the others are written down."""
        limits = Limits(self.maximum_seeing, self.maximum_extinction, self.maximum_zero_point_error, self.maximum_astrometric_error,
                        self.maximum_distance)
        said = [EXCLUDED if is_excluded(frame, self.exclude) else "" for frame in self.frames]
        judged = iter(reasons([quality_of(frame) for frame, word in zip(self.frames, said, strict=True) if not word], limits))
        why = [word or next(judged) for word in said]
        left = [{"exposure": frame.exposure, "chip": frame.chip.name, "reason": reason}
                for frame, reason in zip(self.frames, why, strict=True) if reason]
        chosen = [frame for frame, reason in zip(self.frames, why, strict=True) if not reason]
        if len(chosen) < self.minimum_frames:
            told = "; ".join(f"{one['exposure']} {one['chip']}: {one['reason']}" for one in left[:5]) or "there are no more"
            raise PermanentError(f"{len(chosen)} of {len(self.frames)} frames of {self.object} are good enough for a coadd of at least "
                                 f"{self.minimum_frames}: {told}")
        self.n_left_out, self.left_out = len(left), json.dumps(left)
        if left:
            self.raise_flag(Flag.INPUTS_LEFT_OUT)
        return chosen

    def solve_zero_points(self, frames: Sequence[RegriddedFrame]) -> list[float]:
        """Factors that bring the frames to zero points common to all chips of an exposure, as their flats are to one level."""
        solutions = [frame.photometry for frame in frames]
        values, errors = (np.array([getattr(one, name) for one in solutions], np.float64) for name in ("zero_point", "error"))
        alone = [self.zero_points == "frame" or one.mode != "absolute" or one.reduced.flat is None for one in solutions]
        common, spread = common_zero_points([one.exposure for one in solutions], values, np.where(alone, np.nan, errors))
        self.zero_point_error = float(np.mean(np.nan_to_num(np.where(alone, errors, spread))))
        return [float(10.0 ** (0.4 * (own - value))) for own, value in zip(values, common, strict=True)]

    def matched(self, layers: list[Layer]) -> list[Layer]:
        """The frames, brought to one background where that is asked for."""
        if self.background_matching == "none":
            return layers
        found = match_backgrounds(layers, self.background_matching)
        return [replace(layer, background=own) for layer, own in zip(layers, found, strict=True)]

    # ------------------------------------------------------------------ what comes out

    def describe_coadd(self, found: Coadded, frames: Sequence[RegriddedFrame], scales: Sequence[float]) -> None:
        """What can be asked of the coadd afterwards."""
        self.depth, self.zero_point = len(frames), frames[0].target_zero_point
        self.x0, self.y0 = found.window.x0, found.window.y0
        there = found.coverage > 0
        self.coverage = float(np.median(found.coverage[there]))
        used, lost = int(found.coverage.sum()), int(found.rejected.sum())
        self.rejected_fraction = lost / max(used + lost, 1)
        self.effective_gain = float(np.median([1.0 / (frame.flux_scale * scale) for frame, scale in zip(frames, scales, strict=True)])
                                    * max(self.coverage, 1.0))
        widths = found.fwhm[np.isfinite(found.fwhm)]
        if len(widths):
            self.seeing, self.seeing_best, self.seeing_worst = float(np.median(widths)), float(widths.min()), float(widths.max())
        noise, width = 1.0 / float(np.median(found.weight[there])), (self.seeing or math.nan) / self.pixel_scale
        depth = limiting_magnitude(noise, width, self.zero_point)
        self.limiting_magnitude = depth if math.isfinite(depth) else None  # type: ignore[assignment]
        for frame in frames:
            self.quality_flags = (self.quality_flags or 0) | (int(frame.quality_flags) & int(Flag.RELATIVE_ASTROMETRY | Flag.NO_ZEROPOINT))
        if self.combine_type == "clipped" and self.depth < 3:
            self.raise_flag(Flag.UNCLIPPED)

    def cards(self, window: Window) -> dict[str, Any]:
        """The header."""
        return {"INSTRUME": self.instrument.name, "FILTER": self.filter.name, "OBJECT": self.object, "TILE": self.tile,
                "MAGZERO": self.zero_point, "EXPTIME": 1.0, "GAIN": self.effective_gain, "NCOMBINE": self.depth,
                "SEEING": self.seeing, "MAGLIM": self.limiting_magnitude, **self.as_wcs(window).cards()}

    def as_wcs(self, window: Window | None = None) -> Any:
        """The WCS of the image."""
        ny, nx = (window.ny, window.nx) if window else self.image.data.shape
        return Tile(self.tile).wcs(self.pixel_scale, window or Window(self.x0, self.y0, nx, ny))


def scale_of(frames: Sequence[RegriddedFrame], field: str) -> float:
    """The size of the pixels of all frames."""
    sizes = sorted({frame.scale for frame in frames})
    if len(sizes) > 1:
        raise PermanentError(f"the frames of {field} have pixels of {' and '.join(f'{size:g}' for size in sizes)} arcsec; "
                             "set RegriddedFrame.pixel_scale to one of them")
    return float(sizes[0])


def quality_of(frame: RegriddedFrame) -> Quality:
    """What is known of a frame."""
    photometry, astrometry, (ra, dec) = frame.photometry, frame.astrometry, Tile(frame.tile).centre
    absolute = photometry.mode == "absolute"
    north, south = math.radians(astrometry.dec), math.radians(dec)
    half = math.sin((north - south) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(math.radians(astrometry.ra - ra) / 2) ** 2
    return Quality(known(frame.seeing), known(photometry.zero_point if absolute else None), known(photometry.error if absolute else None),
                   known(astrometry.rms), math.degrees(2 * math.asin(min(1.0, math.sqrt(half)))))


def known(value: float | None) -> float:
    """A number, NaN where there is none."""
    return math.nan if value is None else float(value)


def layer_of(frame: RegriddedFrame, scale: float) -> Layer:
    """A frame that is read from its file part by part, so that none is ever in memory as a whole."""
    sections = Sections.of(frame.path())
    ny, nx = sections.shape
    window = Window(frame.x0, frame.y0, nx, ny)
    return Layer(window, functools.partial(sections.layer_planes, window), scale, fwhm=known(frame.seeing))


def is_excluded(frame: RegriddedFrame, named: str) -> bool:
    """Whether a frame is among those that are named, by its exposure or by exposure and chip."""
    words = {word.strip() for word in named.split(";")}
    return frame.exposure in words or f"{frame.exposure}:{frame.chip.name}" in words


def tile_of_field(keys: Mapping[str, Any]) -> str:
    """The tile that most exposures of a field point at, of the tiling of the instrument; one far from any sky where nobody knows where."""
    query = (RawScienceFrame.object == keys["object"]) & (RawScienceFrame.is_valid > 0)
    for name in ("instrument", "filter"):
        if name in keys:
            query = query & (getattr(RawScienceFrame, name).name == keys[name])
    pointings = [(ra, dec) for ra, dec in query.values("ra", "dec") if ra is not None and dec is not None]
    if not len(query):
        raise NoRawDataError(f"no RawScienceFrame is of {keys['object']!r}; `awe query \"RawScienceFrame.is_valid > 0\" --columns object` "
                             "shows what there is")
    tiling = tiling_of_instrument(keys.get("instrument"))
    tiles = [tile_of(ra, dec, tiling) for ra, dec in pointings] or [tile_of(0.0, 0.0, tiling)]
    return max(sorted(set(tiles)), key=tiles.count)


def tiling_of_instrument(name: Any) -> str:
    """The tiling that an instrument file asks for, by its newest valid version; rings where it says nothing."""
    newest = ((Instrument.name == str(name)) & (Instrument.is_valid > 0)).order_by("-creation_date")[:1] if name else []
    return newest[0].definition.tiling if newest else "rings"
