"""Tables in the forms that programs take: CSV, VOTable, FITS, Parquet, JSON, and as a few lines of Python."""
from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable
from starlette.responses import Response

from awe.errors import QueryError
from awe.services.shown import Column, Table

#: Rows that one answer holds; who wants more asks for them in parts.
MOST_ROWS = 200_000
FORMS = ("csv", "json", "votable", "fits", "parquet", "python")
ARROW: dict[type, Any] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime.datetime: pa.timestamp("us", tz="UTC")}
FILLED: dict[type, Any] = {int: 0, float: np.nan, bool: False}
DTYPES: dict[type, Any] = {int: np.int64, float: np.float64, bool: np.bool_}


def exported(table: Table, form: str) -> Response:
    """A table as an answer in one of the forms; raises QueryError for a table that has no such form."""
    if form == "python" and not table.python:
        raise QueryError(f"{table.name} has no lines of Python that make it; take it as csv or json")
    rows = [tuple(row) for row in table.rows]
    if len(rows) > MOST_ROWS:
        raise QueryError(f"{table.name} has more than {MOST_ROWS} rows; narrow it down, or take it in parts")
    write, kind, end = WRITERS[form]
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", table.name)[:80] or "table"
    return Response(write(table, rows), headers={"Content-Disposition": f'attachment; filename="{name}{end}"'}, media_type=kind)


def as_csv(table: Table, rows: Sequence[Sequence[Any]]) -> bytes:
    """Comma-separated values under one line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([[cell(value) for value in row] for row in rows])
    return text.getvalue().encode("utf8")


def cell(value: Any) -> Any:
    """One value in a text file."""
    if isinstance(value, datetime.datetime):
        return value.isoformat().removesuffix("+00:00")
    return value.hex() if isinstance(value, bytes) else repr(value) if isinstance(value, float) else "" if value is None else value


def astropy_table(table: Table, rows: Sequence[Sequence[Any]]) -> AstropyTable:
    """The table with units, meanings and masks, as astropy has it."""
    found = AstropyTable(meta={"name": table.name})
    for place, column in enumerate(table.columns):
        found[column.name] = astropy_column(column, [row[place] for row in rows])
    return found


def astropy_column(column: Column, values: list[Any]) -> MaskedColumn:
    """One column; what is missing is masked."""
    missing = np.array([value is None for value in values], bool)
    if column.type in DTYPES:
        data = np.array([FILLED[column.type] if value is None else value for value in values], DTYPES[column.type])
    else:
        texts = [cell(value) for value in values]
        data = np.array([str(text) for text in texts], np.str_) if texts else np.empty(0, "U1")
    found = MaskedColumn(data, mask=missing if len(values) else False, description=column.doc or None)
    found.unit = None
    return found


def with_units(table: Table, found: AstropyTable) -> AstropyTable:
    """The same with units as plain texts: what a database says is no place to argue about their grammar."""
    for column in table.columns:
        if column.unit:
            found[column.name].description = f"{column.doc} [{column.unit}]".strip()
    return found


def as_votable(table: Table, rows: Sequence[Sequence[Any]]) -> bytes:
    """A VOTable of the International Virtual Observatory Alliance."""
    buffer = io.BytesIO()
    with_units(table, astropy_table(table, rows)).write(buffer, format="votable", table_id=None, tabledata_format="tabledata")
    return buffer.getvalue()


def as_fits(table: Table, rows: Sequence[Sequence[Any]]) -> bytes:
    """A FITS binary table; texts are in ASCII there, and other letters become question marks."""
    found, buffer = astropy_table(table, rows), io.BytesIO()
    for name in found.colnames:
        if found[name].dtype.kind == "U":
            ascii_only = np.array([text.encode("ascii", "replace") for text in found[name].filled("")], np.bytes_)
            found[name] = ascii_only if len(rows) else np.empty(0, "S1")
    found.write(buffer, format="fits")
    return buffer.getvalue()


def as_parquet(table: Table, rows: Sequence[Sequence[Any]]) -> bytes:
    """A Parquet file; units and meanings stand in the metadata of the fields."""
    fields, columns = [], []
    for place, column in enumerate(table.columns):
        kind = ARROW.get(column.type, pa.string())
        values = [row[place] for row in rows]
        if kind == pa.string():
            values = [None if value is None else str(cell(value)) for value in values]
        columns.append(pa.array(values, kind))
        fields.append(pa.field(column.name, kind, metadata={"unit": column.unit, "description": column.doc}))
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), buffer)
    return buffer.getvalue()


def as_python(table: Table, rows: Sequence[Sequence[Any]]) -> bytes:
    """The lines that make the same."""
    return table.python.encode("utf8")


WRITERS: dict[str, tuple[Callable[[Table, Sequence[Sequence[Any]]], bytes], str, str]] = {
    "csv": (as_csv, "text/csv; charset=utf-8", ".csv"), "votable": (as_votable, "application/x-votable+xml", ".vot"),
    "fits": (as_fits, "application/fits", ".fits"), "parquet": (as_parquet, "application/vnd.apache.parquet", ".parquet"),
    "python": (as_python, "text/x-python; charset=utf-8", ".py")}
