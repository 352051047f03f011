"""A fixed tiling of the sky, so that frames regridded at different times share their pixels exactly.

The sky is cut into rings of declination one degree high, from south (ring 000) to north (ring 179); a ring is cut into
equal tiles at most one degree wide on the sky, counted eastward from right ascension 0. The name ``t126-200`` is ring
and number. A tile carries a tangent (TAN, ICRS, north up, east left) pixel grid of any pixel scale, whose pixel (0, 0)
is centred on the middle of the tile and which has no border: images are integer windows on it, with negative indices
allowed. A field that straddles tiles is put on the grid of the tile that holds its centre; a degree off the tangent
point the area of a pixel differs by 5e-4.
"""
from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awe.errors import UnknownNameError
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
RINGS = 180
HEIGHT = 180.0 / RINGS
_NAME = re.compile(r"^t(\d{3})-(\d{3})$")


class Window(NamedTuple):
    """An integer rectangle on the unbounded pixel grid of a tile: its first pixel and its size."""

    x0: int
    y0: int
    nx: int
    ny: int

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx), as arrays have it."""
        return self.ny, self.nx

    @property
    def is_empty(self) -> bool:
        """True where there is no pixel in it."""
        return self.nx <= 0 or self.ny <= 0

    def union(self, other: Window) -> Window:
        """Return the smallest window that holds both."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        x0, y0 = min(self.x0, other.x0), min(self.y0, other.y0)
        return Window(x0, y0, max(self.x0 + self.nx, other.x0 + other.nx) - x0,
                      max(self.y0 + self.ny, other.y0 + other.ny) - y0)

    def intersection(self, other: Window) -> Window:
        """Return what both hold; empty (nx or ny 0) where they do not meet."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Window(x0, y0, max(min(self.x0 + self.nx, other.x0 + other.nx) - x0, 0),
                      max(min(self.y0 + self.ny, other.y0 + other.ny) - y0, 0))

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Return the slices of an array over `outer` that hold this window."""
        x, y = self.x0 - outer.x0, self.y0 - outer.y0
        return slice(y, y + self.ny), slice(x, x + self.nx)


@dataclass(frozen=True, order=True)
class Tile:
    """One tile of the sky.

    Parameters
    ----------
    name : str
        Such as ``t126-200``. Raises `UnknownNameError` for a name that is no tile.
    """

    name: str

    def __post_init__(self) -> None:
        found = _NAME.match(self.name)
        if not found or int(found[1]) >= RINGS or int(found[2]) >= tiles_in_ring(int(found[1])):
            raise UnknownNameError(f"{self.name!r} is no sky tile; names are tRRR-NNN with ring 000-179 from the south "
                                   "and NNN below the number of tiles in that ring; tile_of(ra, dec) gives one")

    @property
    def ring(self) -> int:
        """Number of the declination ring, from the south."""
        return int(self.name[1:4])

    @property
    def number(self) -> int:
        """Number within the ring, eastward from right ascension 0."""
        return int(self.name[5:8])

    @property
    def centre(self) -> tuple[float, float]:
        """Right ascension and declination of the middle, ICRS degrees: the tangent point of its grid."""
        return (self.number + 0.5) * 360.0 / tiles_in_ring(self.ring), -90.0 + (self.ring + 0.5) * HEIGHT

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Its own part of the sky: (ra from, ra to, dec from, dec to) in degrees; the sum of tiles is the sky."""
        width = 360.0 / tiles_in_ring(self.ring)
        south = -90.0 + self.ring * HEIGHT
        return self.number * width, (self.number + 1) * width, south, south + HEIGHT

    def grid(self, scale: float) -> Wcs:
        """Return the WCS of the unbounded grid with `scale` arcseconds per pixel; pixel (0, 0) is on the centre."""
        return Wcs.tangent(*self.centre, scale)

    def wcs(self, scale: float, window: Window) -> Wcs:
        """Return the WCS of an image over `window`."""
        return self.grid(scale).trimmed(window.x0, window.y0)

    def window(self, scale: float, footprint: ArrayLike, *, margin: int = 0) -> Window:
        """Return the smallest window that holds positions on the sky.

        Parameters
        ----------
        scale : float
            Arcseconds per pixel of the grid.
        footprint : array (n, 2)
            ICRS degrees, as `Wcs.footprint` gives them (several points per side where borders curve).
        margin : int
            Pixels added on every side.

        Raises
        ------
        ValueError
            A position is 90 degrees or more from the tile.
        """
        points = np.asarray(footprint, np.float64).reshape(-1, 2)
        x, y = self.grid(scale).sky_to_pixel(points[:, 0], points[:, 1])
        if not np.all(np.isfinite(x)) or not len(x):
            raise ValueError(f"asked for the window of a footprint on tile {self.name}: part of it is not on the "
                             "tile's half of the sky; choose the tile by tile_of of its centre")
        x0, y0 = (math.floor(float(v.min()) + 0.5 - 1e-6) - margin for v in (x, y))
        x1, y1 = (math.ceil(float(v.max()) - 0.5 + 1e-6) + margin for v in (x, y))
        return Window(x0, y0, max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1))


def tiles_in_ring(ring: int) -> int:
    """Return the number of tiles in a ring: as many as keep a tile at most a degree wide at its widest."""
    widest = max(math.cos(math.radians(-90.0 + edge * HEIGHT)) for edge in (ring, ring + 1))
    return max(math.ceil(360.0 * widest / HEIGHT - 1e-9), 1)


def tile_of(ra: float, dec: float) -> str:
    """Return the name of the tile that holds a position (ICRS degrees; any right ascension, |dec| <= 90).

    Borders belong to the northern and the eastern tile. Raises `ValueError` for a declination that is none.
    """
    if not (math.isfinite(ra) and -90.0 <= dec <= 90.0):
        raise ValueError(f"asked for the sky tile at ra {ra}, dec {dec}: a finite ra and a dec "
                         "within 90 degrees are due")
    ring = min(int((dec + 90.0) / HEIGHT), RINGS - 1)
    count = tiles_in_ring(ring)
    return f"t{ring:03d}-{int((ra % 360.0) / 360.0 * count) % count:03d}"


def tiles_within(ra: float, dec: float, radius: float) -> list[str]:
    """Return the names of the tiles that a cone touches (degrees); a few neighbours more do no harm."""
    names: set[str] = set()
    for ring in range(max(int((dec - radius + 90.0) / HEIGHT), 0),
                      min(int((dec + radius + 90.0) / HEIGHT), RINGS - 1) + 1):
        count = tiles_in_ring(ring)
        cos_dec = math.cos(math.radians(min(abs(dec) + radius, 90.0)))
        half = 180.0 if cos_dec <= math.sin(math.radians(min(radius, 90.0))) else math.degrees(
            math.asin(math.sin(math.radians(radius)) / math.cos(math.radians(dec))))
        first, last = (math.floor((ra + side * half) / 360.0 * count) for side in (-1, 1))
        names.update(f"t{ring:03d}-{n % count:03d}" for n in range(first, min(last, first + count - 1) + 1))
    return sorted(names)


def join(windows: Sequence[Window]) -> Window:
    """Return the smallest window that holds all `windows`; empty where there are none."""
    total = Window(0, 0, 0, 0)
    for window in windows:
        total = total.union(window)
    return total
