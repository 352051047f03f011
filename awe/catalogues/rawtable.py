"""Reading any usual form of a table as it is: FITS, VOTable, IPAC, ECSV, SExtractor, CSV, plain text, Parquet.

What a file is is judged by its first bytes, not by its name; ``.gz`` and ``.bz2`` wrappers are opened, up to a limit.
"""
from __future__ import annotations

import bz2
import gzip
import io
import warnings
import zlib
from pathlib import Path
from typing import IO, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import ascii as text_tables
from astropy.io import fits
from astropy.io.votable import exceptions as votable_exceptions
from astropy.io.votable import parse as parse_votable
from astropy.table import Table

from awe.catalogues.arrays import from_arrow_array
from awe.catalogues.landolt import is_landolt, read_landolt
from awe.catalogues.textform import TextForm, recognise
from awe.errors import CatalogueError, MissingFileError

LARGEST = 4 << 30
"""Bytes that a file may have when it is unpacked."""


def read_raw(path: Path, hdu: int | str | None = None) -> tuple[Table, str]:
    """Return the table in a file as it stands there, and the name of its form.

    `hdu` names the extension of a FITS file; by default the one of SExtractor's objects, else the first table with rows.
    Raises `MissingFileError`, or `CatalogueError` in one line that says what is wrong with the file.
    """
    content = _unpacked(path)
    start = content[:2880].lstrip()
    if not start:
        raise CatalogueError(f"{path}: the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of units it does not know, which are kept as they are written
        try:
            table, form = _read(path, content, start, hdu)
        except (ValueError, TypeError, OSError, KeyError, IndexError, EOFError, UnicodeDecodeError, pa.ArrowException,
                fits.VerifyError, votable_exceptions.VOTableSpecError) as error:
            if isinstance(error, CatalogueError):
                raise
            raise CatalogueError(f"{path}: damaged or not a table that can be read ({_one_line(error)})") from error
    if len(table) == 0:
        raise CatalogueError(f"{path}: a {form} table without rows")
    return table, form


def _read(path: Path, content: bytes, start: bytes, hdu: int | str | None) -> tuple[Table, str]:
    if start.startswith(b"SIMPLE  ="):
        return _read_fits(path, content, hdu), "FITS"
    if content.startswith(b"PAR1"):
        return _read_parquet(content), "Parquet"
    head = start[:1500].lower()
    if b"<votable" in head:
        return _read_votable(path, content), "VOTable"
    if b"<html" in head or b"<!doctype html" in head:
        raise CatalogueError(f"{path}: a web page, not a table; perhaps the message of a service that failed")
    if start[:1] in b"[{":
        raise CatalogueError(f"{path}: JSON, which is no form of table; give FITS, VOTable, IPAC, CSV or text")
    text = _text(path, content)
    if is_landolt(text):
        return read_landolt(text.splitlines()), "Landolt's table"
    form = recognise(text, str(path))
    return _read_text(form), form.name


def _unpacked(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where it is a .gz or .bz2, whatever its name."""
    try:
        with path.open("rb") as file:
            magic = file.read(3)
            file.seek(0)
            with _opened(file, magic) as unpacked:
                content = unpacked.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise MissingFileError(f"{path}: there is no such file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise CatalogueError(f"{path}: cannot be read or unpacked ({_one_line(error)})") from error
    if len(content) > LARGEST:
        raise CatalogueError(f"{path}: larger than {LARGEST >> 30} GiB when unpacked; split it")
    return content


def _opened(file: BinaryIO, magic: bytes) -> IO[bytes]:
    if magic[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    return cast(IO[bytes], bz2.BZ2File(file)) if magic == b"BZh" else file


def _read_fits(path: Path, content: bytes, hdu: int | str | None) -> Table:
    with fits.open(io.BytesIO(content), memmap=False) as hdus:
        tables = [h for h in hdus if isinstance(h, fits.BinTableHDU | fits.TableHDU)]
        if hdu is not None:
            tables = [h for i, h in enumerate(hdus) if hdu in (i, h.name) and h in tables]
        tables = [h for h in tables if h.name == "LDAC_OBJECTS"] or [h for h in tables if h.data is not None] or tables
        if not tables:
            found = ", ".join(f"{i} {h.name or '(no name)'} {type(h).__name__}" for i, h in enumerate(hdus))
            asked = "" if hdu is None else f" in extension {hdu!r}"
            raise CatalogueError(f"{path}: a FITS file without a table{asked}; it has: {found}")
        chosen = next((h for h in tables if len(h.data)), tables[0])
        expected = chosen.header["NAXIS1"] * chosen.header["NAXIS2"]
        if chosen.fileinfo()["datLoc"] + expected > len(content):
            raise CatalogueError(f"{path}: truncated; the table in extension {chosen.name!r} does not fit into the file")
        return Table.read(chosen)


def _read_votable(path: Path, content: bytes) -> Table:
    document = parse_votable(io.BytesIO(content), verify="ignore")
    for info in [*document.infos, *(info for resource in document.resources for info in resource.infos)]:
        if info.name == "QUERY_STATUS" and str(info.value).upper() == "ERROR":
            raise CatalogueError(f"{path}: the service that made it says: {_one_line(info.content or 'error')}")
    tables = [table for table in document.iter_tables() if len(table.fields)]
    if not tables:
        raise CatalogueError(f"{path}: a VOTable without a table")
    chosen = next((table for table in tables if len(table.array)), tables[0])
    table = chosen.to_table(use_names_over_ids=True)
    systems = list(document.iter_coosys())
    if systems:
        table.meta["coosys"] = {"system": systems[0].system, "epoch": systems[0].epoch}
    return table


def _read_parquet(content: bytes) -> Table:
    arrow = pq.read_table(pa.BufferReader(content))
    return Table({name: from_arrow_array(arrow.column(name)) for name in arrow.column_names})


def _read_text(form: TextForm) -> Table:
    if form.own_reader:
        return text_tables.read(form.lines, format=form.own_reader, guess=False)
    return text_tables.read(
        form.lines, format="no_header", names=form.columns, delimiter=form.delimiter, comment=r"\s*#",
        guess=False, fast_reader=True,
        fill_values=[("", "0"), ("null", "0"), ("NULL", "0"), ("INDEF", "0"), ("--", "0")],
    )


def _text(path: Path, content: bytes) -> str:
    if b"\x00" in content[:4096]:
        raise CatalogueError(f"{path}: binary, and neither FITS nor Parquet; give FITS, VOTable, IPAC, CSV or text")
    return content.decode("utf-8", errors="replace")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
