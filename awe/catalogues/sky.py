"""Angles on the sky: the order-29 HEALPix key, separations, unit vectors. Degrees unless said otherwise."""
from __future__ import annotations

import hpgeom
import numpy as np
import numpy.typing as npt

from awe.errors import CatalogueError

ORDER = 29
"""Order of the key `hpx29`: nested scheme, pixels of 0.4 milliarcseconds."""

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]


def hpx29(ra: npt.ArrayLike, dec: npt.ArrayLike) -> Keys:
    """Return the int64 nested HEALPix index at order 29 of positions in degrees; any coarser order is a bit shift.

    Raises `CatalogueError` where a position is not finite or outside 0 <= RA <= 360, -90 <= Dec <= 90.
    """
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    check_positions(ra, dec)
    return np.asarray(hpgeom.angle_to_pixel(2**ORDER, ra, dec, nest=True, lonlat=True, degrees=True), dtype=np.int64)


def check_positions(ra: Floats, dec: Floats, *, names: tuple[str, str] = ("RA", "Dec")) -> None:
    """Raise `CatalogueError` that names the first row whose position is no position."""
    for name, values, low, high in ((names[0], ra, 0.0, 360.0), (names[1], dec, -90.0, 90.0)):
        good = np.isfinite(values) & (values >= low) & (values <= high)
        if not np.all(good):
            bad = np.flatnonzero(~np.atleast_1d(good))
            first = np.atleast_1d(values)[bad[0]]
            what = f"outside {low:g} to {high:g} degrees" if np.isfinite(first) else "not a number"
            raise CatalogueError(
                f"{name} of row {bad[0] + 1} is {first:g}, {what} ({len(bad)} of {np.size(values)} rows); correct or "
                "drop these rows"
            )


def separation(ra1: npt.ArrayLike, dec1: npt.ArrayLike, ra2: npt.ArrayLike, dec2: npt.ArrayLike) -> Floats:
    """Return great-circle distances in degrees (haversine: exact for small angles; arrays are broadcast)."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(a, dtype=np.float64)) for a in (ra1, dec1, ra2, dec2))
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(np.minimum(h, 1.0)))))


def unit_vectors(ra: npt.ArrayLike, dec: npt.ArrayLike) -> Floats:
    """Return Cartesian unit vectors, shape (n, 3)."""
    lon, lat = np.radians(np.atleast_1d(np.asarray(ra, float))), np.radians(np.atleast_1d(np.asarray(dec, float)))
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
