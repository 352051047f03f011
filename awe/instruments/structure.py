"""The size and kind of an HDU, as its header promises, with nonsense refused."""
from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header
from numpy.typing import NDArray

from awe.errors import FitsError, HeaderError
from awe.instruments.source import card_value

BLOCK = 2880
_DTYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_TABLE_WORDS = frozenset((
    "TTYPE", "TFORM", "TFIELDS", "THEAP", "ZTILE", "ZNAME", "ZVAL", "ZCMPTYPE", "ZIMAGE", "ZTENSION", "ZBITPIX",
    "ZNAXIS", "ZPCOUNT", "ZGCOUNT", "ZQUANTIZ", "ZDITHER0", "ZHECKSUM", "ZDATASUM", "CHECKSUM", "DATASUM",
    "ZSIMPLE", "ZEXTEND", "ZBLANK", "ZSCALE", "ZZERO"))

__all__ = ["BLOCK", "NDArray", "Structure", "image_header", "padded", "read_structure"]


@dataclass(frozen=True)
class Structure:
    """What an HDU holds: `kind` is image, table or empty; `shape` is that of the image, tiles put together."""

    kind: str
    shape: tuple[int, ...]
    bitpix: int
    data_bytes: int
    compressed: bool = False
    bzero: float = 0.0
    bscale: float = 1.0
    blank: int | None = None

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape) if self.shape else 0

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the pixels in the file."""
        return np.dtype(_DTYPES[self.bitpix])


def padded(size: int) -> int:
    """Return `size` rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


def read_structure(header: Header, file: str, index: int) -> Structure:
    """Return the structure that a header promises.

    Raises
    ------
    FitsError
        Where a mandatory keyword is missing or cannot be.
    """
    where = f"{file}: HDU {index}"
    bitpix = _integer(header, "BITPIX", where)
    axes = _axes(header, "NAXIS", where)
    if bitpix not in _DTYPES:
        raise FitsError(f"{where}: BITPIX = {bitpix} is none of {', '.join(map(str, _DTYPES))}")
    if _value(header, "GROUPS", where) is True or (len(axes) > 1 and axes[0] == 0 and index == 0):
        raise FitsError(f"{where}: holds random groups, which are not read")
    pcount, gcount = _integer(header, "PCOUNT", where, 0), _integer(header, "GCOUNT", where, 1)
    if pcount < 0 or gcount < 1:
        raise FitsError(f"{where}: PCOUNT = {pcount}, GCOUNT = {gcount} cannot be")
    size = abs(bitpix) // 8 * gcount * (pcount + math.prod(axes)) if axes else 0
    extension = str(_value(header, "XTENSION", where) or "IMAGE").upper()
    if extension in ("BINTABLE", "A3DTABLE") and _value(header, "ZIMAGE", where) is True:
        return _tiled(header, where, size)
    if extension not in ("IMAGE", "IUEIMAGE"):
        return Structure("table", (), bitpix, size)
    return Structure("image" if math.prod(axes) and axes else "empty", _squeezed(axes), bitpix, size,
                     bzero=_real(header, "BZERO", where, 0.0), bscale=_real(header, "BSCALE", where, 1.0),
                     blank=_blank(header, where))


def image_header(raw: Header, structure: Structure) -> Header:
    """Return the header of the image: for tile-compressed HDUs that of the image within."""
    if not structure.compressed:
        return raw
    header = Header(copy.copy(card) for card in raw.cards if not _belongs_to_table(card.keyword))
    header["BITPIX"] = structure.bitpix
    header["NAXIS"] = len(structure.shape)
    for n, size in enumerate(reversed(structure.shape)):
        header[f"NAXIS{n + 1}"] = size
    header["PCOUNT"], header["GCOUNT"] = 0, 1
    return header


def _belongs_to_table(keyword: str) -> bool:
    stem = keyword.rstrip("0123456789")
    return stem in _TABLE_WORDS or keyword in _TABLE_WORDS


def _tiled(header: Header, where: str, size: int) -> Structure:
    bitpix = _integer(header, "ZBITPIX", where)
    if bitpix not in _DTYPES:
        raise FitsError(f"{where}: ZBITPIX = {bitpix} is none of {', '.join(map(str, _DTYPES))}")
    return Structure("image", _squeezed(_axes(header, "ZNAXIS", where)), bitpix, size, compressed=True,
                     bzero=_real(header, "BZERO", where, 0.0), bscale=_real(header, "BSCALE", where, 1.0))


def _squeezed(axes: list[int]) -> tuple[int, ...]:
    """Return the numpy shape, without outer axes of length one."""
    while len(axes) > 2 and axes[-1] == 1:
        axes = axes[:-1]
    return tuple(reversed(axes))


def _axes(header: Header, word: str, where: str) -> list[int]:
    count = _integer(header, word, where)
    if not 0 <= count <= 999:
        raise FitsError(f"{where}: {word} = {count} cannot be")
    axes = [_integer(header, f"{word}{n}", where) for n in range(1, count + 1)]
    if any(axis < 0 for axis in axes):
        raise FitsError(f"{where}: has an axis of negative length: {axes}")
    return axes


def _integer(header: Header, word: str, where: str, default: int | None = None) -> int:
    value = _value(header, word, where)
    if value is None and default is not None:
        return default
    if value is None:
        raise FitsError(f"{where}: lacks the mandatory keyword {word}")
    if isinstance(value, bool) or not isinstance(value, int):
        raise FitsError(f"{where}: {word} = {value!r} should be a whole number")
    return value


def _real(header: Header, word: str, where: str, default: float) -> float:
    value = _value(header, word, where)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FitsError(f"{where}: {word} = {value!r} should be a number")
    return float(value)


def _blank(header: Header, where: str) -> int | None:
    value = _value(header, "BLANK", where)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _value(header: Header, word: str, where: str) -> object:
    try:
        return card_value(header, word)
    except HeaderError as error:
        raise FitsError(f"{where}: {error}") from None
