"""From what was measured on an image to an immutable table of sources."""
from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.column import Column
from awe.catalogues.parquet import write_parquet
from awe.catalogues.table import SourceTable
from awe.science.sourcecolumns import Column as Measured

DTYPES = {"f8": "float64", "f4": "float32", "i4": "int32", "i2": "int16"}

SKY = {
    "ALPHA_J2000": Column("ALPHA_J2000", "deg", "pos.eq.ra;meta.main", "right ascension of the windowed centre, ICRS", "float64"),
    "DELTA_J2000": Column("DELTA_J2000", "deg", "pos.eq.dec;meta.main", "declination of the windowed centre, ICRS", "float64"),
    "ERRX_WORLD": Column("ERRX_WORLD", "deg", "stat.error;pos", "standard error of the position along x", "float64"),
    "ERRY_WORLD": Column("ERRY_WORLD", "deg", "stat.error;pos", "standard error of the position along y", "float64"),
    "FWHM_WORLD": Column("FWHM_WORLD", "deg", "phys.angSize", "FWHM of a Gaussian through the core", "float64"),
}


def described(found: NDArray[np.void], sky: Mapping[str, NDArray[Any]], measured: Iterable[Measured], flux_unit: str = "electron",
              extra: Mapping[str, Column] | None = None, meta: Mapping[str, Any] | None = None) -> SourceTable:
    """A table of sources whose columns all say what they are."""
    columns = [Column(one.name, flux_unit if one.unit == "flux" else one.unit, one.ucd, one.description, DTYPES[one.dtype])
               for one in measured]
    known = {**SKY, **(extra or {})}
    arrays = {name: np.asarray(found[name]) for name in found.dtype.names or ()}
    columns += [known.get(name) or Column(name, "mag", "phot.mag", magnitude_of(name), "float64") for name in sky]
    return SourceTable.from_arrays({**arrays, **sky}, columns, ra="ALPHA_J2000", dec="DELTA_J2000", meta=meta)


def magnitude_of(name: str) -> str:
    """What a column of magnitudes is."""
    flux = name.replace("MAGERR_", "FLUX_").replace("MAG_", "FLUX_")
    what = "standard error of the magnitude" if name.startswith("MAGERR_") else "magnitude at the zero point of the image"
    return f"{what} of {flux}"


def table_bytes(table: SourceTable) -> bytes:
    """The Parquet file of a table, the same bytes for the same table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sources.parquet"
        write_parquet(table, path)
        return path.read_bytes()
