"""Source tables as Parquet files: the same bits for the same content, and small enough groups of rows to read a cone.

A file is sorted by `hpx29` and holds its columns' units, UCDs and descriptions as JSON under the key ``awe``, and as a
VOTable without data under the keys of the VOParquet convention, so that other programs find them too.
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from awe.catalogues.arrays import arrow_type
from awe.catalogues.column import Column
from awe.catalogues.sky import Keys
from awe.catalogues.table import SourceTable
from awe.catalogues.vocabulary import HPX29
from awe.catalogues.votable import votable_header
from awe.errors import CatalogueError, MissingFileError, UnknownNameError, did_you_mean

ROW_GROUP = 20_000
"""Rows read together: small enough for a cone, large enough to compress."""

METADATA_KEY = b"awe"
FORMAT = 1


def write_parquet(table: SourceTable, path: Path) -> None:
    """Write a table beside `path` and rename it, so that a file of this name is always whole."""
    beside = path.with_name(path.name + ".part")
    arrow = table.to_arrow()
    plain = pa.table(
        [arrow.column(c.name).cast(arrow_type(c)) for c in table.columns],
        schema=pa.schema([pa.field(c.name, arrow_type(c)) for c in table.columns]),
    )
    # every option that could change the bits is pinned; store_schema would embed a library's own rendering
    with pq.ParquetWriter(
        beside, plain.schema, version="2.6", data_page_version="2.0", compression="zstd", compression_level=3,
        use_dictionary=[c.name for c in table.columns if c.dtype == "str"], write_statistics=[HPX29.name],
        store_schema=False, data_page_size=1 << 20, write_page_index=False, write_page_checksum=False,
    ) as writer:
        writer.write_table(plain, row_group_size=ROW_GROUP)
        writer.add_key_value_metadata(_metadata(table))
    beside.replace(path)


class SourceFile:
    """A Parquet file of sources, opened for reading; only what is asked for is read.

    `source` is a path or a binary file that can seek. Closing is left to the `with` statement or to `close`.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        self.name = str(source) if isinstance(source, Path) else getattr(source, "name", "source file")
        try:
            self._file = pq.ParquetFile(source)
        except FileNotFoundError as error:
            raise MissingFileError(f"{self.name}: there is no such file") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise CatalogueError(f"{self.name}: not a whole Parquet file ({_first_line(error)})") from error
        head = self._read_head()
        self.columns = tuple(Column(**column) for column in head["columns"])
        self.ra, self.dec, self.meta = str(head["ra"]), str(head["dec"]), dict(head["meta"])
        self._bounds = self._read_bounds()

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, columns: Iterable[str] | None = None, ranges: Keys | None = None) -> SourceTable:
        """Return the rows, all or some of the columns; key and position always come along.

        `ranges` are half-open intervals of `hpx29`, int64 of shape (n, 2), sorted: only groups of rows that can hold
        them are read. Raises `UnknownNameError` with near names, `CatalogueError` where the file is damaged.
        """
        wanted = self._wanted(columns)
        groups = list(range(self._file.num_row_groups)) if ranges is None else self._groups(ranges)
        try:
            arrow = self._file.read_row_groups(groups, columns=[column.name for column in wanted], use_threads=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise CatalogueError(f"{self.name}: damaged ({_first_line(error)})") from error
        arrow = pa.table({c.name: arrow.column(c.name).cast(arrow_type(c)) for c in wanted})
        table = SourceTable(arrow, wanted, self.ra, self.dec, self.meta)
        return table if ranges is None else table.rows(in_ranges(table[HPX29.name], ranges))

    def _wanted(self, columns: Iterable[str] | None) -> list[Column]:
        if columns is None:
            return list(self.columns)
        names = [column.name for column in self.columns]
        asked = list(columns)
        for name in asked:
            if name not in names:
                raise UnknownNameError(f"{self.name} has no column {name!r}{did_you_mean(name, names)}")
        return [column for column in self.columns if column.name in {*asked, HPX29.name, self.ra, self.dec}]

    def _groups(self, ranges: Keys) -> list[int]:
        """Return the groups of rows whose interval of keys meets one of the ranges."""
        first = np.searchsorted(ranges[:, 1], self._bounds[:, 0], side="right")
        meets = (first < len(ranges)) & (self._bounds[:, 1] >= np.append(ranges[:, 0], np.iinfo(np.int64).max)[first])
        return [int(group) for group in np.flatnonzero(meets)]

    def _read_head(self) -> dict[str, Any]:
        raw = (self._file.metadata.metadata or {}).get(METADATA_KEY)
        if raw is None:
            raise CatalogueError(
                f"{self.name}: a Parquet file, but not one of ours (no metadata {METADATA_KEY.decode()!r}); read it with "
                "read_catalogue"
            )
        head: dict[str, Any] = json.loads(raw)
        if head.get("format") != FORMAT:
            raise CatalogueError(f"{self.name}: of format {head.get('format')}, this code reads {FORMAT}; update awe")
        return head

    def _read_bounds(self) -> Keys:
        """Return the first and last key of every group of rows, shape (groups, 2)."""
        place = self._file.schema_arrow.names.index(HPX29.name)
        metadata = self._file.metadata
        bounds = []
        for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
            found = group.column(place).statistics
            if group.num_rows and (found is None or not found.has_min_max):
                raise CatalogueError(f"{self.name}: has no statistics of {HPX29.name}; write it again with write_parquet")
            bounds.append((found.min, found.max) if group.num_rows else (0, -1))
        return np.array(bounds, dtype=np.int64).reshape(-1, 2)


def read_parquet(source: Path | BinaryIO, columns: Iterable[str] | None = None, ranges: Keys | None = None) -> SourceTable:
    """Open, read (see `SourceFile.read`) and close a Parquet file of sources."""
    with SourceFile(source) as file:
        return file.read(columns, ranges)


def in_ranges(keys: Keys, ranges: Keys) -> npt.NDArray[np.bool_]:
    """Return which keys lie in one of the sorted, disjoint half-open `ranges`."""
    place = np.searchsorted(ranges[:, 1], keys, side="right")
    starts = np.append(ranges[:, 0], np.iinfo(np.int64).max)
    return np.asarray(keys >= starts[place])


def _metadata(table: SourceTable) -> dict[bytes, bytes]:
    head = {
        "format": FORMAT, "columns": [column.as_dict() for column in table.columns], "ra": table.ra, "dec": table.dec,
        "meta": table.meta,
    }
    return {
        METADATA_KEY: json.dumps(head, sort_keys=True, separators=(",", ":")).encode(),
        b"IVOA.VOTable-Parquet.version": b"1.0",
        b"IVOA.VOTable-Parquet.encoding": b"utf-8",
        b"IVOA.VOTable-Parquet.content": votable_header(table.columns).encode(),
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
