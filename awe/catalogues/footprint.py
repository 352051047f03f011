"""Where on the sky something lies: a set of HEALPix cells of one order, kept as sorted ranges (a MOC)."""
from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import hpgeom
import numpy as np
import numpy.typing as npt

from awe.catalogues.sky import ORDER, Keys, check_positions
from awe.errors import CatalogueError

DEFAULT_ORDER = 11
"""Cells of 1.7 arcmin: coarse enough to be few, fine enough for one detector."""
COARSEST = 7
"""Cells of 27 arcmin, the largest that stand for the coverage of a sparse catalogue."""
PADDING = 2e-5
"""Degrees (0.07 arcsec) added in quadrature to radii."""


@dataclass(frozen=True, eq=False)
class Footprint:
    """Nested HEALPix cells of one order as half-open ranges, int64 of shape (n, 2), sorted, disjoint, not touching."""

    order: int
    ranges: Keys = field(repr=False)

    def __post_init__(self) -> None:
        """Sort and merge the ranges."""
        if not 0 <= self.order <= ORDER:
            raise CatalogueError(f"a footprint of order {self.order} was asked; the order is 0 to {ORDER}")
        object.__setattr__(self, "ranges", _merged(np.asarray(self.ranges, dtype=np.int64).reshape(-1, 2)))

    @classmethod
    def of_positions(cls, ra: npt.ArrayLike, dec: npt.ArrayLike, order: int = DEFAULT_ORDER) -> Footprint:
        """Return the cells that hold at least one of the positions (degrees)."""
        ra, dec = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
        check_positions(ra, dec)
        cells = np.unique(hpgeom.angle_to_pixel(2**order, ra, dec, nest=True))
        return cls(order, np.column_stack([cells, cells + 1]))

    @classmethod
    def coverage(
        cls, ra: npt.ArrayLike, dec: npt.ArrayLike, finest: int = DEFAULT_ORDER, per_cell: float = 8.0
    ) -> Footprint:
        """Return what a list of sources covers: cells so large that those in use hold `per_cell` sources on average.

        With fewer, cells between two sources would look as if nobody had observed there. Cells are never larger than half
        a degree, so that single fields far apart stay single fields.
        """
        cells = cls.of_positions(ra, dec, finest)
        count = np.size(ra)
        while cells.order > min(COARSEST, finest) and len(cells) * per_cell > count:
            cells = cells.at_order(cells.order - 1)
        return cells

    @classmethod
    def of_polygon(
        cls, corners: Sequence[tuple[float, float]] | npt.NDArray[np.float64], order: int = DEFAULT_ORDER
    ) -> Footprint:
        """Return the cells that overlap a convex polygon of (RA, Dec) corners in degrees, in either sense of rotation."""
        points = np.asarray(corners, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise CatalogueError(f"a polygon of shape {points.shape} was given; give at least three (RA, Dec) corners")
        check_positions(points[:, 0], points[:, 1])
        try:
            ranges = hpgeom.query_polygon(
                2**order, points[:, 0], points[:, 1], inclusive=True, fact=_fact(order), return_pixel_ranges=True)
        except (ValueError, RuntimeError) as error:
            raise CatalogueError(f"polygon {points.tolist()} is not convex, or has no area: {error}") from error
        return cls(order, ranges)

    @classmethod
    def of_cone(cls, ra: float, dec: float, radius: float, order: int = DEFAULT_ORDER) -> Footprint:
        """Return the cells that overlap a cone; degrees."""
        check_cone(ra, dec, radius)
        reach = padded(radius)
        if reach > 90.0:  # towards the antipode a circle query misses cells
            return cls(order, _all_but_the_opposite(ra, dec, reach, order))
        ranges = hpgeom.query_circle(
            2**order, ra, dec, reach, inclusive=True, fact=_fact(order), return_pixel_ranges=True)
        return cls(order, ranges)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Footprint):
            return NotImplemented
        return self.order == other.order and np.array_equal(self.ranges, other.ranges)

    def __hash__(self) -> int:
        return hash((self.order, self.ranges.tobytes()))

    def __bool__(self) -> bool:
        return len(self.ranges) > 0

    def __len__(self) -> int:
        return int((self.ranges[:, 1] - self.ranges[:, 0]).sum())

    @property
    def area(self) -> float:
        """Square degrees of all cells."""
        return len(self) * float(hpgeom.nside_to_pixel_area(2**self.order, degrees=True))

    def keys(self) -> Keys:
        """Return the ranges as half-open ranges of the order-29 key."""
        return self.ranges << (2 * (ORDER - self.order))

    def contains(self, ra: npt.ArrayLike, dec: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which positions lie in a cell."""
        ra, dec = np.asarray(ra, float), np.asarray(dec, float)
        check_positions(ra, dec)
        cells = hpgeom.angle_to_pixel(2**self.order, ra, dec, nest=True)
        place = np.searchsorted(self.ranges[:, 1], cells, side="right")
        return np.asarray(cells >= np.append(self.ranges[:, 0], np.iinfo(np.int64).max)[place])

    def overlaps(self, other: Footprint) -> bool:
        """Return whether the two have a place in common, whatever their orders."""
        mine, theirs = self.keys(), other.keys()
        place = np.searchsorted(theirs[:, 1], mine[:, 0], side="right")
        starts = np.append(theirs[:, 0], np.iinfo(np.int64).max)
        return bool(np.any(starts[place] < mine[:, 1]))

    def union(self, other: Footprint) -> Footprint:
        """Return what either covers, at the finer of the two orders."""
        order = max(self.order, other.order)
        shifted = [f.ranges << (2 * (order - f.order)) for f in (self, other)]
        return Footprint(order, np.concatenate(shifted))

    def at_order(self, order: int) -> Footprint:
        """Return the same place at another order; at a coarser one, every cell that is touched."""
        if order >= self.order:
            return Footprint(order, self.ranges << (2 * (order - self.order)))
        shift = 2 * (self.order - order)
        return Footprint(order, np.column_stack([self.ranges[:, 0] >> shift, ((self.ranges[:, 1] - 1) >> shift) + 1]))

    def to_json(self) -> str:
        """Return a MOC in its JSON form: lists of cells by order, as large as possible; the finest order always stands."""
        cells: dict[str, list[int]] = {str(self.order): []}
        for start, stop in self.ranges.tolist():
            while start < stop:
                up = 0
                while up < self.order and not start % 4 ** (up + 1) and start + 4 ** (up + 1) <= stop:
                    up += 1
                cells.setdefault(str(self.order - up), []).append(start >> (2 * up))
                start += 4**up
        return json.dumps(dict(sorted(cells.items(), key=lambda item: int(item[0]))), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Footprint:
        """Read a MOC in its JSON form."""
        try:
            cells = {int(order): np.asarray(numbers, dtype=np.int64) for order, numbers in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise CatalogueError(f"not a MOC in JSON form: {text[:60]!r}; it looks like {{\"11\": [1, 2]}}") from error
        if not cells or not all(0 <= order <= ORDER for order in cells):
            raise CatalogueError(f"a MOC with orders {sorted(cells)}; give at least one, between 0 and {ORDER}")
        finest = max(cells)
        ranges = [np.column_stack([n, n + 1]) << (2 * (finest - order)) for order, n in cells.items()]
        return cls(finest, np.concatenate(ranges))


def check_cone(ra: float, dec: float, radius: float) -> None:
    """Raise `CatalogueError` for a cone that is none."""
    check_positions(np.asarray(ra, float), np.asarray(dec, float))
    if not 0 < radius <= 180:
        raise CatalogueError(f"a cone of radius {radius} degrees was asked; give one above 0 and at most 180")


def padded(radius: float) -> float:
    """Return a radius, in degrees, that makes up for rounding where HEALPix compares cosines.

    A cosine in double precision cannot tell angles below some milliarcseconds from 0: cells would be missed.
    """
    return min(math.hypot(radius, PADDING), 180.0)


def _all_but_the_opposite(ra: float, dec: float, radius: float, order: int) -> Keys:
    """Ranges of all cells but those that lie within the cone opposite to one of more than a hemisphere."""
    everything = 12 * 4**order
    inside = 180.0 - radius - float(hpgeom.max_pixel_radius(2**order))  # centres so near are of cells that lie within it as a whole
    if inside <= 0.0:
        return np.array([[0, everything]], dtype=np.int64)
    left_out = hpgeom.query_circle(2**order, (ra + 180.0) % 360.0, -dec, inside, return_pixel_ranges=True)
    bounds = np.concatenate([[0], np.asarray(left_out, np.int64).ravel(), [everything]]).reshape(-1, 2)
    return bounds[bounds[:, 0] < bounds[:, 1]]


def _fact(order: int) -> int:
    """Factor of the finer grid on which overlap is tested."""
    return min(4, int(2 ** (ORDER - order)))


def _merged(ranges: Keys) -> Keys:
    """Return sorted ranges in which none overlap or touch, and none are empty."""
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    if len(ranges) == 0:
        return ranges
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ranges[:, 1])
    first = np.append(True, ranges[1:, 0] > reach[:-1])
    last = np.append(first[1:], True)
    return np.column_stack([ranges[first, 0], reach[last]])
