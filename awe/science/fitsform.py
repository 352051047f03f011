"""An array as an HDU of a FITS file, byte by byte: what astropy writes, in one pass over the pixels.

Pixels are brought into the byte order of FITS where they will lie in the file, and summed up for the checksum on the way; astropy
copies them four times for that.  Headers are astropy's.  The checksum is that of the FITS standard 4.0, appendix J.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

BLOCK = 2880
CHECKSUM_COMMENT = "checksum of this HDU"
OFFSET = 1 << 15
"""What is subtracted from unsigned 16-bit pixels, which FITS stores as signed."""
ROWS = 1 << 16
"""Pixels that are summed up at a time, while they are in the processor's cache."""
EXCLUDED = [*range(0x3A, 0x41), *range(0x5B, 0x61)]

HDU = Any
"""An image HDU of astropy."""


def file_of(hdus: Sequence[tuple[HDU, NDArray[Any]]]) -> bytearray:
    """Return the FITS file of some HDUs and their pixels: float32 or uint16 arrays.

    Parameters
    ----------
    hdus : sequence of (HDU, array)
        Each HDU was made of an array of that type and shape, so that its header tells of it; it holds all other cards.
    """
    sizes = [padded(pixels.size * pixels.itemsize) for _, pixels in hdus]
    headers = [header_with_checksums(hdu, 0, 0) for hdu, _ in hdus]
    whole = bytearray(sum(map(len, headers)) + sum(sizes))
    start = 0
    for (hdu, pixels), header, size in zip(hdus, headers, sizes, strict=True):
        body = start + len(header)
        datasum = store(pixels, memoryview(whole)[body:body + pixels.size * pixels.itemsize])
        without = header_with_checksums(hdu, datasum, 0)
        total = added(datasum, words_sum(np.frombuffer(without, ">u4")))
        whole[start:body] = header_with_checksums(hdu, datasum, total)
        start = body + size
    return whole


def padded(size: int) -> int:
    """The size of whole FITS blocks."""
    return -(-size // BLOCK) * BLOCK


def header_with_checksums(hdu: HDU, datasum: int, total: int) -> bytes:
    """The header of an HDU with its checksums; `total` is that of all else, and 0 puts in what adds nothing."""
    header: fits.Header = hdu.header
    header["CHECKSUM"] = (encoded(total) if total else "0" * 16, CHECKSUM_COMMENT)
    header["DATASUM"] = (str(datasum), CHECKSUM_COMMENT)
    return str(header.tostring()).encode("ascii")


def store(pixels: NDArray[Any], place: memoryview) -> int:
    """Put pixels, as FITS has them, into a place of their size; return their checksum."""
    flat = np.ascontiguousarray(pixels).reshape(-1)
    wide = np.frombuffer(place, ">u4" if flat.dtype == np.float32 else ">u2")
    words: NDArray[Any] = flat.view(np.uint32 if flat.dtype == np.float32 else np.uint16)
    total = 0
    for start in range(0, len(words), ROWS):
        part = words[start:start + ROWS]
        if part.dtype == np.uint16:
            part = part ^ np.uint16(OFFSET)
            total += (int(part[::2].sum(dtype=np.uint64)) << 16) + int(part[1::2].sum(dtype=np.uint64))
        else:
            total += int(part.sum(dtype=np.uint64))
        wide[start:start + ROWS] = part
    return folded(total)


def words_sum(words: NDArray[Any]) -> int:
    """The checksum of 32-bit words."""
    return folded(int(words.sum(dtype=np.uint64)))


def folded(total: int) -> int:
    """A sum in ones' complement of 32 bits: what is carried out is added below."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def added(one: int, other: int) -> int:
    """Two checksums together."""
    return folded(one + other)


def encoded(total: int) -> str:
    """The 16 characters that make the checksum of an HDU all ones: the complement of its sum, spread over printable letters."""
    complement = 0xFFFFFFFF - total
    columns = []
    for byte in complement.to_bytes(4, "big"):
        quarters = [byte // 4 + 0x30 + (byte % 4 if k == 0 else 0) for k in range(4)]
        while any(quarter in EXCLUDED for quarter in quarters):
            for k in (0, 2):
                if quarters[k] in EXCLUDED or quarters[k + 1] in EXCLUDED:
                    quarters[k] += 1
                    quarters[k + 1] -= 1
        columns.append(quarters)
    letters = [chr(columns[byte][quarter]) for quarter in range(4) for byte in range(4)]
    return letters[-1] + "".join(letters[:-1])
