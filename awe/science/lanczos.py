"""Lanczos-3 interpolation of a section of a frame on a part of a grid: the kernels of `awe.science.regrid`.

Three ways, from fast to slow: where all 36 pixels under the kernel are there and good, weights come from a table and rows are
summed before columns; where some are bad or missing, the same weights are renormalised over the rest; where output pixels are larger
than input pixels, the kernel is stretched.  Positions within a row of a cell of the transformation grow linearly, so the result for
a pixel does not depend on which part of the grid is computed with it.
"""
from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science.kernel import njit
from awe.science.mask import Bit

STEPS = 4096
"""Table entries per pixel: positions are rounded to half of that, a tenth of the tolerance of transformations."""
MISSING_LIMIT = 0.35
"""Kernel weight (of bilinear shares) that may be missing before an output pixel is given up."""
NO_DATA_BIT = 64
assert int(Bit.NO_DATA) == NO_DATA_BIT, "kernels write the bit NO_DATA as a number"


@functools.cache
def taps() -> NDArray[np.float32]:
    """Return, for `STEPS` + 1 fractions of a pixel, the six weights at -2 to 3 pixels, which sum to 1."""
    distance = np.arange(-2, 4) - np.arange(STEPS + 1)[:, None] / STEPS
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3.0), 0.0)
    return np.ascontiguousarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@njit(cache=True, inline="always")
def _kernel(distance: float) -> float:
    """Return the Lanczos-3 kernel."""
    t = abs(distance)
    if t < 1e-8:
        return 1.0
    if t >= 3.0:
        return 0.0
    p = math.pi * t
    return 3.0 * math.sin(p) * math.sin(p / 3.0) / (p * p)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _good_window(image: Any, six: Any, kx: int, ky: int, x: int, y: int) -> float:
    """Return the interpolated value from the 36 pixels from (x, y) on; NaN where one is."""
    a = b = c = d = e = f = np.float32(0)
    for j in range(6):
        w = six[ky, j]
        a += w * image[y + j, x]
        b += w * image[y + j, x + 1]
        c += w * image[y + j, x + 2]
        d += w * image[y + j, x + 3]
        e += w * image[y + j, x + 4]
        f += w * image[y + j, x + 5]
    return (a * six[kx, 0] + d * six[kx, 3]) + (b * six[kx, 1] + e * six[kx, 4]) + (c * six[kx, 2] + f * six[kx, 5])  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def _poor_window(planes: Any, x: float, y: float, stretch: float, wx: Any, wy: Any, first_x: int, first_y: int, taps: int) -> Any:
    """Return value, variance, variance of the sky alone, bits and whether to trust them, from the good pixels under the kernel.

    Positions are those of the section that `planes` hold.
    """
    image, var, sky, bits = planes
    ny, nx = image.shape
    total = value = noise = plain = share = missing = whole = 0.0
    seen = np.uint16(0)
    for j in range(taps):
        iy = first_y + j
        near_y = max(1.0 - abs(iy - y) / stretch, 0.0)
        for i in range(taps):
            w, ix = wx[i] * wy[j], first_x + i
            core = near_y * max(1.0 - abs(ix - x) / stretch, 0.0)
            if w == 0.0 and core == 0.0:
                continue
            whole += core
            if ix < 0 or iy < 0 or ix >= nx or iy >= ny:
                missing += core
                continue
            if core > 0.0 and bits.size:
                seen |= bits[iy, ix]
            v = image[iy, ix]
            if v != v:
                missing += core
                continue
            value += w * v
            total += w
            share += core
            if var.size:
                noise += core * var[iy, ix]
            if sky.size:
                plain += core * sky[iy, ix]
    if total <= 0.3 * stretch * stretch or share <= 0.0 or missing > MISSING_LIMIT * whole:
        return 0.0, 0.0, 0.0, seen, False
    return value / total, noise / share, plain / share, seen, True


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def lanczos(planes: Any, corner: Any, shape: Any, xs: Any, ys: Any, step: int, first: Any, flux_scale: float, six: Any, stretch: float,
            out: Any, out_var: Any, out_weight: Any, out_bits: Any) -> None:
    """Fill a part of a grid from a section of a frame.

    Parameters
    ----------
    planes : (image, var, sky, bits)
        Sections: float32 image with NaN at bad pixels, float32 variances with and without source noise, uint16 mask; of size 0 those
        that are not asked for (`sky` then counts as 1). They hold all of the frame that the kernel reaches from the part.
    corner : (int, int)
        (x, y) of the section's first pixel in the frame.
    shape : (int, int)
        (ny, nx) of the frame.
    xs, ys, step : float64 arrays (m, n), int
        The transformation.
    first : (int, int)
        (x, y) of the part's first pixel, counted from the first node.
    flux_scale, six, stretch : float, array, float
        Factor on fluxes; `taps()`; size of output pixels in input pixels, at least 1.
    out, out_var, out_weight, out_bits : arrays (ny, nx)
        Filled: NaN, 0, 0 and NO_DATA where nothing is; `out_var` and `out_bits` may have size 0.
    """
    image, var, sky, bits = planes
    ny, nx = image.shape
    height, width = out.shape
    many = int(math.ceil(6.0 * stretch)) + 1
    wx, wy = np.empty(many), np.empty(many)
    is_plain, has_sky, has_var, has_bits = stretch == 1.0, sky.size > 0, out_var.size > 0, out_bits.size > 0
    scale2 = flux_scale * flux_scale
    x_last, y_last = shape[1] - 0.5, shape[0] - 0.5
    for row in range(height):
        gy = (first[1] + row) // step
        fy = (first[1] + row - gy * step) / step
        col = 0
        while col < width:
            gx = (first[0] + col) // step
            begin = first[0] + col - gx * step
            end = min(step, begin + width - col)
            x00, x01, x10, x11 = xs[gy, gx], xs[gy, gx + 1], xs[gy + 1, gx], xs[gy + 1, gx + 1]
            y00, y01, y10, y11 = ys[gy, gx], ys[gy, gx + 1], ys[gy + 1, gx], ys[gy + 1, gx + 1]
            xa, ya = x00 * (1 - fy) + x10 * fy, y00 * (1 - fy) + y10 * fy
            dxx, dyx = ((x01 - x00) * (1 - fy) + (x11 - x10) * fy) / step, ((y01 - y00) * (1 - fy) + (y11 - y10) * fy) / step
            area0 = (dxx * (y10 - y00) - dyx * (x10 - x00)) / step  # the Jacobian is linear along a row of a cell
            slope = ((dxx * (y11 - y01) - dyx * (x11 - x01)) / step - area0) / step
            for i in range(begin, end):
                x, y, area = xa + i * dxx, ya + i * dyx, abs(area0 + i * slope)
                ix, iy = int(math.floor(x)), int(math.floor(y))
                px, py = x - ix, y - iy
                ix -= corner[0]
                iy -= corner[1]
                if is_plain and ix >= 2 and iy >= 2 and ix + 3 < nx and iy + 3 < ny:
                    value = _good_window(image, six, int(px * STEPS + 0.5), int(py * STEPS + 0.5), ix - 2, iy - 2)
                    if value == value:
                        d = px * py
                        a, b, c = 1.0 - px - py + d, px - d, py - d
                        out[row, col] = value * area * flux_scale
                        plain = area * scale2
                        if has_sky:
                            plain *= a * sky[iy, ix] + b * sky[iy, ix + 1] + c * sky[iy + 1, ix] + d * sky[iy + 1, ix + 1]
                        out_weight[row, col] = 1.0 / plain
                        if has_var:
                            out_var[row, col] = (a * var[iy, ix] + b * var[iy, ix + 1] + c * var[iy + 1, ix]
                                                 + d * var[iy + 1, ix + 1]) * area * scale2
                        if has_bits:
                            out_bits[row, col] = bits[iy, ix] | bits[iy, ix + 1] | bits[iy + 1, ix] | bits[iy + 1, ix + 1]
                        col += 1
                        continue
                value, noise, plain, seen, is_good = 0.0, 0.0, 1.0, np.uint16(0), False
                if -0.5 <= x <= x_last and -0.5 <= y <= y_last:
                    first_x, first_y, count = ix - 2, iy - 2, 6
                    if is_plain:
                        for k in range(6):
                            wx[k], wy[k] = six[int(px * STEPS + 0.5), k], six[int(py * STEPS + 0.5), k]
                    else:
                        first_x, first_y, count = int(math.floor(x - 3.0 * stretch)) + 1, int(math.floor(y - 3.0 * stretch)) + 1, many
                        for k in range(many):
                            wx[k], wy[k] = _kernel((first_x + k - x) / stretch), _kernel((first_y + k - y) / stretch)
                        first_x -= corner[0]
                        first_y -= corner[1]
                    value, noise, plain, seen, is_good = _poor_window(planes, ix + px, iy + py, stretch, wx, wy, first_x, first_y, count)
                out[row, col] = value * area * flux_scale if is_good else np.nan
                out_weight[row, col] = 1.0 / ((plain if has_sky else 1.0) * area * scale2) if is_good else 0.0
                if has_var:
                    out_var[row, col] = noise * area * scale2
                if has_bits:
                    out_bits[row, col] = seen if is_good else seen | np.uint16(64)
                col += 1


def noise_ratio(fractions_x: NDArray[np.float64], fractions_y: NDArray[np.float64], areas: NDArray[np.float64], stretch: float) -> float:
    """Return the scatter of single pixels of white noise over the root of the propagated variance: the median over samples.

    Parameters
    ----------
    fractions_x, fractions_y : float64 arrays (n,)
        Positions within an input pixel, 0 to 1.
    areas : float64 array (n,)
        Sizes of the output pixels in input pixels.
    stretch : float
        As in `lanczos`.
    """
    if not len(areas):
        return 1.0
    squares = areas.copy()
    for fraction in (fractions_x, fractions_y):
        offsets = np.arange(-math.ceil(3 * stretch), math.ceil(3 * stretch) + 2)
        t = (offsets - fraction[:, None]) / stretch
        weights = np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3.0), 0.0)
        squares *= (weights**2).sum(axis=1) / weights.sum(axis=1) ** 2
    return float(np.sqrt(np.median(squares)))
