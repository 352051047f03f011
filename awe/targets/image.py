"""Images in files: one writer, so that the same pixels and cards are always the same bytes.

A frame is written as a primary HDU with its pixels, and extensions VARIANCE, WEIGHT, MASK, COVERAGE, FWHM and STDEV where it has
them.  The bytes hold no date of writing, no identity, no name of a person, host or input.
"""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from awe.science.coadd import CELL
from awe.science.fitsform import Hdu, file_of, read_file

PLANES = {"VARIANCE": np.float32, "WEIGHT": np.float32, "MASK": np.uint16, "COVERAGE": np.uint16, "FWHM": np.float32,
          "STDEV": np.float32}


@dataclass
class Image:
    """Pixels with the planes that say how far to trust them, and header cards.

    All planes have the shape of `data`, but for `fwhm`, the width of the PSF, which is coarser: one value for so many pixels along either
    axis as its card CELL says.
    """

    data: NDArray[Any]
    variance: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None
    mask: NDArray[Any] | None = None
    coverage: NDArray[Any] | None = None
    fwhm: NDArray[Any] | None = None
    cards: dict[str, Any] = field(default_factory=dict)
    stdev: NDArray[Any] | None = None

    def to_bytes(self) -> bytearray:
        """The FITS file."""
        hdus: list[Hdu] = [("", np.ascontiguousarray(self.data, dtype=stored_type(self.data)), clean_cards(self.cards))]
        for name, dtype in PLANES.items():
            plane = getattr(self, name.lower())
            if plane is not None:
                cell = {"CELL": (CELL, "pixels for each value")} if name == "FWHM" else {}
                hdus.append((name, np.ascontiguousarray(plane, dtype=dtype), cell))
        return file_of(hdus)

    def write(self, path: Path) -> None:
        """Write the FITS file."""
        path.write_bytes(self.to_bytes())

    @classmethod
    def read(cls, path: Path) -> Image:
        """Read a frame back, in native byte order."""
        (_, header, data), *others = read_file(path.read_bytes(), path.name)
        planes = {name.lower(): plane for name, _, plane in others}
        return cls(data, cards=science_cards(fits.Header.fromstring(header)), **planes)

    def replace(self, **changes: Any) -> Image:
        """The same image with some planes exchanged."""
        return dataclasses.replace(self, **changes)


def stored_type(data: NDArray[Any]) -> type[np.generic]:
    """Pixels are stored as float32; masks and maps as uint16."""
    return np.float32 if data.dtype.kind == "f" else np.uint16


def clean_cards(cards: Mapping[str, Any]) -> dict[str, Any]:
    """Cards as FITS can hold them: None and what is not finite are left out."""
    found: dict[str, Any] = {}
    for name, value in cards.items():
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            continue
        found[name] = value.item() if isinstance(value, np.generic) else value
    return found


STRUCTURAL = ("SIMPLE", "BITPIX", "NAXIS", "EXTEND", "CHECKSUM", "DATASUM", "BZERO", "BSCALE", "COMMENT", "HISTORY", "")


def science_cards(header: fits.Header) -> dict[str, Any]:
    """The cards that say something about the sky or the instrument."""
    return {name: value for name, value in header.items() if not name.startswith(STRUCTURAL[:3]) and name not in STRUCTURAL}
