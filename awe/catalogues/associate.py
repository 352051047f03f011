"""Association of two lists of sources: which source of one is which of the other."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.column import Column
from awe.catalogues.matching import Match, match, match_all
from awe.catalogues.table import SourceTable
from awe.errors import CatalogueError, did_you_mean

Floats = NDArray[np.float64]

COLUMNS = (
    Column("NUMBER_1", "", "meta.id;meta.main", "NUMBER of the source in the first list", "int32"),
    Column("NUMBER_2", "", "meta.id", "NUMBER of the source in the second list", "int32"),
    Column("ROW_1", "", "meta.record", "row of the source in the first list, from 0", "int64"),
    Column("ROW_2", "", "meta.record", "row of the source in the second list, from 0", "int64"),
    Column("ALPHA_J2000", "deg", "pos.eq.ra;meta.main", "right ascension in the first list, ICRS", "float64"),
    Column("DELTA_J2000", "deg", "pos.eq.dec;meta.main", "declination in the first list, ICRS", "float64"),
    Column("SEPARATION", "arcsec", "pos.angDistance", "distance of the two", "float64"),
    Column("DELTA_EAST", "arcsec", "pos.eq.ra;arith.diff", "place in the second list minus that in the first, east on the sky", "float64"),
    Column("DELTA_NORTH", "arcsec", "pos.eq.dec;arith.diff", "place in the second list minus that in the first, north", "float64"),
)

KINDS = ("mutual", "first", "second", "all")
"""Pairs in which each is the nearest of the other, so that no source comes twice; the nearest of each source of the first list, or of the
second, where a source of the other list may come more than once; every pair within the radius."""


def associate(first: SourceTable, second: SourceTable, radius: float, *, kind: str = "mutual", flag_mask: int = 0) -> SourceTable:
    """Pair the sources of two lists by position.

    Parameters
    ----------
    first, second : SourceTable
        Lists with ICRS positions; NUMBER and FLAGS are used where they have them.
    radius : float
        How far the two sources of a pair may be apart, arcsec; above 0.
    kind : str
        One of `KINDS`.
    flag_mask : int
        Sources with any of these bits in FLAGS are left out before pairs are sought.

    Returns
    -------
    SourceTable
        One row a pair, with the columns `COLUMNS`; empty where none is near another.

    Raises
    ------
    CatalogueError
        For a kind or a radius that is none.
    """
    if kind not in KINDS:
        raise CatalogueError(f"association of kind {kind!r} was asked; choose from {', '.join(KINDS)}{did_you_mean(kind, KINDS)}")
    rows = [_usable(table, flag_mask) for table in (first, second)]
    ra1, dec1 = _places(first, rows[0])
    ra2, dec2 = _places(second, rows[1])
    pairs = _pairs(kind, (ra1, dec1), (ra2, dec2), radius)
    one, two = rows[0][pairs.first], rows[1][pairs.second]
    ra, dec = ra1[pairs.first], dec1[pairs.first]
    east = (ra2[pairs.second] - ra + 180.0) % 360.0 - 180.0
    values = (_numbers(first)[one], _numbers(second)[two], one, two, ra, dec, pairs.separation,
              3600.0 * east * np.cos(np.radians(dec)), 3600.0 * (dec2[pairs.second] - dec))
    arrays: dict[str, Any] = dict(zip([column.name for column in COLUMNS], values, strict=True))
    return SourceTable.from_arrays(arrays, COLUMNS, ra="ALPHA_J2000", dec="DELTA_J2000")


def alone(length: int, rows: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows of a list of some length that are in no pair."""
    left = np.ones(length, bool)
    left[np.asarray(rows, np.int64)] = False
    return np.flatnonzero(left).astype(np.int64)


def _pairs(kind: str, one: tuple[Floats, Floats], two: tuple[Floats, Floats], radius: float) -> Match:
    if kind == "all":
        return match_all(*one, *two, radius)
    if kind == "second":
        back = match(*two, *one, radius)
        return Match(back.second, back.first, back.separation)
    return match(*one, *two, radius, mutual=kind == "mutual")


def _usable(table: SourceTable, flag_mask: int) -> NDArray[np.int64]:
    """Return the rows that have none of some flags."""
    if not flag_mask or "FLAGS" not in table.names:
        return np.arange(len(table), dtype=np.int64)
    return np.flatnonzero(np.asarray(np.ma.filled(table["FLAGS"], 0)) & flag_mask == 0).astype(np.int64)


def _places(table: SourceTable, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    return np.asarray(table[table.ra], np.float64)[rows], np.asarray(table[table.dec], np.float64)[rows]


def _numbers(table: SourceTable) -> NDArray[np.int32]:
    """Return what the sources are called: NUMBER, else their rows from 1."""
    found = table["NUMBER"] if "NUMBER" in table.names else np.arange(1, len(table) + 1)
    return np.asarray(found, np.int32)
