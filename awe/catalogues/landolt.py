"""Landolt's tables of UBVRI standards as IRAF's photcal has them: a magnitude and colours in columns without a header.

The columns, by photcal's own format file for them: name, RA, Dec (J2000), V, B-V, U-B, V-R, R-I, V-I, number of observations and of
nights, and the errors of the six.
"""
from __future__ import annotations

import re

import numpy as np
from astropy import units
from astropy.coordinates import Angle
from astropy.table import Table

from awe.errors import CatalogueError

FIELDS = 17
_ANGLES = re.compile(r"\d{1,2}:\d\d:\d\d(\.\d*)?\s+[+-]?\d{1,2}:\d\d:\d\d(\.\d*)?$")
NUMBERS = (3, 4, 5, 6, 8, 11, 12, 13, 14, 16)
"""Places of V, B-V, U-B, V-R, V-I and their errors."""


def is_landolt(text: str) -> bool:
    """Whether the first rows are those of such a table."""
    rows = [line.split() for line in text.split("\n", 50)[:50] if line.strip() and not line.lstrip().startswith("#")]
    return bool(rows) and all(len(row) == FIELDS and _ANGLES.match(" ".join(row[1:3])) for row in rows)


def read_landolt(lines: list[str]) -> Table:
    """Return id, ra, dec (degrees), U, B, V, R, I and their errors, errors of colours as if independent; NaN where missing."""
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    numbers = np.array([[_number(row[place]) for place in NUMBERS] for row in rows], np.float64).T
    v, bv, ub, vr, vi, v_error, bv_error, ub_error, vr_error, vi_error = numbers
    b, b_error = v + bv, np.hypot(v_error, bv_error)
    bands = {"U": (b + ub, np.hypot(b_error, ub_error)), "B": (b, b_error), "V": (v, v_error), "R": (v - vr, np.hypot(v_error, vr_error)),
             "I": (v - vi, np.hypot(v_error, vi_error))}
    try:
        ra, dec = (Angle([row[place] for row in rows], unit).deg for place, unit in ((1, units.hourangle), (2, units.deg)))
    except ValueError as reason:
        raise CatalogueError(f"Landolt's table has a position that is none: {reason}") from reason
    columns = {"id": [row[0] for row in rows], "ra": ra, "dec": dec}
    for band, (magnitude, error) in bands.items():
        columns |= {band: magnitude, f"{band}err": error}
    return Table(columns)


def _number(word: str) -> float:
    try:
        return float("nan") if word == "INDEF" else float(word)
    except ValueError:
        raise CatalogueError(f"Landolt's table has {word!r} where a number is due; give INDEF for a missing one") from None
