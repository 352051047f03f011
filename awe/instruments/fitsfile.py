"""FITS files opened with care: every size is known and within limits before anything is allocated.

A file is scanned once, header by header, without touching pixels; a compressed file is decompressed forwards, no
further than its own headers say, so that a bomb is refused after the first header that promises too much, or after
the first surplus block. Pixels are read one HDU at a time, with their checksums verified.
"""
from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from astropy.io.fits import Header
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from awe.errors import FitsError, HeaderError
from awe.instruments.checksum import is_zero, ones_complement_sum
from awe.instruments.rawbytes import Reader, compression_of, opened
from awe.instruments.source import Value, card_value
from awe.instruments.structure import BLOCK, Structure, image_header, padded, read_structure
from awe.instruments.tiles import decompress

#: What FITS does not allow in headers: control characters are read as blanks, others beyond ASCII as question marks.
_PRINTABLE = bytes(32 if byte < 32 else byte if byte < 127 else ord("?") for byte in range(256))


@dataclass(frozen=True)
class Limits:
    """What a file may hold at most; beyond `trusted_bytes` a compressed file may grow by `growth` and no more."""

    header_bytes: int = 4 << 20
    hdus: int = 1000
    pixels: int = 1 << 30
    data_bytes: int = 8 << 30
    surplus_bytes: int = 64 * BLOCK
    trusted_bytes: int = 512 << 20
    growth: int = 200


@dataclass(frozen=True)
class Hdu:
    """One header-data unit: `header` as of the image it holds, `raw` as it stands in the file."""

    index: int
    header: Header
    raw: Header
    structure: Structure
    header_offset: int
    data_offset: int

    @property
    def name(self) -> str:
        """EXTNAME, or the empty string; where a compressor wrote one too, that of the image."""
        count = self.header.count("EXTNAME") if "EXTNAME" in self.header else 0
        names = [str(_card(self.header, ("EXTNAME", n), "") or "") for n in range(count)]
        return next((name for name in reversed(names) if name != "COMPRESSED_IMAGE"), names[0] if names else "")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image as numpy has it; empty where there is none."""
        return self.structure.shape

    @property
    def is_image(self) -> bool:
        """Whether there are pixels in two dimensions."""
        return self.structure.kind == "image" and len(self.shape) == 2


class FitsFile:
    """An opened file: `hdus` at once, pixels on demand. Use it in a ``with`` statement.

    Parameters
    ----------
    path : str or Path
        ``.fits``, ``.fits.gz``, ``.fits.bz2`` or ``.fits.fz``; told by content, not by name.
    limits : Limits
        What is refused.
    checksum : str
        ``verify`` (CHECKSUM and DATASUM where present), ``data`` (DATASUM alone) or ``ignore``.
    name : str, optional
        What the file was called where it comes from, for rules that look at file names, if it is kept under another.

    Raises
    ------
    FitsError
        Empty, cut short, damaged, not FITS, larger than the limits, or (on reading) with a wrong checksum.
    """

    def __init__(self, path: str | Path, *, limits: Limits | None = None, checksum: str = "verify",
                 name: str | None = None) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        self.limits = limits or Limits()
        self.checksum = checksum
        self._stack = ExitStack()
        compressed = compression_of(self.path) is not None
        self._stream = self._stack.enter_context(opened(self.path))
        self._reader = Reader(self._stream, self.name, keep=compressed)
        if self._reader.spool is not None:
            self._stack.callback(self._reader.spool.close)
        try:
            self.hdus = self._scan()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FitsFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()

    @property
    def primary(self) -> Header:
        """Header of the first HDU."""
        return self.hdus[0].header

    def images(self) -> list[Hdu]:
        """Return the HDUs that hold a two-dimensional image."""
        return [hdu for hdu in self.hdus if hdu.is_image]

    def find(self, which: int | str) -> Hdu | None:
        """Return the HDU with an index or an EXTNAME (case does not matter), or None."""
        if isinstance(which, int):
            return self.hdus[which] if 0 <= which < len(self.hdus) else None
        named = [hdu for hdu in self.hdus if hdu.name.casefold() == which.strip().casefold()]
        return named[0] if named else None

    def pixels(self, which: int | str) -> NDArray[Any]:
        """Return the image of one HDU, (ny, nx), native byte order, BZERO and BSCALE applied, BLANK as NaN.

        Unsigned 16-bit data come as uint16; scaled data as float32 (float64 from 32-bit integers).
        """
        hdu = self.find(which)
        if hdu is None or hdu.structure.kind != "image":
            raise FitsError(f"{self.name}: has no image in HDU {which!r}; there are "
                            f"{', '.join(f'{h.index} {h.name}'.strip() for h in self.images()) or 'no images'}")
        content = self._content(hdu)
        self._verify(hdu, content)
        if hdu.structure.compressed:
            return decompress(self.name, hdu.raw, hdu.structure, self._stored(hdu), content)
        return scaled(hdu.structure, np.frombuffer(content, dtype=hdu.structure.dtype, count=hdu.structure.pixels))

    def verify(self) -> None:
        """Verify the checksums of all HDUs, those without pixels included."""
        if self.checksum != "ignore":
            for hdu in self.hdus:
                if hdu.structure.data_bytes == 0 or "DATASUM" in hdu.raw or "CHECKSUM" in hdu.raw:
                    self._verify(hdu, self._content(hdu))

    def _scan(self) -> list[Hdu]:
        hdus: list[Hdu] = []
        total = 0
        while len(hdus) <= self.limits.hdus:
            offset = self._reader.position
            raw = self._next_header(first=not hdus)
            if raw is None:
                return hdus
            structure = self._structure(raw, len(hdus))
            total += structure.data_bytes
            self._check_limits(structure, total, len(hdus))
            hdus.append(Hdu(len(hdus), image_header(raw, structure), raw, structure, offset, self._reader.position))
            there = self._reader.skip(padded(structure.data_bytes))
            if there < structure.data_bytes:
                raise FitsError(f"{self.name}: is cut short: HDU {len(hdus) - 1} should have {structure.data_bytes} "
                                f"bytes of data and has {there}; fetch the file again")
            if there < padded(structure.data_bytes):
                return hdus
        raise FitsError(f"{self.name}: has more than {self.limits.hdus} HDUs, the limit; split the file")

    def _structure(self, raw: Header, index: int) -> Structure:
        try:
            return read_structure(raw, self.name, index)
        except FitsError as error:
            raise FitsError(f"{error}; the header is damaged, fetch the file again") from None

    def _check_limits(self, structure: Structure, total: int, index: int) -> None:
        if structure.pixels > self.limits.pixels:
            raise FitsError(f"{self.name}: HDU {index} says it has {'x'.join(map(str, structure.shape[::-1]))} pixels, "
                            f"more than the limit of {self.limits.pixels}; the header is damaged, fetch the file again")
        size = self.path.stat().st_size
        if self._reader.spool is not None and total > max(self.limits.trusted_bytes, self.limits.growth * size):
            raise FitsError(f"{self.name}: {size} compressed bytes should grow to {total} bytes of data up to HDU {index}, "
                            f"more than {self.limits.growth} times: a decompression bomb; leave it out, or "
                            "unpack it yourself if you trust it")
        if total > self.limits.data_bytes:
            raise FitsError(f"{self.name}: says it has {total} bytes of data up to HDU {index}, more than the limit of "
                            f"{self.limits.data_bytes}; split the file")

    def _next_header(self, first: bool) -> Header | None:
        """Return the next header; None at the end of the file."""
        blocks = bytearray()
        while True:
            block = self._reader.read(BLOCK)
            if not blocks and not first and not block.startswith(b"XTENSION"):
                self._check_surplus(block)
                return None
            if first and not blocks and not block.startswith(b"SIMPLE  ="):
                raise FitsError(f"{self.name}: is not a FITS file; it begins with {bytes(block[:20])!r}; leave it out, or fetch it again")
            if len(block) < BLOCK:
                raise FitsError(f"{self.name}: is cut short inside a header, at byte {self._reader.position}; fetch "
                                "the file again")
            blocks += block
            if _has_end(block):
                return parsed(bytes(blocks))
            if len(blocks) > self.limits.header_bytes:
                raise FitsError(f"{self.name}: has a header of more than {self.limits.header_bytes} bytes, the limit; take out "
                                "cards that nobody needs")

    def _check_surplus(self, block: bytes) -> None:
        """Pass over a little that follows the last HDU; refuse much."""
        surplus = len(block) + self._reader.skip(self.limits.surplus_bytes) if block else 0
        if surplus > self.limits.surplus_bytes:
            raise FitsError(f"{self.name}: goes on for more than {self.limits.surplus_bytes} bytes after its last "
                            "HDU; it is damaged, or a decompression bomb: fetch it again")

    def _stored(self, hdu: Hdu) -> bytes:
        """Return the bytes of a header."""
        return self._bytes(hdu.header_offset, hdu.data_offset - hdu.header_offset)

    def _content(self, hdu: Hdu) -> bytes:
        """Return the bytes of the data, without padding."""
        return self._bytes(hdu.data_offset, hdu.structure.data_bytes)

    def _bytes(self, offset: int, size: int) -> bytes:
        spool = self._reader.spool if self._reader.spool is not None else self._stream
        spool.seek(offset)
        content = spool.read(size)
        if len(content) < size:
            raise FitsError(f"{self.name}: became shorter while it was read")
        return content

    def _verify(self, hdu: Hdu, content: bytes) -> None:
        if self.checksum == "ignore":
            return
        total = ones_complement_sum(content)
        where = f"{self.name}: HDU {hdu.index}: "
        stated = str(_card(hdu.raw, "DATASUM", where) or "")
        if stated.isdigit() and int(stated) != total and not (is_zero(int(stated)) and is_zero(total)):
            raise FitsError(f"{self.name}: wrong checksum: the data of HDU {hdu.index} sum to {total}, DATASUM says "
                            f"{stated}; fetch the file again")
        if self.checksum != "verify" or not str(_card(hdu.raw, "CHECKSUM", where) or "").strip(" 0"):
            return
        if not is_zero(ones_complement_sum(self._stored(hdu), total)):
            raise FitsError(f"{self.name}: wrong checksum: header and data of HDU {hdu.index} do not add up as CHECKSUM "
                            "says; fetch the file again, or say checksum = \"data\" in the instrument file")


def open_fits(path: str | Path, *, limits: Limits | None = None, checksum: str = "verify",
              name: str | None = None) -> FitsFile:
    """Open a FITS file with care; see `FitsFile`."""
    return FitsFile(path, limits=limits, checksum=checksum, name=name)


def _card(header: Header, keyword: str | tuple[str, int], where: str) -> Value | None:
    try:
        return card_value(header, keyword)
    except HeaderError as error:
        raise FitsError(f"{where}{error}") from None


def parsed(blocks: bytes) -> Header:
    """The header that some blocks hold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # odd keywords; what is needed is checked by name
        return Header.fromstring(blocks.translate(_PRINTABLE).decode("ascii"))


def _has_end(block: bytes) -> bool:
    return any(block[at:at + 80].rstrip() == b"END" for at in range(0, len(block), 80))


def scaled(structure: Structure, data: NDArray[Any]) -> NDArray[Any]:
    """Apply BZERO, BSCALE and BLANK to pixels as they are stored."""
    image = data.reshape(structure.shape)
    native = image.astype(image.dtype.newbyteorder("="))
    blank = structure.blank if image.dtype.kind in "iu" else None
    lost = native == blank if blank is not None else None
    if structure.bscale == 1.0 and structure.bzero == 32768.0 and native.dtype == np.int16:
        native = (native.view(np.uint16) ^ np.uint16(0x8000))
    elif structure.bscale != 1.0 or structure.bzero != 0.0:
        wide: Any = np.float64 if native.dtype.itemsize >= 4 and native.dtype.kind in "iu" else np.float32
        native = np.asarray(native.astype(wide) * wide(structure.bscale) + wide(structure.bzero), dtype=wide)
    if lost is not None and lost.any():
        native = native.astype(np.float64 if native.dtype.itemsize >= 4 else np.float32)
        native[lost] = np.nan
    return native
