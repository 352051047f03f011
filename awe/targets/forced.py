"""Tables of fluxes at given positions, with magnitudes and upper limits."""
from __future__ import annotations

from typing import Any

import numpy as np

from awe.catalogues.column import Column
from awe.catalogues.table import SourceTable
from awe.errors import CatalogueError
from awe.science.photometry import POGSON
from awe.science.psffit import upper_limit

FLAGS = ("1 much of the circle or of the PSF is on bad pixels, 2 outside or no good pixel, so that there is no flux, 4 another source is "
         "near, or was fitted with it")


def columns(flux_unit: str) -> tuple[Column, ...]:
    """The columns of such a table."""
    return (
        Column("NUMBER", "", "meta.id;meta.main", "place in the list of positions, from 1", "int32"),
        Column("ALPHA_J2000", "deg", "pos.eq.ra;meta.main", "right ascension as it was given, ICRS", "float64"),
        Column("DELTA_J2000", "deg", "pos.eq.dec;meta.main", "declination as it was given, ICRS", "float64"),
        Column("FLUX_FORCED", flux_unit, "phot.flux", "flux of a point source at the position, whether one is there or not", "float64"),
        Column("FLUXERR_FORCED", flux_unit, "stat.error;phot.flux", "standard error of FLUX_FORCED", "float64"),
        Column("MAG_FORCED", "mag", "phot.mag", "magnitude of FLUX_FORCED; NaN where it is not positive", "float64"),
        Column("MAGERR_FORCED", "mag", "stat.error;phot.mag", "standard error of MAG_FORCED, without that of the zero point", "float64"),
        Column("MAGLIM_FORCED", "mag", "phot.mag;stat.min", "what is there is fainter: flux, or 0 where it is negative, and so many errors",
               "float64"),
        Column("FLAGS_FORCED", "", "meta.code.qual", FLAGS, "int16"),
    )


def forced_table(ra: Any, dec: Any, flux: Any, error: Any, flags: Any, *, zero_point: float, exptime: float, unit: str,
                 sigma: float) -> SourceTable:
    """Fluxes of some seconds as a table, with magnitudes and limits of `sigma` errors.

    Raises CatalogueError where `sigma` is not above 0.
    """
    if not sigma > 0:
        raise CatalogueError(f"limits of {sigma} errors were asked; give a number above 0")
    with np.errstate(invalid="ignore", divide="ignore"):
        positive = np.where(flux > 0, flux, np.nan)
        magnitude = zero_point - 2.5 * np.log10(positive / exptime)
        limit = zero_point - 2.5 * np.log10(upper_limit(flux, error, sigma) / exptime)
    values = (np.arange(1, len(flux) + 1, dtype=np.int32), ra, dec, flux, error, magnitude, POGSON * error / positive, limit,
              np.asarray(flags, np.int16))
    described = columns(unit)
    arrays: dict[str, Any] = dict(zip([column.name for column in described], values, strict=True))
    return SourceTable.from_arrays(arrays, described, ra="ALPHA_J2000", dec="DELTA_J2000",
                                   meta={"zero_point": zero_point, "exptime": exptime, "sigma": sigma})


def positions_of(ra: Any, dec: Any) -> tuple[Any, Any]:
    """Positions as arrays of equal length."""
    places = tuple(np.atleast_1d(np.asarray(values, np.float64)) for values in (ra, dec))
    if places[0].shape != places[1].shape or places[0].ndim != 1:
        raise CatalogueError(f"RA of shape {places[0].shape} and Dec of shape {places[1].shape} were given; give lists of equal length")
    return places[0], places[1]
