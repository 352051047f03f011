"""Matching positions on the sky: nearest neighbours by a k-d tree of unit vectors."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from awe.catalogues.sky import check_positions, separation, unit_vectors
from awe.errors import CatalogueError


@dataclass(frozen=True)
class Match:
    """Pairs of rows: indices into the first and second list, and their distance in arcsec."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    separation: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)


def match(
    ra1: npt.ArrayLike, dec1: npt.ArrayLike, ra2: npt.ArrayLike, dec2: npt.ArrayLike, radius: float, *,
    mutual: bool = False,
) -> Match:
    """Return for each position of the first list its nearest one of the second, where it is within `radius` arcsec.

    Positions are degrees; pairs come in order of the first list. With `mutual` only pairs are kept in which each is the
    nearest of the other, so that no row appears twice. Raises `CatalogueError` for positions or a radius that are none.
    """
    lists = [_checked(ra1, dec1), _checked(ra2, dec2)]
    if not 0 < radius <= 648000:
        raise CatalogueError(f"a match within {radius} arcsec was asked; give a radius above 0 and at most 648000")
    if min(len(lists[0][0]), len(lists[1][0])) == 0:
        return Match(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    vectors = [unit_vectors(*positions) for positions in lists]
    _, nearest = scipy.spatial.KDTree(vectors[1]).query(vectors[0])
    first, second = np.arange(len(vectors[0])), np.asarray(nearest, dtype=np.int64)
    if mutual:
        _, back = scipy.spatial.KDTree(vectors[0]).query(vectors[1][second])
        kept = back == first
        first, second = first[kept], second[kept]
    distance = 3600 * separation(lists[0][0][first], lists[0][1][first], lists[1][0][second], lists[1][1][second])
    near = distance <= radius
    return Match(first[near].astype(np.int64), second[near], distance[near])


def match_all(
    ra1: npt.ArrayLike, dec1: npt.ArrayLike, ra2: npt.ArrayLike, dec2: npt.ArrayLike, radius: float
) -> Match:
    """Return every pair within `radius` arcsec, in order of the first list, then of the second."""
    lists = [_checked(ra1, dec1), _checked(ra2, dec2)]
    if not 0 < radius <= 648000:
        raise CatalogueError(f"a match within {radius} arcsec was asked; give a radius above 0 and at most 648000")
    if min(len(lists[0][0]), len(lists[1][0])) == 0:
        return Match(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    chord = 2 * np.sin(np.radians(radius / 3600) / 2) * (1 + 1e-9) + 1e-15
    trees = [scipy.spatial.KDTree(unit_vectors(*positions)) for positions in lists]
    found = trees[0].query_ball_tree(trees[1], chord)
    first = np.repeat(np.arange(len(found)), [len(near) for near in found]).astype(np.int64)
    second = np.array([j for near in found for j in sorted(near)], dtype=np.int64)
    distance = 3600 * separation(lists[0][0][first], lists[0][1][first], lists[1][0][second], lists[1][1][second])
    near = distance <= radius
    return Match(first[near], second[near], distance[near])


def _checked(ra: npt.ArrayLike, dec: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    ra, dec = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
    if ra.shape != dec.shape or ra.ndim != 1:
        raise CatalogueError(f"RA of shape {ra.shape} and Dec of shape {dec.shape} were given; give lists of equal length")
    check_positions(ra, dec)
    return ra, dec
