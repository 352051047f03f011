"""An image as a FITS file, byte by byte: what astropy writes, in one pass over the pixels, and without its ceremony.

Pixels are brought into the byte order of FITS where they will lie in the file, and summed up for the checksum on the way; astropy
copies them four times for that.  Of the headers only the cards that say something about the sky or the instrument are formatted by
astropy: what says how the pixels lie is of few forms, and for a small chip astropy would take ten times as long for it as for all else.
The checksum is that of the FITS standard 4.0, appendix J.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from awe.errors import FitsError

BLOCK = 2880
CHECKSUM_COMMENT = "checksum of this HDU"
OFFSET = 1 << 15
"""What is subtracted from unsigned 16-bit pixels, which FITS stores as signed."""
ROWS = 1 << 16
"""Pixels that are summed up at a time, while they are in the processor's cache."""
EXCLUDED = [*range(0x3A, 0x41), *range(0x5B, 0x61)]
STORED = {"-32": ">f4", "16": ">i2"}
"""How pixels are stored, by BITPIX."""

Cards = Mapping[str, Any]
Hdu = tuple[str, NDArray[Any], Cards]
"""The name of an HDU (that of the primary is not written), its pixels (float32 or uint16), its cards."""


def file_of(hdus: Sequence[Hdu]) -> bytearray:
    """Return the FITS file of some HDUs, the primary first."""
    heads = [header(place, hdu) for place, hdu in enumerate(hdus)]
    sizes = [padded(pixels.size * pixels.itemsize) for _, pixels, _ in hdus]
    whole = bytearray(sum(len(with_checksums(head, 0, 0)) for head in heads) + sum(sizes))
    start = 0
    for head, (_, pixels, _), size in zip(heads, hdus, sizes, strict=True):
        body = start + len(with_checksums(head, 0, 0))
        datasum = store(pixels, memoryview(whole)[body:body + pixels.size * pixels.itemsize])
        total = added(datasum, words_sum(np.frombuffer(with_checksums(head, datasum, 0), ">u4")))
        whole[start:body] = with_checksums(head, datasum, total)
        start = body + size
    return whole


def header(place: int, hdu: Hdu) -> str:
    """The cards of an HDU but for its checksums."""
    name, pixels, cards = hdu
    axes = [card(f"NAXIS{axis}", str(length)) for axis, length in enumerate(reversed(pixels.shape), start=1)]
    lie = [card("BITPIX", "-32" if pixels.dtype == np.float32 else "16", "array data type"),
           card("NAXIS", str(pixels.ndim), "number of array dimensions"), *axes]
    offset = [card("BSCALE", "1"), card("BZERO", str(OFFSET))] if pixels.dtype == np.uint16 else []
    if place == 0:
        whole = [card("SIMPLE", "T", "conforms to FITS standard"), *lie, card("EXTEND", "T"), *offset]
    else:
        whole = [card("XTENSION", f"{quoted('IMAGE'):20}", "Image extension"), *lie, card("PCOUNT", "0", "number of parameters"),
                 card("GCOUNT", "1", "number of groups"), *offset, card("EXTNAME", f"{quoted(name):20}", "extension name")]
    more = fits.Header()
    more.update(cards)
    return "".join(whole) + str(more.tostring(endcard=False, padding=False))


def card(keyword: str, value: str, comment: str = "") -> str:
    """One card of fixed form."""
    text = f"{keyword:8}= {value:>20}" + (f" / {comment}" if comment else "")
    return f"{text:80}"


def quoted(text: str) -> str:
    """A short text as the value of a card."""
    return f"'{text:8}'"


def padded(size: int) -> int:
    """The size of whole FITS blocks."""
    return -(-size // BLOCK) * BLOCK


def with_checksums(head: str, datasum: int, total: int) -> bytes:
    """A whole header; `total` is the checksum of all else, and 0 puts in what adds nothing."""
    checksum = card("CHECKSUM", f"{quoted(encoded(total) if total else '0' * 16):20}", CHECKSUM_COMMENT)
    text = f"{head}{checksum}{card('DATASUM', f'{quoted(str(datasum)):20}', CHECKSUM_COMMENT)}{'END':80}"
    return text.ljust(padded(len(text))).encode("ascii")


def read_file(content: bytes, name: str) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """The HDUs of a file that `file_of` wrote: name, header as text, and pixels in native byte order.

    Raises
    ------
    FitsError
        It is another kind of file, or was cut short; `name` is what the message calls it.
    """
    at = 0
    while at < len(content) or not content:
        begin, text = at, ""
        while not (end := end_of(text)):
            block = content[at:at + BLOCK]
            if len(block) < BLOCK or not block.isascii():
                raise FitsError(f"{name}: a header of an image was expected at byte {at}, and is not there; run `awe fsck`")
            text, at = text + block.decode("ascii"), at + BLOCK
        head = {text[k:k + 8].rstrip(): text[k + 10:k + 30].strip() for k in range(0, end, 80)}
        try:
            shape = tuple(int(head[f"NAXIS{axis}"]) for axis in range(int(head["NAXIS"]), 0, -1))
            stored = np.frombuffer(content, STORED[head["BITPIX"]], int(np.prod(shape)), at).reshape(shape)
        except (KeyError, ValueError):
            raise FitsError(f"{name}: the HDU at byte {begin} is no image as awe writes them, or was cut short; run `awe fsck`") from None
        at += padded(stored.nbytes)
        native = stored.astype(stored.dtype.newbyteorder("="))
        yield head.get("EXTNAME", "").strip("' "), text[:end], native.view(np.uint16) ^ np.uint16(OFFSET) if "BZERO" in head else native


def end_of(text: str) -> int:
    """Where the card END begins, in the last block of a header; 0 where there is none yet."""
    return next((at for at in range(max(0, len(text) - BLOCK), len(text), 80) if text[at:at + 80].rstrip() == "END"), 0)


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
