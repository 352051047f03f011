"""Writing a source table for other programs: FITS, VOTable, CSV, ECSV, Parquet, with units, UCDs and descriptions."""
from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from awe.catalogues.column import Column
from awe.catalogues.parquet import write_parquet
from awe.catalogues.table import SourceTable
from awe.catalogues.votable import votable_bytes
from awe.errors import CatalogueError, did_you_mean

if TYPE_CHECKING:
    from astropy.table import Table

FORMATS = {
    "fits": (".fits", ".fit", ".fts"), "votable": (".xml", ".vot", ".votable"), "csv": (".csv",), "ecsv": (".ecsv",),
    "parquet": (".parquet", ".pq"),
}
"""Names of the forms, and the file endings that mean them."""


def export(table: SourceTable, path: Path, form: str | None = None) -> Path:
    """Write a table to `path`, beside it and then renamed, in the form named or meant by the ending.

    CSV has units, UCDs and descriptions in comment lines before the header, one per column. Raises `CatalogueError` for
    a form that is not known.
    """
    form = form_of(path) if form is None else form.lower()
    if form not in FORMATS:
        raise CatalogueError(f"an export as {form!r} was asked{did_you_mean(form, FORMATS)}")
    if form == "parquet":
        write_parquet(table, path)
        return path
    content = {"fits": _fits, "votable": _votable, "csv": _csv, "ecsv": _ecsv}[form](table)
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(content)
    beside.replace(path)
    return path


def form_of(path: Path) -> str:
    """Return the form that the ending of a file means."""
    for form, endings in FORMATS.items():
        if path.suffix.lower() in endings:
            return form
    known = [ending for endings in FORMATS.values() for ending in endings]
    raise CatalogueError(f"{path}: the ending {path.suffix!r} means no form of table{did_you_mean(path.suffix, known)}")


def _fits(table: SourceTable) -> bytes:
    hdu = fits.table_to_hdu(_plain(table))
    hdu.name = "SOURCES"
    for place, column in enumerate(table.columns, start=1):
        for keyword, text in ((f"TUNIT{place}", column.unit), (f"TUCD{place}", column.ucd),
                              (f"TCOMM{place}", column.description)):
            if text:
                hdu.header[keyword] = text
    for key, value in _cards(table):
        hdu.header[key] = value
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    return buffer.getvalue()


def _plain(table: SourceTable) -> Table:
    """The astropy table without meta and units, which the writers render in their own ways; missing floats as NaN."""
    result = table.to_astropy()
    result.meta.clear()
    for name in result.colnames:
        result[name].unit = None
        if result[name].dtype.kind == "f" and np.ma.isMaskedArray(result[name]):
            result[name] = np.ma.filled(result[name], np.nan)
    return result


def _cards(table: SourceTable) -> list[tuple[str, object]]:
    """The entries of the meta that fit into FITS cards."""
    return [
        (f"HIERARCH {key}" if len(key) > 8 else key, value) for key, value in table.meta.items()
        if isinstance(value, str | int | float | bool) and key.isascii() and len(key) + len(str(value)) < 60
        and (not isinstance(value, str) or (value.isascii() and value.isprintable()))
    ]


def _votable(table: SourceTable) -> bytes:
    return votable_bytes(table.columns, [table[name] for name in table.names], table.meta)


def _csv(table: SourceTable) -> bytes:
    head = "".join(f"# {_describe(column)}\n" for column in table.columns)
    text = io.StringIO()
    _flat(table).write(text, format="ascii.csv", fill_values=[("nan", "")])
    return (head + text.getvalue().replace("\r\n", "\n")).encode()


def _ecsv(table: SourceTable) -> bytes:
    text = io.StringIO()
    table.to_astropy().write(text, format="ascii.ecsv", delimiter=",")
    return text.getvalue().encode()


def _describe(column: Column) -> str:
    unit = f" [{column.unit}]" if column.unit else ""
    ucd = f" <{column.ucd}>" if column.ucd else ""
    return " ".join(f"{column.name}{unit}{ucd}: {column.description}".split()).rstrip(":")


def _flat(table: SourceTable) -> Table:
    """The astropy table with one column per element of a vector: MAG_APER_1, MAG_APER_2, ..."""
    whole = table.to_astropy()
    result = type(whole)()
    for column in table.columns:
        values = whole[column.name]
        if column.length:
            for place in range(column.length):
                result[f"{column.name}_{place + 1}"] = values[:, place]
        else:
            result[column.name] = values
    return result
