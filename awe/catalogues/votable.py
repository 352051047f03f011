"""VOTables: the description of columns without data, as VOParquet wants it, and whole tables in the BINARY2 form."""
from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

from awe.catalogues.column import Column

_DATATYPES = {
    "bool": "boolean", "int8": "short", "uint8": "unsignedByte", "int16": "short", "uint16": "int", "int32": "int",
    "uint32": "long", "int64": "long", "uint64": "long", "float32": "float", "float64": "double", "str": "unicodeChar",
}
_STORED = {"bool": "S1", "int8": ">i2", "uint8": "u1", "int16": ">i2", "uint16": ">i4", "int32": ">i4", "uint32": ">i8",
           "int64": ">i8", "uint64": ">i8", "float32": ">f4", "float64": ">f8"}


def votable_bytes(columns: Iterable[Column], arrays: Iterable[npt.NDArray[Any]], meta: dict[str, Any]) -> bytes:
    """Return a whole VOTable document in the BINARY2 form; masked values are null, texts have the width of the longest.

    Rows are built as one array, a hundred times as fast as element by element.
    """
    described = list(columns)
    values = [_stored(array, column) for array, column in zip(arrays, described, strict=True)]
    masks = [_row_mask(array) for array in values]
    rows = len(values[0]) if values else 0
    flags = np.packbits(np.column_stack(masks), axis=1)
    names = [f"f{place}" for place in range(len(values))]
    layout = [("null", "u1", (flags.shape[1],)), *((n, v.dtype, v.shape[1:]) for n, v in zip(names, values, strict=True))]
    record = np.zeros(rows, dtype=layout)
    record["null"] = flags
    for name, value in zip(names, values, strict=True):
        record[name] = np.ma.getdata(value)
    head, tail = votable_header(described, widths=[_width(v) for v in values], meta=meta).split("</TABLE>")
    stream = base64.encodebytes(record.tobytes()).decode()
    return f'{head}<DATA><BINARY2><STREAM encoding="base64">\n{stream}</STREAM></BINARY2></DATA>\n</TABLE>{tail}'.encode()


def votable_header(
    columns: Iterable[Column], widths: Iterable[int | None] | None = None, meta: dict[str, Any] | None = None
) -> str:
    """Return a VOTable document whose only table has the fields of `columns` and no rows.

    `widths` are the lengths of texts where they are fixed; `meta` becomes INFO elements.
    """
    described = list(columns)
    sizes = [None] * len(described) if widths is None else list(widths)
    fields = "".join(_field(column, size) for column, size in zip(described, sizes, strict=True))
    infos = "".join(
        f"<INFO name={quoteattr(key)} value={quoteattr(value if isinstance(value, str) else json.dumps(value))}/>\n"
        for key, value in (meta or {}).items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n<RESOURCE type="results">\n'
        f"{infos}<TABLE>\n{fields}</TABLE>\n</RESOURCE>\n</VOTABLE>\n"
    )


def _field(column: Column, width: int | None) -> str:
    attributes = {"name": column.name, "datatype": _DATATYPES[column.scalar], "unit": column.unit, "ucd": column.ucd}
    if column.length or column.scalar == "str":
        attributes["arraysize"] = str(column.length or width or "*")
    text = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items() if value)
    return f"<FIELD {text}><DESCRIPTION>{escape(column.description)}</DESCRIPTION></FIELD>\n"


def _stored(values: npt.NDArray[Any], column: Column) -> npt.NDArray[Any]:
    """Return values as the bytes of BINARY2: big-endian, T or F for truth, UTF-16 for texts."""
    plain = np.ma.getdata(values)
    if column.scalar == "str":
        texts = [str(text).encode("utf-16-be") for text in plain]
        width = max((len(text) for text in texts), default=0) or 2
        stored: npt.NDArray[Any] = np.array(texts, dtype=f"S{width}").view("u1").reshape(len(texts), width)
    elif column.scalar == "bool":
        stored = np.where(plain, b"T", b"F")
    else:
        stored = plain.astype(_STORED[column.scalar])
    mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.zeros(len(plain), dtype=bool)
    return np.ma.MaskedArray(stored, mask=np.broadcast_to(mask.reshape(-1, *[1] * (stored.ndim - 1)), stored.shape)
                             if mask.ndim == 1 else mask)


def _row_mask(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    mask = np.ma.getmaskarray(values)
    return np.asarray(mask if mask.ndim == 1 else np.all(mask, axis=1), dtype=bool)


def _width(values: npt.NDArray[Any]) -> int | None:
    """Return the characters of a text column, None for others."""
    return values.shape[1] // 2 if values.dtype == np.uint8 and values.ndim == 2 else None
