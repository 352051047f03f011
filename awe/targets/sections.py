"""Parts of a stored image, read without the rest of it."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from awe.science.grid import Window
from awe.science.layer import Planes

TYPES = {-32: ">f4", 16: ">i2"}


@dataclass(frozen=True)
class Sections:
    """Where the planes of an image lie in a file as `Image` writes it: plane to (first byte, type).

    The file is opened for each part anew and not kept open: a coadd may be of more frames than a process may have open files.
    """

    path: Path
    shape: tuple[int, int]
    places: dict[str, tuple[int, str]]

    @classmethod
    def of(cls, path: Path) -> Sections:
        """Look at the headers of a file."""
        with fits.open(path, memmap=True) as hdus:
            full = [hdu for hdu in hdus if hdu.shape == hdus[0].shape]
            places = {hdu.name or "PRIMARY": (hdu.fileinfo()["datLoc"], TYPES[hdu.header["BITPIX"]]) for hdu in full}
            return cls(path, hdus[0].shape, places)

    def plane(self, name: str, rows: slice, columns: slice) -> NDArray[Any] | None:
        """A part of a plane in native byte order, float32 or uint16; None where there is no such plane."""
        if name not in self.places:
            return None
        start, kind = self.places[name]
        part = np.memmap(self.path, kind, "r", start, self.shape)[rows, columns]
        if kind == ">i2":
            return part.astype(np.int16).view(np.uint16) ^ np.uint16(1 << 15)
        return part.astype(np.float32)

    def planes(self, rows: slice, columns: slice) -> Planes:
        """A part of a regridded frame."""
        data, weight, variance, mask = (self.plane(name, rows, columns) for name in ("PRIMARY", "WEIGHT", "VARIANCE", "MASK"))
        assert data is not None and weight is not None
        return Planes(data, weight, variance, mask)

    def layer_planes(self, window: Window, part: Window) -> Planes:
        """A part of the grid of a frame that lies on `window` of it."""
        return self.planes(*part.within(window))
