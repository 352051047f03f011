"""Windowed positions of SExtractor's documentation, and the width of the core of a source, on its stamp.

Sums over a Gaussian window are kept by column and by row until the end, so that a pixel costs a product and two sums.
"""
from __future__ import annotations

import math
from typing import Any

from awe.science.kernel import njit
from awe.science.regions import chord
from awe.science.stamp import HEIGHT, LEFT, LOW, WIDTH, covers, cut

WIDEST_WINDOW = 25.0
"""Largest sigma of the window, pixels."""
REACH = 4.0
"""Radius of the window in sigma."""


@njit(cache=True, error_model="numpy")
def _window_light(stamp: Any, light: Any, x0: float, y0: float, sigma: float, columns: Any) -> Any:
    """Return the sums of w I, w I dx and w I dy over a Gaussian window w; `columns` is scratch of (4, width)."""
    left, low, width = stamp[LEFT], stamp[LOW], stamp[WIDTH]
    r2, norm = REACH * REACH * sigma * sigma, -0.5 / (sigma * sigma)
    first, last = chord(r2, 0.0, x0, left, width)
    total, moved = columns[0], columns[1]
    total[first:last] = 0.0
    moved[first:last] = 0.0
    start, end = chord(r2, 0.0, y0, low, stamp[HEIGHT])
    for j in range(start, end):
        dy = low + j - y0
        weight = math.exp(norm * dy * dy)
        begin, stop = chord(r2, dy, x0, left, width)
        row = light[j * width:(j + 1) * width]
        for i in range(begin, stop):
            value = weight * row[i]
            total[i] += value
            moved[i] += dy * value
    sw = sx = sy = 0.0
    for i in range(first, last):
        dx = left + i - x0
        weight = math.exp(norm * dx * dx)
        sw += weight * total[i]
        sx += weight * total[i] * dx
        sy += weight * moved[i]
    return sw, sx, sy


@njit(cache=True, error_model="numpy")
def _window_noise(stamp: Any, light: Any, noise: Any, x0: float, y0: float, sigma: float, columns: Any) -> Any:
    """Return the sums of w I, and of w^2 V times 1, dx^2, dy^2 and dx dy, over a Gaussian window w; `columns` as for `_window_light`."""
    left, low, width = stamp[LEFT], stamp[LOW], stamp[WIDTH]
    r2, norm = REACH * REACH * sigma * sigma, -0.5 / (sigma * sigma)
    first, last = chord(r2, 0.0, x0, left, width)
    columns[:, first:last] = 0.0
    start, end = chord(r2, 0.0, y0, low, stamp[HEIGHT])
    for j in range(start, end):
        dy = low + j - y0
        weight = math.exp(norm * dy * dy)
        begin, stop = chord(r2, dy, x0, left, width)
        row, errors = light[j * width:(j + 1) * width], noise[j * width:(j + 1) * width]
        for i in range(begin, stop):
            columns[0, i] += weight * row[i]
            spread = weight * weight * errors[i]
            columns[1, i] += spread
            columns[2, i] += dy * spread
            columns[3, i] += dy * dy * spread
    sw = q = qxx = qyy = qxy = 0.0
    for i in range(first, last):
        dx = left + i - x0
        weight = math.exp(norm * dx * dx)
        sw += weight * columns[0, i]
        weight *= weight
        q += weight * columns[1, i]
        qxx += weight * columns[1, i] * dx * dx
        qxy += weight * columns[2, i] * dx
        qyy += weight * columns[3, i]
    return sw, q, qxx, qyy, qxy


@njit(cache=True, error_model="numpy")
def windowed(data: Any, var: Any, seg: Any, number: int, xi: float, yi: float, sigma: float, stamp: Any, light: Any, noise: Any,
             state: Any, columns: Any, out: Any) -> None:
    """Windowed position from (xi, yi) with a Gaussian window; fills x, y, their (co)variances, SNR and `moved`."""
    x0, y0, sw, reach = xi, yi, 0.0, REACH * sigma + 1.0
    for _ in range(20):
        if not covers(stamp, data.shape, x0, y0, reach):
            cut(data, var, seg, number, x0, y0, reach, stamp, light, noise, state)
        sw, sx, sy = _window_light(stamp, light, x0, y0, sigma, columns)
        if sw <= 0.0:
            break
        step_x, step_y = 2.0 * sx / sw, 2.0 * sy / sw
        x0, y0 = x0 + step_x, y0 + step_y
        if step_x * step_x + step_y * step_y < 1e-8:
            break
        if math.hypot(x0 - xi, y0 - yi) > 2.0 * sigma + 1.0:
            break
    lost = not (sw > 0.0 and math.hypot(x0 - xi, y0 - yi) <= max(1.0, 0.5 * sigma))
    if lost:
        x0, y0 = xi, yi
    out[6], out[7], out[13] = x0, y0, 1.0 if lost else 0.0
    if not covers(stamp, data.shape, x0, y0, reach):
        cut(data, var, seg, number, x0, y0, reach, stamp, light, noise, state)
    sw, q, qxx, qyy, qxy = _window_noise(stamp, light, noise, x0, y0, sigma, columns)
    if sw > 0.0:
        out[8], out[9], out[10] = 4.0 * qxx / (sw * sw), 4.0 * qyy / (sw * sw), 4.0 * qxy / (sw * sw)
        out[11] = sw / math.sqrt(q) if q > 0.0 else math.nan
    else:
        out[8], out[9], out[10], out[11] = math.nan, math.nan, math.nan, math.nan


@njit(cache=True, error_model="numpy")
def core_width(stamp: Any, light: Any, x0: float, y0: float, reach: float) -> float:
    """Return the FWHM of a Gaussian through the pixels above a quarter of the peak: ln I against r^2, weights I^2."""
    left, low, width, height = stamp[LEFT], stamp[LOW], stamp[WIDTH], stamp[HEIGHT]
    peak = 0.0
    ix, iy = int(math.floor(x0 + 0.5)) - left, int(math.floor(y0 + 0.5)) - low
    for j in range(max(iy - 1, 0), min(iy + 2, height)):
        for i in range(max(ix - 1, 0), min(ix + 2, width)):
            peak = max(peak, light[j * width + i])
    if peak <= 0.0:
        return math.nan
    s = sr = sl = srr = srl = 0.0
    start, end = chord(reach * reach, 0.0, y0, low, height)
    for j in range(start, end):
        dy = low + j - y0
        begin, stop = chord(reach * reach, dy, x0, left, width)
        for i in range(begin, stop):
            value = float(light[j * width + i])
            if value > 0.25 * peak:
                r2 = (left + i - x0) ** 2 + dy * dy
                w, ln = value * value, math.log(value)
                s += w
                sr += w * r2
                sl += w * ln
                srr += w * r2 * r2
                srl += w * r2 * ln
    det = s * srr - sr * sr
    if det <= 0.0:
        return math.nan
    slope = (s * srl - sr * sl) / det
    if slope >= 0.0:
        return math.nan
    return math.sqrt(-4.0 * math.log(2.0) / slope)
