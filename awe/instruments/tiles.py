"""Tile-compressed images, decompressed only where no tile can grow beyond what the header allows."""
from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from awe.errors import FitsError, HeaderError
from awe.instruments.source import card_value
from awe.instruments.structure import BLOCK, Structure, padded

_ALGORITHMS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS")
_GZIP_COLUMNS = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA")
_WIDEST = 8


def decompress(name: str, header: fits.Header, structure: Structure, stored: bytes, content: bytes) -> NDArray[Any]:
    """Return the image of a tile-compressed HDU, native byte order, scaled; `stored` are the bytes of its header.

    Raises
    ------
    FitsError
        Unknown algorithm, tiles that cannot be, a tile that would grow beyond its size, damaged bytes.
    """
    try:
        algorithm = str(card_value(header, "ZCMPTYPE") or "").upper()
        tile = _tile_pixels(name, header, structure)
    except HeaderError as error:
        raise FitsError(f"{name}: {error}") from None
    if algorithm not in _ALGORITHMS:
        raise FitsError(f"{name}: compressed by {algorithm or 'nothing stated'}; known are {', '.join(_ALGORITHMS)}")
    packed = _empty_primary() + stored + content.ljust(padded(len(content)), b"\0")
    try:
        with fits.open(io.BytesIO(packed), disable_image_compression=True) as hdus:
            _check_gzip_tiles(name, hdus[1], algorithm, tile)
        with fits.open(io.BytesIO(packed), memmap=False) as hdus:
            data = np.asarray(hdus[1].data).reshape(structure.shape)
    except FitsError:
        raise
    except Exception as error:  # noqa: BLE001 - astropy raises many kinds on damaged tiles; all mean the same here
        reason = (str(error).splitlines() or [""])[0]
        raise FitsError(f"{name}: compressed pixels are damaged: {type(error).__name__}: {reason}") from None
    return np.ascontiguousarray(data.astype(data.dtype.newbyteorder("=")))


def _tile_pixels(name: str, header: fits.Header, structure: Structure) -> int:
    """Return the number of pixels of a whole tile, which must not exceed the image in any axis."""
    count = 1
    shape = structure.shape[::-1]
    for n in range(1, int(header["ZNAXIS"]) + 1):
        axis = int(header[f"ZNAXIS{n}"])
        tile = card_value(header, f"ZTILE{n}")
        tile = (shape[0] if n == 1 else 1) if tile is None else tile
        if isinstance(tile, bool) or not isinstance(tile, int) or not 1 <= tile <= max(axis, 1):
            raise FitsError(f"{name}: ZTILE{n} = {tile!r} cannot be for an axis of {axis} pixels")
        count *= tile
    return count


def _check_gzip_tiles(name: str, table: Any, algorithm: str, tile: int) -> None:
    """Refuse gzip tiles that hold more than a tile; the other algorithms are bounded by the size of the tile."""
    names = [column for column in _GZIP_COLUMNS if column in table.columns.names
             and (column != "COMPRESSED_DATA" or algorithm.startswith("GZIP"))]
    for column in names:
        for row in table.data[column]:
            packed = np.asarray(row).tobytes()
            if packed:
                grown = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(packed, tile * _WIDEST + 1)
                if len(grown) > tile * _WIDEST:
                    raise FitsError(f"{name}: a tile grows beyond its {tile} pixels; a decompression bomb")


def _empty_primary() -> bytes:
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    0",
             "EXTEND  =                    T", "END"]
    return "".join(card.ljust(80) for card in cards).ljust(BLOCK).encode()
