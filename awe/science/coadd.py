"""Averaging regridded frames.

Frames come as windows of one tile's grid and are read in bands of rows, so that memory grows with the number of frames
per band only. Clipping is about the median and allows for what is not noise: the scatter that differing seeing makes in
the cores of stars is a fraction of the signal, so the threshold is ``sqrt((clip * sigma)^2 + (allowance * signal)^2)``
(the idea of Gruen, Seitz & Bernstein 2014, PASP 126, 158). A pixel is rejected for good reason or not at all, or bright
stars would be biased.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.grid import Window, join
from awe.science.regrid import Regridded

Plane = NDArray[np.float32]
METHODS = ("weighted", "clipped", "median")
MAX_FRAMES = 4096


class Section(Protocol):
    """What `Layer.read` returns: planes over the rows that were asked for."""

    data: Plane
    variance: Plane
    mask: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Layer:
    """One frame of a coadd, read in sections.

    Parameters
    ----------
    window : Window
        Of the frame on the tile's grid.
    read : callable (y0, y1) -> (data, variance, mask)
        Gives rows y0 to y1 (0-based, half-open, of the frame): float32 data with NaN for nothing, float32 variance with
        0 for nothing, uint16 mask.
    flux_scale : float
        Factor on the data, to the common zero point.
    background : float
        Subtracted from the data before scaling.
    """

    window: Window
    read: Callable[[int, int], tuple[Plane, Plane, NDArray[np.uint16]]]
    flux_scale: float = 1.0
    background: float = 0.0

    @classmethod
    def of(cls, frame: Regridded, flux_scale: float = 1.0, background: float = 0.0) -> Layer:
        """Return a frame in memory as a layer."""
        return cls(frame.window, lambda y0, y1: (frame.data[y0:y1], frame.variance[y0:y1], frame.mask[y0:y1]),
                   flux_scale, background)


@dataclass(frozen=True, eq=False)
class Coadded:
    """An average.

    Parameters
    ----------
    data : float32 array (ny, nx)
        NaN where no frame has data.
    variance : float32 array (ny, nx)
        Effective variance of the average (see `awe.science.regrid`); 0 where there is none.
    weight : float32 array (ny, nx)
        Its inverse; 0 where there is none.
    coverage : uint16 array (ny, nx)
        Frames that went in.
    rejected : uint16 array (ny, nx)
        Frames that were clipped.
    mask : uint16 array (ny, nx)
        Bits common to all frames that have data there, NO_DATA where none has.
    window : Window
    """

    data: Plane
    variance: Plane
    weight: Plane
    coverage: NDArray[np.uint16]
    rejected: NDArray[np.uint16]
    mask: NDArray[np.uint16]
    window: Window


def coadd(frames: Sequence[Regridded | Layer], *, combine: str = "clipped", clip: float = 4.0, allowance: float = 0.3,
          least: int = 3, window: Window | None = None, band_pixels: int = 24_000_000) -> Coadded:
    """Average frames on one grid.

    Parameters
    ----------
    frames : sequence of Regridded or Layer
        On the same tile and pixel scale (tiles of `Regridded` are compared); their order does not matter but for the
        last bits of float64 sums.
    combine : str
        ``weighted`` (inverse variance), ``clipped`` (the same after clipping) or ``median``.
    clip : float
        In standard deviations of each frame's own noise about the median.
    allowance : float
        Fraction of the local signal (the median, above zero) that is never clipped, for differing seeing.
    least : int
        Where fewer frames have data nothing is clipped.
    window : Window, optional
        Output; the union of the frames' windows where not given.
    band_pixels : int
        Pixels of all frames held at a time.

    Returns
    -------
    Coadded

    Raises
    ------
    PermanentError
        No frames, frames of different grids, an unknown method, or no overlap with the window.
    """
    layers = _layers(frames, combine)
    window = join([layer.window for layer in layers]) if window is None else window
    used = [layer for layer in layers if not layer.window.intersection(window).is_empty]
    if not used:
        raise PermanentError(f"asked for a coadd over the window {tuple(window)}: none of {len(layers)} frames reaches it")
    data, variance = (np.empty(window.shape, np.float32) for _ in range(2))
    coverage, rejected, mask = (np.zeros(window.shape, np.uint16) for _ in range(3))
    rows = max(16, band_pixels // max(window.nx * len(used), 1))
    for y0 in range(0, window.ny, rows):
        band = Window(window.x0, window.y0 + y0, window.nx, min(rows, window.ny - y0))
        stack = _stack(used, band)
        part = slice(y0, y0 + band.ny)
        if stack is None:
            data[part], variance[part], mask[part] = np.nan, 0, 64
            continue
        _combine(*stack, METHODS.index(combine), float(clip), float(allowance), int(least), data[part], variance[part],
                 coverage[part], rejected[part], mask[part])
    weight = np.divide(np.float32(1), variance, out=np.zeros_like(variance), where=variance > 0)
    return Coadded(data, variance, weight, coverage, rejected, mask, window)


def _layers(frames: Sequence[Regridded | Layer], combine: str) -> list[Layer]:
    if combine not in METHODS:
        raise PermanentError(f"asked to combine by {combine!r}; there are {', '.join(METHODS)}")
    if not 0 < len(frames) <= MAX_FRAMES:
        raise PermanentError(f"asked for a coadd of {len(frames)} frames; 1 to {MAX_FRAMES} are done")
    grids = {(f.tile, f.scale) for f in frames if isinstance(f, Regridded)}
    if len(grids) > 1:
        raise PermanentError(f"asked for a coadd of frames on different grids: {sorted(grids)}; regrid them to one")
    return [Layer.of(f) if isinstance(f, Regridded) else f for f in frames]


def _stack(layers: Sequence[Layer], band: Window) -> Any:
    """Return data, variance, mask (n, ny, nx) of the frames that reach the band, or None."""
    parts = []
    for layer in layers:
        common = layer.window.intersection(band)
        if common.is_empty:
            continue
        y0 = common.y0 - layer.window.y0
        data, variance, mask = layer.read(y0, y0 + common.ny)
        rows = Window(layer.window.x0, common.y0, layer.window.nx, common.ny)
        parts.append((layer, common, tuple(p[common.within(rows)] for p in (data, variance, mask))))
    if not parts:
        return None
    shape = (len(parts), band.ny, band.nx)
    data, variance, mask = np.full(shape, np.nan, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.uint16)
    for k, (layer, common, planes) in enumerate(parts):
        where = (k, *common.within(band))
        factor = np.float32(layer.flux_scale)
        data[where] = (planes[0] - np.float32(layer.background)) * factor
        variance[where] = planes[1] * factor * factor
        mask[where] = planes[2]
    return data, variance, mask


@njit(cache=True)  # type: ignore[untyped-decorator]
def _median(values: Any, n: int) -> float:
    """Return the median of the first `n` values, which are sorted in place by insertion."""
    for i in range(1, n):
        v, j = values[i], i - 1
        while j >= 0 and values[j] > v:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = v
    middle = n // 2
    if n % 2:
        return values[middle]  # type: ignore[no-any-return]
    return 0.5 * (values[middle - 1] + values[middle])  # type: ignore[no-any-return]


@njit(cache=True, parallel=True, nogil=True)  # type: ignore[untyped-decorator]
def _combine(data: Any, variance: Any, mask: Any, method: int, clip: float, allowance: float, least: int, out: Any,
             out_var: Any, coverage: Any, rejected: Any, out_mask: Any) -> None:
    """Average a stack; `method` is the place in METHODS."""
    count, height, width = data.shape
    for row in prange(height):
        values, errors, order, sorting = np.empty(count), np.empty(count), np.empty(count, np.int64), np.empty(count)
        for col in range(width):
            n = 0
            common = np.uint16(65535)
            for k in range(count):
                v, e = data[k, row, col], variance[k, row, col]
                if v == v and e > 0.0:
                    values[n], errors[n], order[n] = v, e, k
                    common &= mask[k, row, col]
                    n += 1
            if n == 0:
                out[row, col], out_var[row, col], out_mask[row, col] = np.nan, 0.0, np.uint16(64)
                continue
            middle = 0.0
            if method > 0:
                sorting[:n] = values[:n]
                middle = _median(sorting, n)
            lost = 0
            if method == 1 and n >= least:
                extra = allowance * max(middle, 0.0)
                smallest = errors[0]
                for k in range(1, n):
                    smallest = min(smallest, errors[k])
                for k in range(n):
                    # a hit raises its own variance where that was estimated from the pixel: trust the quietest as well
                    noise = min(errors[k], 4.0 * smallest + extra)
                    limit = clip * clip * noise + extra * extra
                    if (values[k] - middle) ** 2 > limit:
                        errors[k] = -1.0
                        lost += 1
            sw = swv = swe = 0.0
            for k in range(n):
                if errors[k] > 0.0:
                    w = 1.0 / errors[k]
                    sw += w
                    swv += w * values[k]
            coverage[row, col], rejected[row, col], out_mask[row, col] = n - lost, lost, common
            if sw <= 0.0:
                out[row, col], out_var[row, col], out_mask[row, col] = np.nan, 0.0, common | np.uint16(64)
                continue
            if method == 2:
                for k in range(n):
                    swe += errors[k]
                factor = 1.0 if n < 3 else np.pi / 2.0 * (1.0 if n > 20 else 1.0 - 0.75 / n)
                out[row, col], out_var[row, col] = middle, factor * swe / (n * n)
            else:
                out[row, col], out_var[row, col] = swv / sw, 1.0 / sw
