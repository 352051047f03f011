"""A table of sources: immutable, open-ended in its columns, sorted along the sky."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from awe.catalogues.arrays import from_arrow_array, to_arrow_array
from awe.catalogues.column import Column, dtype_word
from awe.catalogues.sky import hpx29
from awe.catalogues.vocabulary import HPX29, POSITIONS, known_column
from awe.errors import CatalogueError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    import pandas
    from astropy.table import Table

Meta = Mapping[str, Any]


class SourceTable:
    """Rows of sources with an int64 `hpx29` key, sorted by it; where keys are equal, by NUMBER, then as given.

    `columns` describes every column, `ra` and `dec` name the ones that hold ICRS degrees, `meta` is plain JSON data.
    Use `from_arrays`, `from_astropy` or `from_arrow` to make one.
    """

    def __init__(self, arrow: pa.Table, columns: Iterable[Column], ra: str, dec: str, meta: Meta | None = None) -> None:
        self.columns = tuple(columns)
        self.ra, self.dec = ra, dec
        self.meta: dict[str, Any] = json.loads(json.dumps(dict(meta or {}), sort_keys=True))
        self._arrow = arrow.combine_chunks()

    @classmethod
    def from_arrays(
        cls, data: Mapping[str, npt.ArrayLike] | npt.NDArray[np.void], columns: Iterable[Column] = (), *,
        ra: str | None = None, dec: str | None = None, meta: Meta | None = None,
    ) -> SourceTable:
        """Make a table from named arrays or a structured array; masked arrays give missing values.

        `columns` may describe some or all; others are looked up in the vocabulary of well-known names. Without `ra` and
        `dec` the usual names are tried. Raises `CatalogueError` for positions that are none, columns of unequal length,
        and types no table can hold; `UnknownNameError` for a described or named column that is not there.
        """
        arrays = _named_arrays(data)
        described = {column.name: column for column in columns}
        for name in [*described, *(n for n in (ra, dec) if n is not None)]:
            if name not in arrays and name != HPX29.name:
                raise UnknownNameError(f"the table has no column {name!r}{did_you_mean(name, arrays)}")
        ra, dec = find_positions(arrays) if ra is None or dec is None else (ra, dec)
        key = hpx29(_plain(arrays[ra]), _plain(arrays[dec]))
        order = _sky_order(key, arrays)
        arrays.pop(HPX29.name, None)
        full = [HPX29, *(_typed(described.get(name) or known_column(name), array) for name, array in arrays.items())]
        values = [key, *arrays.values()]
        arrow = pa.table({c.name: to_arrow_array(v[order], c) for c, v in zip(full, values, strict=True)})
        return cls(arrow, full, ra, dec, meta)

    @classmethod
    def from_astropy(
        cls, table: Table, columns: Iterable[Column] = (), *, ra: str | None = None, dec: str | None = None,
        meta: Meta | None = None,
    ) -> SourceTable:
        """Make a table from an astropy one; units, descriptions and UCDs (in a column's `meta`) are kept."""
        given = {column.name: column for column in columns}
        described, arrays = [], {}
        for name in table.colnames:
            old = table[name]
            arrays[name] = np.ma.asarray(old) if np.ma.isMaskedArray(old) else np.asarray(getattr(old, "value", old))
            known = known_column(name)
            described.append(given.get(name) or Column(
                name, str(old.unit) if getattr(old, "unit", None) else known.unit,
                str((old.info.meta or {}).get("ucd", known.ucd)), old.info.description or known.description, known.dtype))
        return cls.from_arrays(arrays, described, ra=ra, dec=dec, meta=meta)

    @classmethod
    def from_arrow(
        cls, table: pa.Table, columns: Iterable[Column] = (), *, ra: str | None = None, dec: str | None = None,
        meta: Meta | None = None,
    ) -> SourceTable:
        """Make a table from an Arrow one."""
        arrays = {name: from_arrow_array(table.column(name)) for name in table.column_names}
        return cls.from_arrays(arrays, columns, ra=ra, dec=dec, meta=meta)

    def __len__(self) -> int:
        return int(self._arrow.num_rows)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column as a read-only array; a masked one where values are missing."""
        self.column(name)
        values = from_arrow_array(self._arrow.column(name))
        values.flags.writeable = False
        return values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SourceTable):
            return NotImplemented
        return self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        units = (f"{c.name} [{c.unit}]" if c.unit else c.name for c in self.columns)
        return f"<SourceTable of {len(self)} sources: {', '.join(units)}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, `hpx29` first."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the description of a column; raises `UnknownNameError` with near names."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownNameError(f"the table has no column {name!r}{did_you_mean(name, self.names)}")

    def select(self, names: Iterable[str]) -> SourceTable:
        """Return a table of fewer columns; key and position are always kept."""
        wanted = {*names, HPX29.name, self.ra, self.dec}
        for name in wanted:
            self.column(name)
        columns = [column for column in self.columns if column.name in wanted]
        return SourceTable(self._arrow.select([c.name for c in columns]), columns, self.ra, self.dec, self.meta)

    def rows(self, where: npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]]) -> SourceTable:
        """Return the rows where a mask is true, or at rising indices."""
        index = np.flatnonzero(where) if where.dtype == bool else np.sort(where)
        return SourceTable(self._arrow.take(pa.array(index)), self.columns, self.ra, self.dec, self.meta)

    def digest(self) -> str:
        """Return the SHA-256 of the content: columns, meta and values, whatever the file format or library version."""
        digest = hashlib.sha256()
        head = {"columns": [c.as_dict() for c in self.columns], "ra": self.ra, "dec": self.dec, "meta": self.meta}
        digest.update(json.dumps(head, sort_keys=True, separators=(",", ":")).encode())
        for column in self.columns:
            values = from_arrow_array(self._arrow.column(column.name))
            mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.zeros(len(values), dtype=bool)
            digest.update(np.packbits(mask).tobytes())
            if column.scalar == "str":
                filled = [b"" if m else str(v).encode() for v, m in zip(np.ma.getdata(values), mask, strict=True)]
                digest.update(b"".join(len(text).to_bytes(8, "little") + text for text in filled))
            else:
                digest.update(np.ascontiguousarray(np.ma.filled(values, 0)).tobytes())
        return digest.hexdigest()

    def to_arrow(self) -> pa.Table:
        """Return the Arrow table; unit, UCD and description stand in the metadata of its fields."""
        fields = [
            field.with_metadata({k: v for k, v in c.as_dict().items() if v and k in ("unit", "ucd", "description")})
            for field, c in zip(self._arrow.schema, self.columns, strict=True)
        ]
        return self._arrow.cast(pa.schema(fields))

    def to_astropy(self) -> Table:
        """Return an astropy Table with units and descriptions; UCDs stand in the `meta` of its columns."""
        from astropy.table import Table  # astropy.table takes half a second to load, and not every reader wants one
        from astropy.units import Unit

        table = Table(meta=dict(self.meta))
        for column in self.columns:
            table[column.name] = from_arrow_array(self._arrow.column(column.name))
            table[column.name].description = column.description or None
            if column.unit:
                table[column.name].unit = Unit(column.unit, parse_strict="silent")
            if column.ucd:
                table[column.name].meta["ucd"] = column.ucd
        return table

    def to_pandas(self) -> pandas.DataFrame:
        """Return a pandas DataFrame; the names, units and UCDs stand in its `attrs`."""
        try:
            import pandas  # noqa: F401  (optional)
        except ImportError as error:
            message = "a pandas DataFrame was asked, and pandas is not installed; run: pip install 'awe[pandas]'"
            raise CatalogueError(message) from error
        frame = self._arrow.to_pandas()
        frame.attrs = {"columns": [column.as_dict() for column in self.columns], **self.meta}
        return frame


def find_positions(names: Iterable[str]) -> tuple[str, str]:
    """Return the names of the RA and Dec columns among the usual ones, in any case of letters."""
    there = {name.lower(): name for name in names}
    for ra, dec in POSITIONS:
        if ra.lower() in there and dec.lower() in there:
            return there[ra.lower()], there[dec.lower()]
    raise CatalogueError(
        f"the table has no columns of RA and Dec under a usual name; it has: {', '.join(list(there.values())[:12])}; "
        "say which they are"
    )


def _named_arrays(data: Mapping[str, npt.ArrayLike] | npt.NDArray[np.void]) -> dict[str, npt.NDArray[Any]]:
    names = list(data.dtype.names or ()) if isinstance(data, np.ndarray) else list(data)
    arrays = {name: np.ma.asarray(data[name]) if np.ma.isMaskedArray(data[name]) else np.asarray(data[name])
              for name in names}
    lengths = {name: len(array) if array.ndim else -1 for name, array in arrays.items()}
    if not arrays or len(set(lengths.values())) != 1 or -1 in lengths.values():
        raise CatalogueError(f"columns of a table must be arrays of equal length; they have {lengths or 'no columns'}")
    return arrays


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Coordinates as float64, missing ones as NaN."""
    if array.dtype.kind not in "fiu":
        raise CatalogueError(f"RA and Dec must be numbers in degrees; they are of type {array.dtype}")
    return np.ma.filled(array.astype(np.float64), np.nan)


def _sky_order(key: npt.NDArray[np.int64], arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    number = arrays.get("NUMBER")
    if number is not None and number.dtype.kind in "iu":
        return np.lexsort((np.arange(len(key)), np.ma.getdata(number), key))
    return np.argsort(key, kind="stable")


def _typed(column: Column, array: npt.NDArray[Any]) -> Column:
    """Return the description with the type that the array has."""
    if array.ndim > 2:
        raise CatalogueError(f"column {column.name} has {array.ndim} dimensions; a row may hold a number or a vector")
    word = dtype_word(array.dtype, array.shape[1] if array.ndim == 2 else 0)
    return Column(column.name, column.unit, column.ucd, column.description, word)
