"""Flux-exact resampling of a section of a frame on a part of a grid: each output pixel gets the shares of the input pixels it covers.

An output pixel is a quadrangle in the frame, whose corners it shares with its neighbours, so the quadrangles cover the frame once
and no flux is lost or counted twice, whatever the distortion or the ratio of scales.  The share of an input pixel is the area of the
part inside, by Green's theorem from the four edges (the idea of drizzling with whole pixels: Fruchter & Hook 2002, PASP 114, 144).
Smoother than Lanczos by about a pixel, never negative where the frame is not, without ringing.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from awe.science.kernel import njit

SEEN = 1e-3
"""Share of an input pixel from which on its bits count."""
MISSING_LIMIT = 0.35
"""Part of the area of an output pixel that may be missing or bad before it is given up."""


@njit(cache=True, inline="always")
def _filled(y: float) -> float:
    """Return the integral of the height of a unit square below a line, over that line's height: 0 below, 1 above."""
    return 0.0 if y <= 0.0 else (0.5 * y * y if y < 1.0 else y - 0.5)


@njit(cache=True, nogil=True)
def _under(xa: float, ya: float, xb: float, yb: float) -> Any:
    """Return the area of the unit square from 0 to 1 that is below an edge, with the sign of its direction along x."""
    if (xa <= 0.0 and xb <= 0.0) or (xa >= 1.0 and xb >= 1.0) or (ya <= 0.0 and yb <= 0.0):
        return 0.0
    slope = (yb - ya) / (xb - xa) if xb != xa else 0.0
    left, right = min(max(xa, 0.0), 1.0), min(max(xb, 0.0), 1.0)
    y0, y1 = ya + slope * (left - xa), ya + slope * (right - xa)
    if abs(y1 - y0) < 1e-6:
        return (right - left) * min(max(0.5 * (y0 + y1), 0.0), 1.0)
    return (right - left) * (_filled(y1) - _filled(y0)) / (y1 - y0)


@njit(cache=True, nogil=True)
def _share(px: Any, py: Any, left: float, low: float) -> float:
    """Return the area that a quadrangle has in common with the unit square whose lower left corner is at (left, low)."""
    area = 0.0
    for k in range(4):
        n = (k + 1) % 4
        area += _under(px[k] - left, py[k] - low, px[n] - left, py[n] - low)
    return abs(area)


@njit(cache=True, nogil=True)
def _corners(xs: Any, ys: Any, step: int, x_first: int, y_edge: int, edge_x: Any, edge_y: Any) -> None:
    """Fill the input positions of the corners of pixels along one edge of a row; counted from the first node, less half a pixel."""
    gy = (y_edge * 2 - 1) // (2 * step)
    fy = (y_edge - 0.5 - gy * step) / step
    for k in range(len(edge_x)):
        c = x_first + k
        gx = (c * 2 - 1) // (2 * step)
        fx = (c - 0.5 - gx * step) / step
        edge_x[k] = (xs[gy, gx] * (1 - fx) + xs[gy, gx + 1] * fx) * (1 - fy) + (xs[gy + 1, gx] * (1 - fx) + xs[gy + 1, gx + 1] * fx) * fy
        edge_y[k] = (ys[gy, gx] * (1 - fx) + ys[gy, gx + 1] * fx) * (1 - fy) + (ys[gy + 1, gx] * (1 - fx) + ys[gy + 1, gx + 1] * fx) * fy


@njit(cache=True, nogil=True, error_model="numpy")
def exact(planes: Any, corner: Any, shape: Any, xs: Any, ys: Any, step: int, first: Any, flux_scale: float,
          out: Any, out_var: Any, out_weight: Any, out_bits: Any) -> None:
    """Fill a part of a grid from a section of a frame; parameters as of `awe.science.lanczos.lanczos`."""
    image, var, sky, bits = planes
    height, width = out.shape
    x_first, y_first = first
    low_x, low_y, high_x, high_y = np.empty(width + 1), np.empty(width + 1), np.empty(width + 1), np.empty(width + 1)
    px, py = np.empty(4), np.empty(4)
    scale2 = flux_scale * flux_scale
    _corners(xs, ys, step, x_first, y_first, high_x, high_y)
    for row in range(height):
        low_x[:], low_y[:] = high_x, high_y
        _corners(xs, ys, step, x_first, y_first + row + 1, high_x, high_y)
        for col in range(width):
            px[0], px[1], px[2], px[3] = low_x[col], low_x[col + 1], high_x[col + 1], high_x[col]
            py[0], py[1], py[2], py[3] = low_y[col], low_y[col + 1], high_y[col + 1], high_y[col]
            whole = 0.5 * abs((px[2] - px[0]) * (py[3] - py[1]) - (px[3] - px[1]) * (py[2] - py[0]))
            value = noise = plain = good = 0.0
            seen = np.uint16(0)
            if whole > 0.0:
                x0, x1 = max(math.floor(px.min() + 0.5), 0), min(math.floor(px.max() + 0.5), shape[1] - 1)
                y0, y1 = max(math.floor(py.min() + 0.5), 0), min(math.floor(py.max() + 0.5), shape[0] - 1)
                for iy in range(int(y0), int(y1) + 1):
                    for ix in range(int(x0), int(x1) + 1):
                        share = _share(px, py, ix - 0.5, iy - 0.5)
                        jx, jy = ix - corner[0], iy - corner[1]
                        if share > SEEN and bits.size:
                            seen |= bits[jy, jx]
                        v = image[jy, jx]
                        if share <= 0.0 or v != v:
                            continue
                        good += share
                        value += share * v
                        if var.size:
                            noise += share * var[jy, jx]
                        plain += share * (sky[jy, jx] if sky.size else np.float32(1))
            if not good > (1.0 - MISSING_LIMIT) * whole:
                out[row, col], out_weight[row, col] = np.nan, 0.0
                seen |= np.uint16(64)
                noise = 0.0
            else:
                out[row, col] = value * (whole / good) * flux_scale
                out_weight[row, col] = 1.0 / (plain * (whole / good) * scale2)
                noise *= whole / good * scale2
            if out_var.size:
                out_var[row, col] = noise
            if out_bits.size:
                out_bits[row, col] = seen
