"""Tilings of the sky, so that frames regridded at different times share their pixels exactly.

A tile carries a tangent (TAN, ICRS, north up, east left) pixel grid of any pixel scale, whose pixel (0, 0) is centred on the tile's
tangent point and which has no border: images are integer windows on it, with negative indices allowed. A field that straddles tiles is
put on the grid of the tile that holds its centre; a degree off the tangent point the area of a pixel differs by 5e-4.

The name of a tile says all about it:

``t126-200``
    tiling ``rings``, as long as nothing else is said: the sky is cut into 180 rings of declination one degree high, from south (ring
    000) to north (ring 179), and a ring into equal tiles at most one degree wide, counted eastward from right ascension 0.
``t720r505-1100``
    the same with another number of rings: tiling ``rings:720``.
``h64-12345``
    a pixel of HEALPix in the ring scheme: tiling ``healpix:64``, by its nside.
``p150.1163+2.2058``
    a tangent point of one's own, in degrees; these are no tiling, but named in a request.
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
from awe.science import healpix
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
RINGS = 180
LARGEST = 100_000
"""Rings, or nside, of the finest tiling."""
_TILING = re.compile(r"(rings|healpix)(?::([1-9]\d{0,5}))?")
_NAMES = {"rings": re.compile(r"t(?:([1-9]\d{0,5})r)?(\d{3,6})-(\d{3,6})"), "healpix": re.compile(r"h([1-9]\d{0,5})-(\d{1,12})"),
          "point": re.compile(r"p(\d{1,3}(?:\.\d{1,8})?)([+-]\d{1,2}(?:\.\d{1,8})?)")}


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
        Such as ``t126-200``; see the module. Raises `UnknownNameError` for a name that is no tile.
    """

    name: str

    def __post_init__(self) -> None:
        try:
            self.centre  # noqa: B018 - looked at so that names are refused here, and not where they are used
        except ValueError:
            raise UnknownNameError(f"{self.name!r} is no sky tile; names are tRRR-NNN with ring 000-179 from the south and NNN below the "
                                   "number of tiles in that ring, t720rRRR-NNN with 720 rings, hNSIDE-PIXEL, or p150.1163+2.2058 for a "
                                   "tangent point; tile_of(ra, dec) gives one") from None

    @property
    def tiling(self) -> str:
        """The tiling that it belongs to; ``point`` for a tangent point of one's own."""
        kind, numbers = _parsed(self.name)
        return f"{kind}:{numbers[0]}" if kind == "healpix" or (kind == "rings" and numbers[0] != RINGS) else kind

    @property
    def centre(self) -> tuple[float, float]:
        """Right ascension and declination of the tangent point of its grid, ICRS degrees."""
        kind, numbers = _parsed(self.name)
        if kind == "point":
            return float(numbers[0]), float(numbers[1])
        if kind == "healpix":
            return healpix.middle_of(*map(int, numbers))
        west, east, south, north = _bounds(*map(int, numbers))
        return (west + east) / 2.0, (south + north) / 2.0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Of a tile of rings, its own part of the sky: (ra from, ra to, dec from, dec to) in degrees; the sum of tiles is the sky."""
        kind, numbers = _parsed(self.name)
        if kind != "rings":
            raise UnknownNameError(f"{self.name} has no bounds in right ascension and declination; tiles of rings do")
        return _bounds(*map(int, numbers))

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


def _parsed(name: str) -> tuple[str, tuple[float, ...]]:
    """Return the kind of a tile and its numbers; ValueError where there is no such tile."""
    for kind, pattern in _NAMES.items():
        found = pattern.fullmatch(name)
        if found is None:
            continue
        if kind == "point":
            numbers: tuple[float, ...] = (float(found[1]), float(found[2]))
            if numbers[0] < 360.0 and abs(numbers[1]) <= 90.0:
                return kind, numbers
        elif kind == "healpix":
            nside, pixel = int(found[1]), int(found[2])
            if nside <= LARGEST and pixel < 12 * nside**2:
                return kind, (nside, pixel)
        else:
            rings, ring, number = int(found[1] or RINGS), int(found[2]), int(found[3])
            if rings <= LARGEST and ring < rings and number < tiles_in_ring(ring, rings) and name == _ring_name(rings, ring, number):
                return kind, (rings, ring, number)
    raise ValueError(name)


def _ring_name(rings: int, ring: int, number: int) -> str:
    """Return the name of a tile of rings."""
    return f"t{ring:03d}-{number:03d}" if rings == RINGS else f"t{rings}r{ring:03d}-{number:03d}"


def _bounds(rings: int, ring: int, number: int) -> tuple[float, float, float, float]:
    """Return the part of the sky of a tile of rings."""
    height, width = 180.0 / rings, 360.0 / tiles_in_ring(ring, rings)
    return number * width, (number + 1) * width, -90.0 + ring * height, -90.0 + (ring + 1) * height


def tiles_in_ring(ring: int, rings: int = RINGS) -> int:
    """Return the number of tiles in a ring: as many as keep a tile at its widest at most as wide as it is high."""
    height = 180.0 / rings
    widest = max(math.cos(math.radians(-90.0 + edge * height)) for edge in (ring, ring + 1))
    return max(math.ceil(360.0 * widest / height - 1e-9), 1)


def tile_of(ra: float, dec: float, tiling: str = "rings") -> str:
    """Return the name of the tile that holds a position (ICRS degrees; any right ascension, |dec| <= 90).

    Borders belong to the northern and the eastern tile. Raises `ValueError` for a declination that is none, `UnknownNameError`
    for a tiling that is none.
    """
    if not (math.isfinite(ra) and -90.0 <= dec <= 90.0):
        raise ValueError(f"asked for the sky tile at ra {ra}, dec {dec}: a finite ra and a dec "
                         "within 90 degrees are due")
    kind, size = tiling_of(tiling)
    if kind == "healpix":
        return f"h{size}-{healpix.pixel_of(size, ra, dec)}"
    ring = min(int((dec + 90.0) * size / 180.0), size - 1)
    count = tiles_in_ring(ring, size)
    return _ring_name(size, ring, int((ra % 360.0) / 360.0 * count) % count)


def tiling_of(text: str) -> tuple[str, int]:
    """Return the kind and the size of a tiling: ``rings``, ``rings:720``, ``healpix:64``; `UnknownNameError` where there is none."""
    found = _TILING.fullmatch(text)
    if found is None or (found[1] == "healpix" and not found[2]) or int(found[2] or 1) > LARGEST:
        raise UnknownNameError(f"{text!r} is no tiling of the sky; there are rings, rings:NUMBER and healpix:NSIDE, up to {LARGEST}")
    return found[1], int(found[2] or RINGS)


def tiles_within(ra: float, dec: float, radius: float) -> list[str]:
    """Return the names of the tiles of ``rings`` that a cone touches (degrees); a few neighbours more do no harm."""
    names: set[str] = set()
    height = 180.0 / RINGS
    for ring in range(max(int((dec - radius + 90.0) / height), 0),
                      min(int((dec + radius + 90.0) / height), RINGS - 1) + 1):
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
