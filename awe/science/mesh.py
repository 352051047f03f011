"""Kernels of the mesh background: statistics of its cells, the spline through them, and where objects are.

The mode of a cell is SExtractor's (Bertin & Arnouts 1996, A&AS 117, 393, and its manual): the histogram of the pixels is clipped at 3
standard deviations about its median until nothing changes; where it is lopsided the median serves, else 2.5 times the median less 1.5
times the mean. Cells go to threads by rows, each written once, so that the bits do not depend on the number of threads.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science import bands
from awe.science.kernel import njit

Plane = NDArray[np.float32]
Bools = NDArray[np.bool_]

LEAST_GOOD = 0.5
"""A cell of which a smaller part is good has no statistics of its own."""
LEVELS, WIDE, LOPSIDED = 4096, 5.0, 0.3
"""Most steps of a histogram; its half width in standard deviations; the skewness, (mean - median) / sigma, from which the median serves."""
SMOOTHING = 1.5
"""Sigma of the Gaussian, pixels, that images are smoothed with before objects are looked for."""


@njit(cache=True, nogil=True)
def _moments(image: Any, bad: Any, y0: int, y1: int, x0: int, x1: int, low: float, high: float, sums: Any) -> tuple[float, float, float]:
    """Return mean, standard deviation and number of the good values of a cell within [low, high], summed column by column."""
    sums[:, :] = 0.0
    first, total, square, count = float(image[y0, x0]), sums[0], sums[1], sums[2]
    for y in range(y0, y1):
        row, out = image[y, x0:x1], bad[y, x0:x1]
        for x in range(row.shape[0]):
            v = float(row[x])
            good = 0.0 if out[x] else 1.0
            good = good if v >= low else 0.0
            good = good if v <= high else 0.0
            v = (v - first) * good
            total[x] += v
            square[x] += v * v
            count[x] += good
    n = count[:x1 - x0].sum()
    if n == 0.0:
        return 0.0, 0.0, 0.0
    mean = total[:x1 - x0].sum() / n
    return first + mean, math.sqrt(max(square[:x1 - x0].sum() / n - mean * mean, 0.0)), n


@njit(cache=True, nogil=True)
def _mode(histogram: Any, sums: Any) -> tuple[float, float]:
    """Return mode and standard deviation of a clipped histogram, in its steps; `sums` is scratch of (3, steps + 1)."""
    levels = histogram.shape[0]
    total = first = second = 0.0
    for i in range(levels):
        sums[0, i], sums[1, i], sums[2, i] = total, first, second
        weight = histogram[i] * float(i)
        total += histogram[i]
        first += weight
        second += weight * i
    sums[0, levels], sums[1, levels], sums[2, levels] = total, first, second
    low, high, sigma, before, mean, median = 0, levels, 10.0 * levels, 1.0, 0.0, 0.0
    for _ in range(100):
        if sigma < 0.1 or abs(sigma / before - 1.0) <= 1e-4:
            break
        before, total = sigma, sums[0, high] - sums[0, low]
        if total == 0.0:
            break
        mean = (sums[1, high] - sums[1, low]) / total
        sigma = math.sqrt(max((sums[2, high] - sums[2, low]) / total - mean * mean, 0.0))
        half = sums[0, low] + 0.5 * total
        at = np.searchsorted(sums[0, :levels + 1], half) - 1
        median = at - 0.5 + (half - sums[0, at]) / max(histogram[at], 1)
        low, high = max(0, int(median - 3.0 * sigma + 0.5)), min(levels, int(median + 3.0 * sigma + 0.5) + 1)
    if sigma <= 0.0:
        return mean, 0.0
    return (2.5 * median - 1.5 * mean if abs(mean - median) < LOPSIDED * sigma else median), sigma


@njit(cache=True, nogil=True)
def _cells(image: Any, bad: Any, side_x: int, side_y: int, first: int, last: int, level: Any, rms: Any) -> None:
    """Fill rows [first, last) of the cells' mode and standard deviation; NaN where too few pixels are good."""
    ny, nx = image.shape
    sums, running, histogram = np.empty((3, side_x)), np.empty((3, LEVELS + 1)), np.empty(LEVELS, np.int32)
    for j in range(first, last):
        for i in range(level.shape[1]):
            y0, x0, y1, x1 = j * side_y, i * side_x, min((j + 1) * side_y, ny), min((i + 1) * side_x, nx)
            mean, sigma, n = _moments(image, bad, y0, y1, x0, x1, -math.inf, math.inf, sums)
            level[j, i] = rms[j, i] = math.nan
            if n == 0.0 or n < LEAST_GOOD * (y1 - y0) * (x1 - x0):
                continue
            mean, sigma, n = _moments(image, bad, y0, y1, x0, x1, mean - 2.0 * sigma, mean + 2.0 * sigma, sums)
            if not sigma > 1e-7 * abs(mean):
                level[j, i], rms[j, i] = mean, 0.0
                continue
            levels = min(LEVELS, int(math.sqrt(2.0 / math.pi) * WIDE / 4.0 * n + 1.0))
            step, zero = 2.0 * WIDE * sigma / levels, mean - WIDE * sigma
            _fill_histogram(image, bad, y0, y1, x0, x1, zero, 1.0 / step, histogram[:levels])
            mode, width = _mode(histogram[:levels], running)
            level[j, i], rms[j, i] = zero + mode * step, width * step


@njit(cache=True, nogil=True)
def _fill_histogram(image: Any, bad: Any, y0: int, y1: int, x0: int, x1: int, zero: float, scale: float, histogram: Any) -> None:
    """Count the good values of a cell by steps above `zero`; those outside are left out."""
    histogram[:] = 0
    levels, start, factor = np.float32(histogram.shape[0]), np.float32(zero - 0.5 / scale), np.float32(scale)
    for y in range(y0, y1):
        row, out = image[y, x0:x1], bad[y, x0:x1]
        for x in range(row.shape[0]):
            at = (row[x] - start) * factor
            if (at >= np.float32(0.0)) & (at < levels) & (not out[x]):
                histogram[np.uint32(at)] += 1


def cells(image: Plane, bad: Bools, side_x: int, side_y: int) -> tuple[Plane, Plane]:
    """Return the level and the noise of each cell of a mesh.

    Parameters
    ----------
    image : float32 array (ny, nx)
        Finite where it is not bad.
    bad : bool array (ny, nx)
        Pixels that take no part.
    side_x, side_y : int
        Sides of the cells, pixels; the last ones of a row or column may be smaller.

    Returns
    -------
    (float32 array, float32 array) of shape (ceil(ny / side_y), ceil(nx / side_x))
        NaN where less than half of the pixels are good.
    """
    shape = tuple(-(-n // side) for n, side in zip(image.shape, (side_y, side_x), strict=True))
    level, rms = np.empty(shape, np.float32), np.empty(shape, np.float32)
    bands.run(lambda first, last: _cells(image, bad, side_x, side_y, first, last, level, rms), shape[0], 4)
    return level, rms


def filled(grid: Plane) -> Plane:
    """Return a grid whose NaN cells have the mean of the nearest cells that are known; zeros where none is."""
    missing = np.argwhere(~np.isfinite(grid))
    if not len(missing):
        return grid
    known, found = np.argwhere(np.isfinite(grid)), grid.copy()
    if not len(known):
        return np.zeros_like(grid)
    values = grid[tuple(known.T)].astype(np.float64)
    for j, i in missing:
        distance = (known[:, 0] - j) ** 2 + (known[:, 1] - i) ** 2
        found[j, i] = values[distance == distance.min()].mean()
    return found


def smoothed(grid: Plane, size: int) -> Plane:
    """Return the median of `size` x `size` cells about each; towards the edge the window shrinks and stays centred."""
    found = grid.copy()
    ny, nx = grid.shape
    reach = size // 2
    if reach and ny > 2 * reach and nx > 2 * reach:
        windows = np.lib.stride_tricks.sliding_window_view(grid, (2 * reach + 1, 2 * reach + 1))
        found[reach:-reach, reach:-reach] = np.median(windows, axis=(2, 3))
    for j in range(ny):
        inner = range(0) if reach <= j < ny - reach and nx > 2 * reach and ny > 2 * reach else range(reach, nx - reach)
        for i in {*range(min(reach, nx)), *range(max(nx - reach, 0), nx), *inner}:
            dy, dx = min(reach, j, ny - 1 - j), min(reach, i, nx - 1 - i)
            found[j, i] = np.median(grid[j - dy:j + dy + 1, i - dx:i + dx + 1])
    return found


@njit(cache=True, nogil=True)
def _curvature(values: Any, out: Any, scratch: Any) -> None:
    """Fill the second derivatives of the natural cubic spline through equidistant values."""
    n = values.shape[0]
    out[0] = out[n - 1] = scratch[0] = 0.0
    for k in range(1, n - 1):
        pivot = 1.0 / (4.0 + scratch[k - 1])
        scratch[k] = -pivot
        out[k] = (6.0 * (values[k + 1] - 2.0 * values[k] + values[k - 1]) - out[k - 1]) * pivot
    for k in range(n - 2, 0, -1):
        out[k] += scratch[k] * out[k + 1]


@njit(cache=True, nogil=True)
def _rows(grid: Any, bend: Any, side_x: int, side_y: int, first: int, last: int, plane: Any) -> None:
    """Fill rows [first, last) of the plane with the bicubic spline through the centres of the cells."""
    ny, nx = grid.shape
    width, per_pixel = plane.shape[1], 1.0 / side_x
    node, curve, scratch = np.empty(nx), np.zeros(nx), np.empty(nx)
    for y in range(first, last):
        t = (y + 0.5) / side_y - 0.5
        j = min(max(int(math.floor(t)), 0), max(ny - 2, 0))
        d = t - j
        for i in range(nx):
            if ny == 1:
                node[i] = grid[0, i]
            else:
                c = 1.0 - d
                node[i] = (c * grid[j, i] + d * grid[j + 1, i]
                           + ((c * c * c - c) * bend[j, i] + (d * d * d - d) * bend[j + 1, i]) / 6.0)
        if nx == 1:
            plane[y, :] = node[0]
            continue
        _curvature(node, curve, scratch)
        for i in range(nx - 1):
            start = 0 if i == 0 else int(math.ceil((i + 0.5) * side_x - 0.5))
            end = width if i == nx - 2 else int(math.ceil((i + 1.5) * side_x - 0.5))
            p0, slope = node[i], node[i + 1] - node[i] - (2.0 * curve[i] + curve[i + 1]) / 6.0
            p2, p3 = 0.5 * curve[i], (curve[i + 1] - curve[i]) / 6.0
            line, at = plane[y, start:end], (start + 0.5) * per_pixel - 0.5 - i
            for k in range(line.shape[0]):
                u = at + k * per_pixel
                line[k] = p0 + u * (slope + u * (p2 + u * p3))


def spline(grid: Plane, side_x: int, side_y: int, shape: tuple[int, ...]) -> Plane:
    """Return the natural bicubic spline through the centres of cells, continued to the edges of an image of `shape`."""
    values = grid.astype(np.float64)
    bend, scratch = np.zeros_like(values), np.empty(values.shape[0])
    for i in range(values.shape[1]):
        _curvature(np.ascontiguousarray(values[:, i]), bend[:, i], scratch)
    plane = np.empty(shape, np.float32)
    bands.run(lambda first, last: _rows(values, bend, side_x, side_y, first, last, plane), shape[0], 256)
    return plane


@njit(cache=True, nogil=True)
def _found(image: Any, bad: Any, level: Any, rms: Any, limit: Any, taps: Any, grow: int, first: int, last: int, objects: Any) -> None:
    """Fill rows [first, last) of the map of objects."""
    ny, nx = image.shape
    reach = taps.shape[0] // 2
    top, bottom = first - grow - 2, last + grow + 2
    across = np.zeros((bottom - top + 2 * reach, nx), np.float32)
    padded = np.empty(nx + 2 * reach, np.float32)
    for k in range(across.shape[0]):
        y = min(max(top - reach + k, 0), ny - 1)
        for x in range(nx):
            padded[x + reach] = np.float32(0.0) if bad[y, x] else image[y, x] - level[y, x]
        padded[:reach], padded[nx + reach:] = padded[reach], padded[nx + reach - 1]
        for m in range(taps.shape[0]):
            for x in range(nx):
                across[k, x] += taps[m] * padded[x + m]
    line = np.empty(nx, np.float32)
    high = np.zeros((bottom - top, nx), np.uint8)
    for k in range(bottom - top):
        y = top + k
        if 0 <= y < ny:
            line[:] = np.float32(0.0)
            for m in range(taps.shape[0]):
                for x in range(nx):
                    line[x] += taps[m] * across[k + m, x]
            for x in range(nx):
                high[k, x] = (line[x] > limit * rms[y, x]) & (rms[y, x] > 0.0) & (not bad[y, x])
    core = np.zeros_like(high)
    for k in range(1, high.shape[0] - 1):
        for x in range(1, nx - 1):
            core[k, x] = high[k, x] & high[k, x - 1] & high[k, x + 1] & high[k - 1, x] & high[k + 1, x]
    other = np.zeros_like(high)
    for _ in range(grow + 1):
        for k in range(1, high.shape[0] - 1):
            for x in range(1, nx - 1):
                other[k, x] = core[k, x] | core[k, x - 1] | core[k, x + 1] | core[k - 1, x] | core[k + 1, x]
            if nx > 1:
                other[k, 0] = core[k, 0] | core[k, 1] | core[k - 1, 0] | core[k + 1, 0]
                other[k, nx - 1] = core[k, nx - 1] | core[k, nx - 2] | core[k - 1, nx - 1] | core[k + 1, nx - 1]
        core, other = other, core
    for y in range(first, last):
        for x in range(nx):
            objects[y, x] = core[y - top, x] != 0


def objects(image: Plane, bad: Bools, level: Plane, rms: Plane, reject: float, grow: int) -> Bools:
    """Return which pixels belong to objects.

    Parameters
    ----------
    image, level, rms : float32 arrays (ny, nx)
        Image, background and noise.
    bad : bool array (ny, nx)
        Counted as background.
    reject : float
        Pixels of the image smoothed by a Gaussian are objects above this many times 1.5 standard deviations of what remains of the noise.
    grow : int
        Objects of fewer than five pixels in a cross are none; the others are grown by this many pixels.

    Returns
    -------
    bool array (ny, nx)
    """
    reach = int(4.0 * SMOOTHING + 0.5)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING) ** 2)
    noise = 1.0 / (2.0 * math.sqrt(math.pi) * SMOOTHING)
    limit = np.float32(max(reject, 1.0) * 1.5 * noise)
    found = np.empty(image.shape, np.bool_)
    weights = (taps / taps.sum()).astype(np.float32)
    bands.run(lambda first, last: _found(image, bad, level, rms, limit, weights, grow, first, last, found), image.shape[0], 128)
    return found
