"""Reading a reference catalogue in its usual form into one form of ours, as its mapping declares.

The columns of the result: ``ra``, ``dec`` (ICRS, deg), and where declared ``ra_error``, ``dec_error`` (mas, on the sky),
``pmra``, ``pmdec`` and their errors (mas/yr, on the sky), ``epoch`` (Julian year), ``id``, ``mag_<band>`` and
``mag_<band>_error``; then what the mapping keeps. Missing numbers are NaN.
"""
from __future__ import annotations

from collections.abc import Mapping as Words
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from awe.catalogues.column import Column
from awe.catalogues.footprint import DEFAULT_ORDER, Footprint
from awe.catalogues.mapping import Mapping, load_mapping
from awe.catalogues.quantity import angle, epoch_years, magnitudes, per_year, to_icrs
from awe.catalogues.rawtable import read_raw
from awe.catalogues.sky import check_positions
from awe.catalogues.survey import guess
from awe.catalogues.table import SourceTable
from awe.errors import CatalogueError, did_you_mean


@dataclass(frozen=True)
class Reference:
    """A reference catalogue that was read: its sources, what it is, where it is, and what was guessed or noticed."""

    table: SourceTable
    mapping: Mapping
    footprint: Footprint
    notes: tuple[str, ...]


def read_catalogue(
    paths: Path | Sequence[Path], mapping: Mapping | Words[str, Any] | Path | str | None = None, *,
    name: str | None = None, finest: int = DEFAULT_ORDER,
) -> Reference:
    """Read a reference catalogue from one file or from several shards.

    `mapping` is what `load_mapping` takes; without it the catalogue is guessed by its columns, and `notes` say how.
    `name` overrides that of the mapping; `finest` is the finest HEALPix order of the footprint, which is coarser where
    sources are few. Raises `MissingFileError`, and
    `CatalogueError` in one line: no table, no rows, no such column (with near names), text or NaN among the positions,
    positions off the sphere, units that do not fit.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not files:
        raise CatalogueError("a reference catalogue was asked from no files; name at least one")
    declared = None if mapping is None else load_mapping(mapping)
    notes: list[str] = []
    parts = []
    for file in files:
        raw, _ = read_raw(file, None if declared is None else declared.hdu)
        if declared is None:
            declared, told = guess(raw, str(file))
            notes += told
        parts.append(_Reader(raw, declared, str(file), notes).arrays())
    assert declared is not None
    declared = declared if name is None else declared.renamed(name)
    columns = {column.name: column for part in parts for column, _ in part.values()}
    for file, part in zip(files, parts, strict=True):
        if part.keys() != parts[0].keys():
            raise CatalogueError(f"{file}: has other columns than {files[0]}; read them as two catalogues")
    arrays = {key: _joined([part[key][1] for part in parts]) for key in parts[0]}
    footprint = Footprint.coverage(arrays["ra"], arrays["dec"], finest)
    meta = _meta(declared, footprint)
    return Reference(SourceTable.from_arrays(arrays, columns.values(), ra="ra", dec="dec", meta=meta), declared, footprint,
                     tuple(notes))


def _joined(parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Return the parts in one array, masked where anything is missing."""
    values = np.concatenate([np.ma.getdata(part) for part in parts])
    mask = np.concatenate([np.ma.getmaskarray(part) for part in parts])
    return np.ma.MaskedArray(values, mask=mask) if mask.any() else values


def _meta(mapping: Mapping, footprint: Footprint) -> dict[str, Any]:
    return {
        "name": mapping.name, "version": mapping.version, "frame": "ICRS", "epoch": mapping.epoch,
        "bands": {name: asdict(band) for name, band in mapping.bands.items()}, "coverage": footprint.to_json(),
    }


class _Reader:
    """Turns the columns of one file into ours."""

    def __init__(self, raw: Table, mapping: Mapping, where: str, notes: list[str]) -> None:
        self.raw, self.mapping, self.where, self.notes = raw, mapping, where, notes
        for column in self._used():
            if column not in raw.colnames:
                raise CatalogueError(f"{where}: has no column {column!r}{did_you_mean(column, raw.colnames)}")

    def arrays(self) -> dict[str, tuple[Column, np.ndarray[Any, Any]]]:
        """Return every column of the result with its description."""
        ra, dec = self._positions()
        found: dict[str, tuple[Column, np.ndarray[Any, Any]]] = {
            "ra": (Column("ra", "deg", "pos.eq.ra;meta.main", "Right ascension, ICRS"), ra),
            "dec": (Column("dec", "deg", "pos.eq.dec;meta.main", "Declination, ICRS"), dec),
        }
        for part in ("ra_error", "dec_error", "pmra", "pmdec", "pmra_error", "pmdec_error"):
            if part in self.mapping.columns:
                found[part] = (_ASTROMETRY[part], self._astrometry(part, dec))
        for part in ("epoch", "id"):
            if part in self.mapping.columns:
                found[part] = self._epoch() if part == "epoch" else self._identity()
        for name in self.mapping.bands:
            found |= self._band(name)
        for name in self.mapping.keep:
            if name not in found:
                unit = str(self.raw[name].unit or "")
                found[name] = (Column(name, unit, "", self.raw[name].description or ""), np.ma.asarray(self.raw[name]))
        return found

    def _used(self) -> list[str]:
        bands = [name for band in self.mapping.bands.values() for name in (band.column, band.error) if name]
        return [*(source.column for source in self.mapping.columns.values()), *bands, *self.mapping.keep]

    def _positions(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        ra, dec = (angle(self.raw, self.mapping.columns[part], part, self.where) for part in ("ra", "dec"))
        if self.mapping.columns["ra"].wrap and np.all(np.isfinite(ra)) and np.all((ra >= -180) & (ra <= 180)):
            outside = int(np.count_nonzero(ra < 0))
            if outside:
                self.notes.append(f"{self.where}: RA of {outside} rows lies outside 0 to 360 degrees and is wrapped")
                ra = ra % 360.0
        names = self.mapping.columns["ra"].column, self.mapping.columns["dec"].column
        try:
            check_positions(ra, dec, names=names)
        except CatalogueError as error:
            hint = "" if self.mapping.columns["ra"].wrap or not np.all(np.isfinite(ra)) else \
                "; or say wrap = true or offset = 360 for ra in the mapping"
            raise CatalogueError(f"{self.where}: {error}{hint}") from error
        return to_icrs(ra, dec, self.mapping.frame)

    def _astrometry(self, part: str, dec: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        source = self.mapping.columns[part]
        motion = part.startswith("pm")
        if motion and self.mapping.frame in ("galactic", "ecliptic", "FK4"):
            raise CatalogueError(f"{self.where}: proper motions in frame {self.mapping.frame} cannot be used; leave them out")
        values = (per_year if motion else _error)(self.raw, source, part, self.where)
        if motion:
            values = self._measured(part, values)
        on_sky = self.mapping.cosdec or "ra" not in part
        return values if on_sky else np.asarray(values * np.cos(np.radians(dec)))

    def _measured(self, part: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return motions and their errors without those that were never measured: an error of 0 says so."""
        source = self.mapping.columns.get(f"{part.removesuffix('_error')}_error")
        if source is None:
            return values
        return np.asarray(np.where(per_year(self.raw, source, part, self.where) > 0, values, np.nan))

    def _epoch(self) -> tuple[Column, np.ndarray[Any, Any]]:
        column = Column("epoch", "yr", "time.epoch", "Julian year of the position")
        return column, epoch_years(self.raw, self.mapping.columns["epoch"], self.where)

    def _identity(self) -> tuple[Column, np.ndarray[Any, Any]]:
        return Column("id", "", "meta.id;meta.main", "Name in the catalogue"), np.ma.asarray(
            self.raw[self.mapping.columns["id"].column])

    def _band(self, name: str) -> dict[str, tuple[Column, np.ndarray[Any, Any]]]:
        band = self.mapping.bands[name]
        mag, error = magnitudes(self.raw, band, self.mapping.missing, self.where)
        ucd = f"phot.mag;em.opt.{name.upper()}" if name.upper() in ("U", "B", "V", "R", "I") else "phot.mag"
        found = {f"mag_{name}": (Column(f"mag_{name}", "mag", ucd, f"Magnitude in {name}, {band.system}"), mag)}
        if error is not None:
            described = Column(f"mag_{name}_error", "mag", f"stat.error;{ucd}", f"Error of mag_{name}")
            found[f"mag_{name}_error"] = (described, error)
        return found


def _error(raw: Table, source: Any, part: str, where: str) -> np.ndarray[Any, Any]:
    """A position error in mas; what is not above 0 is not known."""
    values = angle(raw, source, part, where) * 3.6e6
    return np.asarray(np.where(values > 0, values, np.nan))


_ASTROMETRY = {
    "ra_error": Column("ra_error", "mas", "stat.error;pos.eq.ra", "Error of RA times cos Dec"),
    "dec_error": Column("dec_error", "mas", "stat.error;pos.eq.dec", "Error of Dec"),
    "pmra": Column("pmra", "mas/yr", "pos.pm;pos.eq.ra", "Proper motion in RA times cos Dec"),
    "pmdec": Column("pmdec", "mas/yr", "pos.pm;pos.eq.dec", "Proper motion in Dec"),
    "pmra_error": Column("pmra_error", "mas/yr", "stat.error;pos.pm;pos.eq.ra", "Error of pmra"),
    "pmdec_error": Column("pmdec_error", "mas/yr", "stat.error;pos.pm;pos.eq.dec", "Error of pmdec"),
}
