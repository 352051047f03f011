"""Pictures of frames: whole ones binned down, and cut-outs, read by sections of the file."""
from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from awe.dataflow.lifecycle import Stored
from awe.errors import AweError, NotFoundError
from awe.science.preview import preview, zscale
from awe.targets import RawFrame

#: The planes that a frame may have, in the words of its file.
PLANES = ("image", "weight", "variance", "mask", "coverage")
#: Pixels of a picture along its longer side.
SIZE = 512


def planes_of(obj: Any) -> list[str]:
    """The planes of an object that can be seen as pictures; none where it is no image."""
    if isinstance(obj, RawFrame):
        return ["image"]
    if not isinstance(obj, Stored) or "image" not in obj.files():
        return []
    try:
        with fits.open(obj.path("image")) as hdus:
            return [name for name in PLANES if name == "image" or name.upper() in hdus]
    except (OSError, AweError):
        return []


def pixels_of(obj: Any, plane: str = "image") -> NDArray[Any]:
    """All pixels of one plane; raises NotFoundError where there is none."""
    if plane not in planes_of(obj):
        raise NotFoundError(f"{type(obj).__name__} {obj.object_id[:8]} has no plane {plane!r} to be seen")
    if isinstance(obj, RawFrame):
        return obj.assembled("none").data
    with fits.open(obj.path("image"), memmap=False) as hdus:
        return np.array(hdus[0 if plane == "image" else plane.upper()].data)


def picture(obj: Any, plane: str = "image", stretch: str = "asinh", size: int = SIZE) -> bytes:
    """A PNG of a whole frame; masks are black where pixels are good."""
    pixels = pixels_of(obj, plane)
    if plane == "mask":
        return preview((pixels != 0).astype(np.float32), size=size, stretch="linear", limits=(0.0, 1.0))
    return preview(pixels, size=size, stretch=stretch)


def cutout(obj: Any, x: float, y: float, size: int, plane: str = "image", stretch: str = "asinh") -> bytes:
    """A PNG of `size` x `size` pixels about a pixel, 0-based; what lies beyond the frame is black.

    Only these pixels are read, but for raw frames, which are assembled first.
    """
    if plane not in planes_of(obj):
        raise NotFoundError(f"{type(obj).__name__} {obj.object_id[:8]} has no plane {plane!r} to be seen")
    x0, y0 = round(x) - size // 2, round(y) - size // 2
    if isinstance(obj, RawFrame):
        pixels = obj.assembled("none").data
        return _grey(_section(pixels, pixels.shape, x0, y0, size), stretch)
    with fits.open(obj.path("image"), memmap=False) as hdus:
        hdu = hdus[0 if plane == "image" else plane.upper()]
        found = _section(hdu.section, hdu.shape, x0, y0, size)
    return _grey((found != 0).astype(float) if plane == "mask" else found, "linear" if plane == "mask" else stretch)


def _section(pixels: Any, shape: tuple[int, ...], x0: int, y0: int, size: int) -> NDArray[np.float64]:
    """A square of an array, or of what can be read by sections; NaN beyond it."""
    ny, nx = shape
    found = np.full((size, size), np.nan)
    low_y, high_y, low_x, high_x = max(y0, 0), min(y0 + size, ny), max(x0, 0), min(x0 + size, nx)
    if high_y > low_y and high_x > low_x:
        found[low_y - y0:high_y - y0, low_x - x0:high_x - x0] = pixels[low_y:high_y, low_x:high_x]
    return found


def _grey(pixels: NDArray[np.float64], stretch: str) -> bytes:
    """Small pictures go from their darkest to their brightest, but for a per cent at either end."""
    good = pixels[np.isfinite(pixels)]
    if not good.size:
        return preview(np.zeros(pixels.shape), limits=(0.0, 1.0), stretch="linear")
    low, high = zscale(good) if stretch == "linear" else (float(np.percentile(good, 1)), float(np.percentile(good, 99.7)))
    return preview(pixels, stretch=stretch, limits=(low, max(high, low + 1e-9)))
