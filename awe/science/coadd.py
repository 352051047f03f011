"""Averaging regridded frames.

Frames come as windows of one tile's grid and are read in bands of rows, so that memory grows with the number of frames
per band only. Clipping is about the median and allows for what is not noise: the scatter that differing seeing makes in
the cores and on the slopes of stars is a fraction of the signal around, so the threshold is ``sqrt((clip * sigma)^2 +
(allowance * signal)^2)`` with the largest median within `REACH` pixels as signal (the idea of Gruen, Seitz & Bernstein
2014, PASP 126, 158). A pixel is rejected for good reason or not at all, or bright stars would be biased.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.grid import Window, join
from awe.science.regrid import Regridded

Plane = NDArray[np.float32]
METHODS = ("weighted", "clipped", "median")
MAX_FRAMES = 4096
REACH = 2
"""Pixels around, whose signal counts for the allowance of clipping."""


Planes = tuple[Plane, Plane, Plane, NDArray[np.uint16]]


@dataclass(frozen=True, eq=False)
class Layer:
    """One frame of a coadd, read in sections.

    Parameters
    ----------
    window : Window
        Of the frame on the tile's grid.
    read : callable (y0, y1) -> (data, variance, weight, mask)
        Gives rows y0 to y1 (0-based, half-open, of the frame): float32 data with NaN for nothing, float32 variance (with
        source noise) and weight (without it) with 0 for nothing, uint16 mask.
    flux_scale : float
        Factor on the data, to the common zero point.
    background : float
        Subtracted from the data before scaling.
    """

    window: Window
    read: Callable[[int, int], Planes]
    flux_scale: float = 1.0
    background: float = 0.0

    @classmethod
    def of(cls, frame: Regridded, flux_scale: float = 1.0, background: float = 0.0) -> Layer:
        """Return a frame in memory as a layer."""
        def read(y0: int, y1: int) -> Planes:
            return frame.data[y0:y1], frame.variance[y0:y1], frame.weight[y0:y1], frame.mask[y0:y1]
        return cls(frame.window, read, flux_scale, background)


@dataclass(frozen=True, eq=False)
class Coadded:
    """An average.

    Parameters
    ----------
    data : float32 array (ny, nx)
        NaN where no frame has data.
    variance : float32 array (ny, nx)
        Effective variance of the average, source noise included (see `awe.science.regrid`); 0 where there is none.
    weight : float32 array (ny, nx)
        Its inverse without source noise; 0 where there is none.
    coverage : uint16 array (ny, nx)
        Frames that went in.
    rejected : uint16 array (ny, nx)
        Frames that were clipped.
    mask : uint16 array (ny, nx)
        Bits common to all frames that have data there, SATURATED where any frame is (its star is cut there), NO_DATA where none has data.
    window : Window
    """

    data: Plane
    variance: Plane
    weight: Plane
    coverage: NDArray[np.uint16]
    rejected: NDArray[np.uint16]
    mask: NDArray[np.uint16]
    window: Window


def coadd(frames: Sequence[Regridded | Layer], *, combine: str = "clipped", clip: float = 4.0, allowance: float = 0.7,
          least: int = 3, window: Window | None = None, band_pixels: int = 24_000_000) -> Coadded:
    """Average frames on one grid.

    Parameters
    ----------
    frames : sequence of Regridded or Layer
        On the same tile and pixel scale (tiles of `Regridded` are compared); their order does not matter but for the
        last bits of float64 sums.
    combine : str
        ``weighted`` (by the weights, which know no source noise: else the bright side of every fluctuation would count
        less, and stars be faint), ``clipped`` (the same after clipping) or ``median``.
    clip : float
        In standard deviations of each frame's own noise about the median.
    allowance : float
        Fraction of the signal around (the largest median within 2 pixels, above zero) that is never clipped, for seeing
        that differs by up to half.
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
    data, variance, weight = (np.empty(window.shape, np.float32) for _ in range(3))
    coverage, rejected, mask = (np.zeros(window.shape, np.uint16) for _ in range(3))
    rows = max(16, band_pixels // max(window.nx * len(used), 1))
    for y0 in range(0, window.ny, rows):
        inner = min(rows, window.ny - y0)
        below = min(REACH, y0)
        band = Window(window.x0, window.y0 + y0 - below, window.nx,
                      below + inner + min(REACH, window.ny - y0 - inner))
        stack = _stack(used, band)
        part = slice(y0, y0 + inner)
        if stack is None:
            data[part], variance[part], weight[part], mask[part] = np.nan, 0, 0, 64
            continue
        middle = _medians(stack[0], stack[1], stack[2]) if combine != "weighted" else np.zeros((1, 1))
        _combine(*(plane[:, below:below + inner] for plane in stack), middle, below, METHODS.index(combine), float(clip),
                 float(allowance), int(least), data[part], variance[part], weight[part], coverage[part], rejected[part],
                 mask[part])
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
    """Return data, variance, weight, mask (n, ny, nx) of the frames that reach the band, or None."""
    parts = []
    for layer in layers:
        common = layer.window.intersection(band)
        if common.is_empty:
            continue
        y0 = common.y0 - layer.window.y0
        rows = common.within(Window(layer.window.x0, common.y0, layer.window.nx, common.ny))
        a, b, c, d = layer.read(y0, y0 + common.ny)
        parts.append((layer, common, (a[rows], b[rows], c[rows], d[rows])))
    if not parts:
        return None
    shape = (len(parts), band.ny, band.nx)
    data, variance, weight = (np.zeros(shape, np.float32) for _ in range(3))  # weight 0 is no data
    mask = np.zeros(shape, np.uint16)
    for k, (layer, common, planes) in enumerate(parts):
        where = (k, *common.within(band))
        factor = np.float32(layer.flux_scale)
        np.subtract(planes[0], np.float32(layer.background), out=data[where])
        variance[where], weight[where], mask[where] = planes[1], planes[2], planes[3]
        if factor != 1:
            data[where] *= factor
            variance[where] *= factor * factor
            weight[where] /= factor * factor
    return data, variance, weight, mask


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
def _medians(data: Any, variance: Any, weight: Any) -> Any:
    """Return the median of the frames that have data, float64 (ny, nx); 0 where none has."""
    count, height, width = data.shape
    out = np.zeros((height, width))
    for row in prange(height):
        values = np.empty(count)
        for col in range(width):
            n = 0
            for k in range(count):
                v = data[k, row, col]
                if v == v and variance[k, row, col] > 0.0 and weight[k, row, col] > 0.0:
                    values[n] = v
                    n += 1
            if n > 0:
                out[row, col] = _median(values, n)
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _stands_out(values: Any, weights: Any, n: int, middle: float, clip: float) -> bool:
    """Return whether any value is beyond the plain threshold; only then the wider one is worth computing."""
    out = False
    for k in range(n):
        out = out or (values[k] - middle) ** 2 * weights[k] > clip * clip
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _signal(medians: Any, row: int, col: int) -> float:
    """Return the largest median within `REACH` pixels, at least 0."""
    best = 0.0
    for y in range(max(row - REACH, 0), min(row + REACH + 1, medians.shape[0])):
        for x in range(max(col - REACH, 0), min(col + REACH + 1, medians.shape[1])):
            best = max(best, medians[y, x])
    return best


@njit(cache=True, parallel=True, nogil=True)  # type: ignore[untyped-decorator]
def _combine(data: Any, variance: Any, weight: Any, mask: Any, medians: Any, below: int, method: int, clip: float,
             allowance: float, least: int, out: Any, out_var: Any, out_weight: Any, coverage: Any, rejected: Any,
             out_mask: Any) -> None:
    """Average a stack; `medians` begins `below` rows earlier, `method` is the place in METHODS."""
    count, height, width = data.shape
    for row in prange(height):
        values, errors, weights, sorting = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
        for col in range(width):
            n = 0
            common, burnt = np.uint16(65535), np.uint16(0)
            for k in range(count):
                burnt |= mask[k, row, col] & np.uint16(8)
                v, e, w = data[k, row, col], variance[k, row, col], weight[k, row, col]
                if v == v and e > 0.0 and w > 0.0:
                    values[n], errors[n], weights[n] = v, e, w
                    common &= mask[k, row, col]
                    n += 1
            if n == 0:
                out[row, col], out_var[row, col], out_mask[row, col] = np.nan, 0.0, np.uint16(64) | burnt
                out_weight[row, col] = 0.0
                continue
            middle = medians[below + row, col] if method > 0 else 0.0
            lost = 0
            if method == 1 and n >= least and _stands_out(values, weights, n, middle, clip):
                extra = allowance * _signal(medians, below + row, col)
                for k in range(n):
                    sorting[k] = max(errors[k] - 1.0 / weights[k], 0.0)
                source = _median(sorting, n)  # a hit raises its own variance: the source noise is what most frames say
                for k in range(n):
                    limit = clip * clip * (1.0 / weights[k] + source) + extra * extra
                    if (values[k] - middle) ** 2 > limit:
                        weights[k] = 0.0
                        lost += 1
            sw = swv = swe = spread = 0.0
            for k in range(n):
                w = weights[k]
                sw += w
                swv += w * values[k]
                swe += w * w * errors[k]
                spread += 1.0 / w if w > 0.0 else 0.0
            coverage[row, col], rejected[row, col], out_mask[row, col] = n - lost, lost, common | burnt
            if sw <= 0.0:
                out[row, col], out_var[row, col], out_mask[row, col] = np.nan, 0.0, common | burnt | np.uint16(64)
                out_weight[row, col] = 0.0
                continue
            if method == 2:
                swe = 0.0
                for k in range(n):
                    swe += errors[k]
                factor = 1.0 if n < 3 else np.pi / 2.0 * (1.0 - 1.0 / n)
                out[row, col], out_var[row, col] = middle, factor * swe / (n * n)
                out_weight[row, col] = n * n / (factor * spread)
            else:
                out[row, col], out_var[row, col], out_weight[row, col] = swv / sw, swe / (sw * sw), sw
