"""The description of columns as a VOTable without data, as the VOParquet convention wants it."""
from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from awe.catalogues.column import Column

_DATATYPES = {
    "bool": "boolean", "int8": "short", "uint8": "unsignedByte", "int16": "short", "uint16": "int", "int32": "int",
    "uint32": "long", "int64": "long", "uint64": "long", "float32": "float", "float64": "double", "str": "unicodeChar",
}


def votable_header(columns: Iterable[Column]) -> str:
    """Return a VOTable document whose only table has the fields of `columns` and no rows."""
    fields = "".join(_field(column) for column in columns)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n<RESOURCE type="results">\n'
        f"<TABLE>\n{fields}</TABLE>\n</RESOURCE>\n</VOTABLE>\n"
    )


def _field(column: Column) -> str:
    attributes = {"name": column.name, "datatype": _DATATYPES[column.scalar], "unit": column.unit, "ucd": column.ucd}
    if column.length or column.scalar == "str":
        attributes["arraysize"] = str(column.length or "*")
    text = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items() if value)
    return f"<FIELD {text}><DESCRIPTION>{escape(column.description)}</DESCRIPTION></FIELD>\n"
