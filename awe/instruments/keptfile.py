"""Pixels of a file that was verified when it came in and never changes: where its HDUs lie is found once.

A camera of many chips has one file with as many HDUs, which is read once for each chip; only the first of these scans it.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.instruments.fitsfile import open_fits, parsed, scaled
from awe.instruments.rawbytes import compression_of
from awe.instruments.structure import Structure
from awe.instruments.tiles import decompress

#: So many files are known at a time; each takes some hundred bytes an HDU.
KNOWN = 512


class Place(NamedTuple):
    """Where an HDU lies in its file, and what it holds."""

    structure: Structure
    header: int
    data: int


@functools.lru_cache(maxsize=KNOWN)
def places(path: Path, name: str) -> tuple[Place, ...] | None:
    """The HDUs of a file; None where it is compressed as a whole, so that it can only be read from its beginning."""
    if compression_of(path) is not None:
        return None
    with open_fits(path, checksum="ignore", name=name) as file:
        return tuple(Place(hdu.structure, hdu.header_offset, hdu.data_offset) for hdu in file.hdus)


def kept_pixels(path: Path, which: Iterable[int], name: str) -> dict[int, NDArray[Any]]:
    """The images of some HDUs of a file that never changes, as `FitsFile.pixels` gives them.

    Parameters
    ----------
    path : Path
        A file whose content was verified, and which no other will ever take the place of.
    which : ints
        Indices of HDUs.
    name : str
        What the file is called in messages.

    Raises
    ------
    FitsError
        It is no longer what it was, or an HDU holds no image.
    """
    known = places(path, name)
    if known is None or not all(0 <= index < len(known) and known[index].structure.kind == "image" for index in which):
        with open_fits(path, checksum="ignore", name=name) as file:
            return {index: file.pixels(index) for index in which}
    with open(path, "rb") as stream:
        return {index: _pixels(stream.fileno(), known[index], name) for index in which}


def _pixels(descriptor: int, place: Place, name: str) -> NDArray[Any]:
    structure = place.structure
    content = _bytes(descriptor, structure.data_bytes, place.data, name)
    if structure.compressed:
        stored = _bytes(descriptor, place.data - place.header, place.header, name)
        return decompress(name, parsed(stored), structure, stored, content)
    return scaled(structure, np.frombuffer(content, dtype=structure.dtype, count=structure.pixels))


def _bytes(descriptor: int, size: int, offset: int, name: str) -> bytes:
    found = os.pread(descriptor, size, offset)
    while len(found) < size and (more := os.pread(descriptor, size - len(found), offset + len(found))):
        found += more
    if len(found) < size:
        raise FitsError(f"{name}: became shorter while it was read")
    return found
