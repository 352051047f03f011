"""One column of a source table: its name, unit, meaning and type."""
from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import numpy as np

from awe.errors import CatalogueError, did_you_mean

SCALARS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "str",
)
"""Words a column's type may be; a number in brackets after one, as in ``float32[5]``, makes a vector of each row."""

_DTYPE = re.compile(r"(?P<scalar>[a-z]+\d*)(?:\[(?P<length>[1-9]\d*)\])?")


@dataclass(frozen=True)
class Column:
    """A column of a source table, as open-ended as astronomers are.

    `unit` is written as the VO and FITS do (``deg``, ``mag``, ``pixel``, ``mas/yr``); `ucd` is a UCD1+ word list.
    """

    name: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    dtype: str = "float64"

    def __post_init__(self) -> None:
        """Refuse a column without a name or of an unknown type."""
        if not self.name or self.name != self.name.strip():
            raise CatalogueError(f"a column is named {self.name!r}; give it a name without blanks at its ends")
        found = _DTYPE.fullmatch(self.dtype)
        if found is None or found["scalar"] not in SCALARS:
            raise CatalogueError(f"column {self.name} is of type {self.dtype!r}{did_you_mean(self.dtype, SCALARS)}")

    @property
    def scalar(self) -> str:
        """The type of one element."""
        return self.dtype.partition("[")[0]

    @property
    def length(self) -> int:
        """Elements per row of a vector column; 0 for a plain one."""
        return int(self.dtype.partition("[")[2].rstrip("]") or 0)

    def as_dict(self) -> dict[str, str]:
        """Return the column as plain JSON data."""
        return asdict(self)


def dtype_word(dtype: np.dtype[np.generic], length: int = 0) -> str:
    """Return the word for a numpy type; raises `CatalogueError` for what no table can hold."""
    if dtype.kind in "SU" or dtype.kind == "O":
        word = "str"
    elif dtype.kind == "f":
        word = "float64" if dtype.itemsize > 4 else "float32"
    else:
        word = dtype.newbyteorder("=").name
    if word not in SCALARS:
        raise CatalogueError(f"values of type {dtype} cannot stand in a source table; convert to one of {', '.join(SCALARS)}")
    return f"{word}[{length}]" if length else word
