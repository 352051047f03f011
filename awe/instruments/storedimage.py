"""An image that stays in its file until rectangles of it are asked for."""
from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.instruments.fitsfile import scaled
from awe.instruments.keptfile import Place, kept_pixels, places
from awe.instruments.structure import Structure

#: So many bytes are read at a time where only some columns are wanted.
CHUNK = 1 << 20


class StoredImage:
    """The pixels of one HDU, read by rows as they are asked for, as `FitsFile.pixels` gives them.

    Several threads may read at once. The file stays open as long as this is there.
    """

    def __init__(self, path: Path, place: Place, name: str) -> None:
        self._structure = place.structure
        self._offset = place.data
        self._name = name
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self.shape: tuple[int, int] = (place.structure.shape[0], place.structure.shape[1])
        self.dtype: np.dtype[Any] = decoded(place.structure, np.zeros((1, 1), place.structure.dtype)).dtype
        self.ndim = 2

    def __getitem__(self, where: slice | tuple[slice, slice]) -> NDArray[Any]:
        """The pixels of a rectangle, steps of 1."""
        rows, columns = where if isinstance(where, tuple) else (where, slice(None))
        y0, y1, _ = rows.indices(self.shape[0])
        x0, x1, _ = columns.indices(self.shape[1])
        if x1 - x0 == self.shape[1]:
            return self._rows(y0, y1)
        result = np.empty((max(0, y1 - y0), max(0, x1 - x0)), self.dtype)
        height = max(1, CHUNK // (self.shape[1] * self._structure.dtype.itemsize))
        for y in range(y0, y1, height):
            result[y - y0:y - y0 + height] = self._rows(y, min(y + height, y1), x0, x1)
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole image."""
        return np.asarray(self[:], dtype)

    def _rows(self, y0: int, y1: int, x0: int = 0, x1: int | None = None) -> NDArray[Any]:
        width = self.shape[1] * self._structure.dtype.itemsize
        stored = np.empty(max(0, y1 - y0) * width, np.uint8)
        done = 0
        while done < stored.size:
            got = os.preadv(self._descriptor, [stored[done:].data], self._offset + y0 * width + done)
            if got == 0:
                raise FitsError(f"{self._name}: became shorter while it was read")
            done += got
        return decoded(self._structure, stored.view(self._structure.dtype).reshape(-1, self.shape[1])[:, x0:x1])


def decoded(structure: Structure, stored: NDArray[Any]) -> NDArray[Any]:
    """Pixels as they are stored, with BZERO, BSCALE and BLANK applied."""
    part = Structure("image", stored.shape, structure.bitpix, 0, bzero=structure.bzero, bscale=structure.bscale, blank=structure.blank)
    return scaled(part, stored)


def stored_images(path: Path, which: Iterable[int], name: str) -> dict[int, Any]:
    """Some HDUs of a file that never changes: images in the file where they can be read in parts, else arrays.

    Compressed images are arrays; so are those whose blank pixels become NaN, which one part may have and another not.

    Raises
    ------
    FitsError
        The file is no longer what it was, or an HDU holds no image.
    """
    wanted = list(which)
    known = places(path, name) or ()
    lazy = {index for index in wanted if 0 <= index < len(known) and in_parts(known[index].structure)}
    arrays = kept_pixels(path, [index for index in wanted if index not in lazy], name)
    return {index: StoredImage(path, known[index], name) if index in lazy else arrays[index] for index in wanted}


def in_parts(structure: Structure) -> bool:
    """Whether an image can be read in parts, each of the same type."""
    whole = structure.dtype.kind in "iu" and structure.blank is not None
    return structure.kind == "image" and not structure.compressed and len(structure.shape) == 2 and not whole
