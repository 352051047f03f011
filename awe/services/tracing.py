"""Where one position of the sky lies on every frame below a source list: the pixel, followed through each step back to the raw data."""
from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from astropy.io import fits

from awe.persist.lineage import name_of_class
from awe.science.grid import Tile, Window
from awe.targets import CoaddFrame, RegriddedFrame, SourceList

#: The calibrations of a reduced frame that share its pixels, in the order in which they are applied.
CALIBRATIONS = ("bias", "dark", "flat", "hot", "cold", "sky", "fringe")


@dataclass(frozen=True)
class Place:
    """One frame, the step it stands for, and where the position lies on it: 0-based pixels."""

    step: str
    frame: Any
    x: float
    y: float
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"step": self.step, "class": name_of_class(self.frame), "object_id": self.frame.object_id, "x": round(self.x, 2),
                "y": round(self.y, 2), "note": self.note}


def places(sources: SourceList, ra: float, dec: float) -> list[Place]:
    """Every frame below a list that holds the position, each once: the coadd, then exposure by exposure down to the raw frames."""
    found: dict[str, Place] = {}
    for place in walk(sources.frame, ra, dec):
        found.setdefault(place.frame.object_id, place)
    return list(found.values())


def walk(coadd: CoaddFrame, ra: float, dec: float) -> Iterator[Place]:
    """All frames in order, some of them several times."""
    x, y = coadd.as_wcs(Window(coadd.x0, coadd.y0, 1, 1)).sky_to_pixel(ra, dec)
    yield Place("coadd", coadd, float(x), float(y))
    for frame in coadd.frames:
        place = frame.astrometry.as_wcs().sky_to_pixel(ra, dec)
        if is_on(frame, float(place[0]), float(place[1])):
            x, y = Tile(frame.tile).wcs(frame.scale, Window(frame.x0, frame.y0, 1, 1)).sky_to_pixel(ra, dec)
            yield Place("regridded", frame, float(x), float(y), frame.exposure)
            yield from below(frame, float(place[0]), float(place[1]))


def below(frame: RegriddedFrame, x: float, y: float) -> Iterator[Place]:
    """The reduced frame, its raw frame and its calibrations: they share their pixels."""
    reduced = frame.reduced
    yield Place("reduced", reduced, x, y, reduced.exposure)
    yield Place("raw", reduced.raw, x, y, in_file(reduced.raw.amplifier_list, x, y))
    for slot in CALIBRATIONS:
        calibration = getattr(reduced, slot, None)
        if calibration is not None:
            yield Place(slot, calibration, x, y)


def is_on(frame: RegriddedFrame, x: float, y: float) -> bool:
    """Whether a pixel is one of the chip's.

    The database knows where its amplifiers lie; of a frame that was reduced elsewhere it may not, and the header is read.
    """
    if not (math.isfinite(x) and math.isfinite(y)):
        return False
    amplifiers = frame.reduced.raw.amplifier_list
    if amplifiers:
        ny, nx = max(one["position"][1] for one in amplifiers), max(one["position"][3] for one in amplifiers)
    else:
        with fits.open(frame.reduced.path("image")) as hdus:
            ny, nx = hdus[0].shape
    return bool(-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5)


def in_file(amplifiers: Iterable[dict[str, Any]], x: float, y: float) -> str:
    """Which pixel of the file as it was read out, 1-based as FITS counts, holds one of the assembled chip."""
    column, row = round(x), round(y)
    for one in amplifiers:
        y0, y1, x0, x1 = one["position"]
        if y0 <= row < y1 and x0 <= column < x1:
            down, across = row - y0, column - x0
            if one.get("flip_y"):
                down = y1 - y0 - 1 - down
            if one.get("flip_x"):
                across = x1 - x0 - 1 - across
            if one.get("transpose"):
                down, across = across, down
            return f"amplifier {one['name']}, HDU {one['hdu']}, pixel {one['data'][2] + across + 1}, {one['data'][0] + down + 1}"
    return "beyond the chip"
