"""Fetching a cone of a survey from VizieR into a file, which is then ingested like any other reference catalogue.

Needs a network and astroquery (``pip install 'awe[catalogues]'``). A cone that was fetched before is not fetched again.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.table import Table

from awe.errors import CatalogueError, ConfigError, did_you_mean

LARGEST = 5.0
"""Degrees: larger cones are for the bulk downloads of the surveys."""


@dataclass(frozen=True)
class Service:
    """A survey as VizieR has it: the table, and the columns that are asked for beside the usual ones."""

    table: str
    columns: tuple[str, ...]


SERVICES = {
    "gaia-dr3": Service("I/355/gaiadr3", ("RA_ICRS", "DE_ICRS", "Source", "e_RA_ICRS", "e_DE_ICRS", "pmRA", "e_pmRA", "pmDE", "e_pmDE",
                                          "Gmag", "e_Gmag", "BPmag", "e_BPmag", "RPmag", "e_RPmag")),
    "ps1": Service("II/349/ps1", ("RAJ2000", "DEJ2000", "objID", "e_RAJ2000", "e_DEJ2000", "Epoch",
                                  *(f"{e}{band}mag" for band in "grizy" for e in ("", "e_")))),
    "2mass": Service("II/246/out", ("RAJ2000", "DEJ2000", "_2MASS", "errMaj", "JD",
                                    *(f"{e}{band}mag" for band in "JHK" for e in ("", "e_")))),
    "usno-b1": Service("I/284/out", ("RAJ2000", "DEJ2000", "USNO-B1.0", "e_RAJ2000", "e_DEJ2000", "pmRA", "pmDE", "B1mag", "R1mag",
                                     "B2mag", "R2mag", "Imag")),
    "sdss": Service("V/154/sdss16", ("RA_ICRS", "DE_ICRS", "objID", "e_RA_ICRS", "e_DE_ICRS", "ObsDate",
                                     *(f"{e}{band}mag" for band in "ugriz" for e in ("", "e_")))),
}
"""The surveys that can be fetched, by name."""

Query = Callable[[Service, float, float, float], Table]


def fetch(survey: str, ra: float, dec: float, radius: float, folder: Path, *, query: Query | None = None) -> Path:
    """Return the file of a cone of a survey, fetched where it is not there yet.

    Parameters
    ----------
    survey : str
        One of `SERVICES`.
    ra, dec, radius : float
        ICRS degrees; at most 5 degrees.
    folder : Path
        Where files are kept: ``gaia-dr3_150.0000_+2.0000_0.5000.ecsv``.
    query : callable, optional
        Asks the service; that of astroquery by default.

    Raises
    ------
    CatalogueError
        No such survey, a cone that is none, no network, or no source there.
    ConfigError
        astroquery is not installed.
    """
    if survey not in SERVICES:
        raise CatalogueError(f"there is no survey {survey!r} to fetch; there are {', '.join(SERVICES)}{did_you_mean(survey, SERVICES)}")
    if not (0 <= ra <= 360 and abs(dec) <= 90 and 0 < radius <= LARGEST):
        raise CatalogueError(f"a cone of {radius} deg at RA {ra} Dec {dec} was asked for; RA is 0 to 360, Dec -90 to 90, the radius at "
                             f"most {LARGEST:g}")
    path = folder / f"{survey}_{ra:.4f}_{dec:+.4f}_{radius:.4f}.ecsv"
    if path.exists():
        return path
    found = (query or from_vizier)(SERVICES[survey], ra, dec, radius)
    if found is None or not len(found):
        raise CatalogueError(f"{survey} has no source within {radius} deg of RA {ra:.4f} Dec {dec:.4f}: outside its coverage?")
    folder.mkdir(parents=True, exist_ok=True)
    found.meta.clear()
    part = path.with_suffix(".part")
    found.write(part, format="ascii.ecsv", overwrite=True)
    part.replace(path)
    return path


def from_vizier(service: Service, ra: float, dec: float, radius: float) -> Table | None:
    """Ask VizieR; None where it has no source there."""
    vizier, failures = load_vizier()
    asked = vizier(columns=list(service.columns), row_limit=-1, timeout=300)
    position: Any = coordinates(ra, dec)
    try:
        tables = asked.query_region(position, radius=f"{math.nextafter(radius, math.inf)}d", catalog=service.table)
    except failures as error:
        raise CatalogueError(f"VizieR could not be asked for {service.table}: {' '.join(str(error).split())[:160]}; is there a network? "
                             "`awe ingest-catalog FILE` takes a file that was downloaded elsewhere") from error
    return tables[0] if len(tables) else None


def coordinates(ra: float, dec: float) -> Any:
    """A position as astroquery takes it."""
    from astropy.coordinates import SkyCoord
    return SkyCoord(ra, dec, unit="deg", frame="icrs")


def load_vizier() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return the class that asks VizieR and the errors of the network, or say how to install it."""
    try:
        from astroquery.exceptions import RemoteServiceError  # optional, and a second to import
        from astroquery.exceptions import TimeoutError as ServiceTimeout
        from astroquery.vizier import Vizier
    except ImportError as error:
        raise ConfigError("fetching catalogues needs astroquery, which is not installed; run: pip install 'awe[catalogues]', or download "
                          "the catalogue elsewhere and give the file to `awe ingest-catalog`") from error
    return Vizier, (RemoteServiceError, ServiceTimeout, OSError)
