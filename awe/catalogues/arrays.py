"""Columns as numpy and as Arrow arrays, without loss: types, vectors, missing values."""
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from awe.catalogues.column import Column
from awe.errors import CatalogueError


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column."""
    scalar = {"bool": pa.bool_(), "str": pa.string()}.get(column.scalar) or pa.from_numpy_dtype(np.dtype(column.scalar))
    return pa.list_(scalar, column.length) if column.length else scalar


def to_arrow_array(values: npt.NDArray[Any], column: Column) -> pa.Array:
    """Return numpy values as an Arrow array of the column's type; NaN has one bit pattern, masked values are null."""
    mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    plain = np.ma.getdata(values)
    if column.scalar == "str":
        texts = [v.decode() if isinstance(v, bytes) else None if v is None else str(v) for v in plain.tolist()]
        return pa.array([None if mask is not None and mask[i] else t for i, t in enumerate(texts)], pa.string())
    plain = plain.astype(column.scalar, copy=True)
    if plain.dtype.kind == "f":
        plain[np.isnan(plain)] = np.nan
    if column.length:
        if mask is not None:
            if plain.dtype.kind != "f":
                raise CatalogueError(f"vector column {column.name} misses whole numbers; make it a column of floats")
            plain[mask] = np.nan
        return pa.FixedSizeListArray.from_arrays(pa.array(plain.ravel()), column.length)
    return pa.array(plain, arrow_type(column), mask=mask)


def from_arrow_array(chunked: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return an Arrow column as a fresh numpy array, masked where values are null, (n, k) for vectors."""
    array = chunked.combine_chunks() if isinstance(chunked, pa.ChunkedArray) else chunked
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if pa.types.is_fixed_size_list(array.type):
        return np.array(array.flatten()).reshape(len(array), array.type.list_size)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not array.null_count:
        values = np.array(array.to_numpy(zero_copy_only=False))
        return values.astype(str if len(values) else "U1") if pa.types.is_string(array.type) else values
    missing = np.asarray(array.is_null())
    filler: Any = "" if pa.types.is_string(array.type) else False if pa.types.is_boolean(array.type) else 0
    filled = np.array(array.fill_null(filler).to_numpy(zero_copy_only=False))
    return np.ma.MaskedArray(filled.astype(str) if filler == "" else filled, mask=missing)
