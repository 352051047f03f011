"""Measuring sources on the pixels: elliptical and circular apertures, half-light radii, windowed positions, FWHM.

One kernel for all measurements, sources in parallel; every source is summed by one thread in a fixed order, so the bits
do not depend on the number of threads. Definitions follow SExtractor (Bertin & Arnouts 1996; the windowed positions its
documentation). A pixel that is bad or belongs to a neighbour is replaced by the pixel opposite the source's centre, as
SExtractor's MASK_TYPE CORRECT does; where that one cannot be used either, by nothing (the background).
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe.science import bands

Plane = NDArray[np.float32]
Floats = NDArray[np.float64]
OVERSAMPLE = 16
"""Columns into which a pixel on the edge of an ellipse is cut; along a column the overlap is exact. Circles are exact."""
WIDEST_WINDOW = 25.0
"""Largest sigma of the window of windowed positions, pixels."""
RADIUS_ERROR = 1e-4
"""Error of FLUX_RADIUS, pixels."""
ALONE = -7
"""Stands for the number of a source that has no neighbour, bad pixel or edge within reach."""
OUT = ("flux_auto", "var_auto", "kron", "replaced", "incomplete", "flux_radius", "x_win", "y_win", "varx_win",
       "vary_win", "covxy_win", "snr_win", "fwhm", "moved")
"""Names of the columns of the first result of `measure`."""


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _pixel(data: Any, var: Any, seg: Any, number: int, x: int, y: int, x0: float, y0: float) -> Any:
    """Return value, variance and state: 0 its own, 1 replaced by the opposite pixel, 2 nothing there; `ALONE` as number: no others near."""
    if number == ALONE:
        return data[y, x], var[y, x], 0
    ny, nx = data.shape
    if 0 <= x < nx and 0 <= y < ny and (seg[y, x] == 0 or seg[y, x] == number):
        return data[y, x], var[y, x], 0
    mx, my = int(math.floor(2.0 * x0 - x + 0.5)), int(math.floor(2.0 * y0 - y + 0.5))
    if 0 <= mx < nx and 0 <= my < ny and (seg[my, mx] == 0 or seg[my, mx] == number):
        return data[my, mx], var[my, mx], 1
    return np.float32(0.0), np.float32(0.0), 2


@njit(cache=True)  # type: ignore[untyped-decorator]
def _unless_alone(seg: Any, number: int, x0: float, y0: float, reach: float) -> int:
    """Return `ALONE` where all pixels within a square of half width `reach` are the source's own or sky, else its number."""
    ny, nx = seg.shape
    left, right = int(math.floor(x0 - reach)), int(math.ceil(x0 + reach))
    low, top = int(math.floor(y0 - reach)), int(math.ceil(y0 + reach))
    if left < 0 or low < 0 or right >= nx or top >= ny:
        return number
    for y in range(low, top + 1):
        others = 0
        for owner in seg[y, left:right + 1]:
            others += (owner != 0) & (owner != number)
        if others:
            return number
    return ALONE


@njit(cache=True)  # type: ignore[untyped-decorator]
def _quadrant(x0: float, x1: float, y0: float, y1: float, r: float) -> Any:
    """Return the area of the rectangle [x0, x1] x [y0, y1], all at least 0, inside a circle of radius `r` about the origin; exact."""
    r2 = r * r
    if x1 * x1 + y1 * y1 <= r2:
        return (x1 - x0) * (y1 - y0)
    if x0 * x0 + y0 * y0 >= r2:
        return 0.0
    xa = math.sqrt(r2 - y1 * y1) if y1 < r else 0.0
    xb = min(math.sqrt(r2 - y0 * y0), x1)
    xa = min(max(xa, x0), xb)
    ya, yb = math.sqrt(r2 - xa * xa), math.sqrt(max(r2 - xb * xb, 0.0))
    sector = math.asin(min(max((xb * ya - xa * yb) / r2, 0.0), 1.0))
    return (xa - x0) * (y1 - y0) + 0.5 * (xb * yb - xa * ya + r2 * sector) - y0 * (xb - xa)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _in_circle(x0: float, x1: float, y0: float, y1: float, r: float) -> Any:
    """Return the area of the rectangle [x0, x1] x [y0, y1] inside a circle of radius `r` about the origin; exact."""
    if x0 < 0.0 < x1:
        return _in_circle(0.0, -x0, y0, y1, r) + _in_circle(0.0, x1, y0, y1, r)
    if x1 <= 0.0:
        x0, x1 = -x1, -x0
    if y0 < 0.0 < y1:
        return _quadrant(x0, x1, 0.0, -y0, r) + _quadrant(x0, x1, 0.0, y1, r)
    if y1 <= 0.0:
        y0, y1 = -y1, -y0
    return _quadrant(x0, x1, y0, y1, r)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _in_ellipse(dx: float, dy: float, cxx: float, cyy: float, cxy: float, inside2: float) -> Any:
    """Return the part of the pixel at (dx, dy) inside cxx x^2 + cyy y^2 + cxy x y <= inside2."""
    part = 0.0
    for i in range(OVERSAMPLE):
        sx = dx + (i + 0.5) / OVERSAMPLE - 0.5
        root2 = 0.25 * cxy * cxy * sx * sx - cyy * (cxx * sx * sx - inside2)
        if root2 > 0.0:
            middle, half = -0.5 * cxy * sx / cyy, math.sqrt(root2) / cyy
            part += max(0.0, min(dy + 0.5, middle + half) - max(dy - 0.5, middle - half)) / OVERSAMPLE
    return part


@njit(cache=True)  # type: ignore[untyped-decorator]
def _aperture(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float,
              cxx: float, cyy: float, cxy: float, limit: float) -> Any:
    """Sum inside cxx dx^2 + cyy dy^2 + cxy dx dy <= limit^2; return flux, variance, area, replaced, missing."""
    det = cxx * cyy - 0.25 * cxy * cxy
    half_x, half_y = limit * math.sqrt(cyy / det) + 1.0, limit * math.sqrt(cxx / det) + 1.0
    round_one, radius = cxy == 0.0 and cxx == cyy, limit / math.sqrt(cxx)
    root = math.sqrt(max(cxx, cyy) + abs(cxy))
    lower, upper = max(limit - 0.75 * root, 0.0) ** 2, (limit + 0.75 * root) ** 2
    inside2 = limit * limit
    flux = variance = area = replaced = missing = 0.0
    for y in range(int(math.floor(y0 - half_y)), int(math.ceil(y0 + half_y)) + 1):
        for x in range(int(math.floor(x0 - half_x)), int(math.ceil(x0 + half_x)) + 1):
            dx, dy = x - x0, y - y0
            r2 = cxx * dx * dx + cyy * dy * dy + cxy * dx * dy
            if r2 > upper:
                continue
            part = 1.0
            if r2 > lower:
                if round_one:
                    part = _in_circle(dx - 0.5, dx + 0.5, dy - 0.5, dy + 0.5, radius)
                else:
                    part = _in_ellipse(dx, dy, cxx, cyy, cxy, inside2)
            if part == 0.0:
                continue
            value, noise, state = _pixel(data, var, seg, number, x, y, x0, y0)
            flux += part * value
            variance += part * noise
            area += part
            if state > 0:
                replaced += part
            if state == 2:
                missing += part
    return flux, variance, area, replaced, missing


@njit(cache=True)  # type: ignore[untyped-decorator]
def _circles(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float, radii: Any, out: Any) -> None:
    """Fill flux, variance, replaced and missing part for each of some circles about one centre, in one pass."""
    areas = np.zeros(radii.shape[0])
    out[:, :] = 0.0
    reach = radii.max() + 1.0
    for y in range(int(math.floor(y0 - reach)), int(math.ceil(y0 + reach)) + 1):
        for x in range(int(math.floor(x0 - reach)), int(math.ceil(x0 + reach)) + 1):
            dx, dy = x - x0, y - y0
            r = math.sqrt(dx * dx + dy * dy)
            if r > reach:
                continue
            value, noise, state = _pixel(data, var, seg, number, x, y, x0, y0)
            for j in range(radii.shape[0]):
                radius = radii[j]
                if r >= radius + 0.75:
                    continue
                part = 1.0
                if r > radius - 0.75:
                    part = _in_circle(dx - 0.5, dx + 0.5, dy - 0.5, dy + 0.5, radius)
                out[j, 0] += part * value
                out[j, 1] += part * noise
                areas[j] += part
                if state > 0:
                    out[j, 2] += part
                if state == 2:
                    out[j, 3] += part
    for j in range(radii.shape[0]):
        out[j, 2] /= areas[j]
        out[j, 3] /= areas[j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _first_moment(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float,
                  cxx: float, cyy: float, cxy: float, limit: float) -> Any:
    """Return Kron's first moment radius inside the ellipse `limit`, in units of its axes."""
    det = cxx * cyy - 0.25 * cxy * cxy
    half_x, half_y = limit * math.sqrt(cyy / det), limit * math.sqrt(cxx / det)
    top = bottom = 0.0
    for y in range(int(math.floor(y0 - half_y)), int(math.ceil(y0 + half_y)) + 1):
        for x in range(int(math.floor(x0 - half_x)), int(math.ceil(x0 + half_x)) + 1):
            dx, dy = x - x0, y - y0
            r2 = cxx * dx * dx + cyy * dy * dy + cxy * dx * dy
            if r2 <= limit * limit:
                value, _, _ = _pixel(data, var, seg, number, x, y, x0, y0)
                top += math.sqrt(r2) * value
                bottom += value
    if bottom > 0.0 and top > 0.0:
        return float(top / bottom)
    return 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _half_light(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float, start: float, reach: float,
                wanted: float) -> float:
    """Return a radius that holds the flux `wanted`, looked for from `start` outward to `reach`; NaN where none does."""
    low, high, below, above = 0.0, start, -wanted, 0.0
    while True:
        high = min(high, reach)
        w = 1.0 / (high * high)
        above = _aperture(data, var, seg, number, x0, y0, w, w, 0.0, 1.0)[0] - wanted
        if above >= 0.0:
            break
        if high >= reach:
            return math.nan
        low, below, high = high, above, 1.5 * high
    for step in range(60):
        middle = 0.5 * (low + high) if step % 3 == 2 else low + (high - low) * below / (below - above)
        middle = min(max(middle, low + 0.01 * (high - low)), high - 0.01 * (high - low))
        w = 1.0 / (middle * middle)
        excess = _aperture(data, var, seg, number, x0, y0, w, w, 0.0, 1.0)[0] - wanted
        if excess >= 0.0:
            high, above = middle, excess
        else:
            low, below = middle, excess
        if high - low < RADIUS_ERROR or abs(excess) < 1e-5 * wanted:
            return middle
    return 0.5 * (low + high)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _window(x0: float, y0: float, sigma: float, wx: Any, wy: Any) -> tuple[int, int]:
    """Fill the factors of a Gaussian window by column and row, and return the first column and row."""
    reach, norm = 4.0 * sigma, -0.5 / (sigma * sigma)
    left, low = int(math.floor(x0 - reach)), int(math.floor(y0 - reach))
    for k in range(int(2.0 * reach) + 3):
        wx[k] = math.exp(norm * (left + k - x0) ** 2)
        wy[k] = math.exp(norm * (low + k - y0) ** 2)
    return left, low


@njit(cache=True)  # type: ignore[untyped-decorator]
def _window_light(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float, sigma: float, wx: Any, wy: Any) -> Any:
    """Return the sums of w I, w I dx and w I dy over a Gaussian window w."""
    left, low = _window(x0, y0, sigma, wx, wy)
    reach2, n = 16.0 * sigma * sigma, int(8.0 * sigma) + 3
    sw = sx = sy = 0.0
    for j in range(n):
        dy = low + j - y0
        for i in range(n):
            dx = left + i - x0
            if dx * dx + dy * dy <= reach2:
                value, _, _ = _pixel(data, var, seg, number, left + i, low + j, x0, y0)
                light = wx[i] * wy[j] * value
                sw += light
                sx += light * dx
                sy += light * dy
    return sw, sx, sy


@njit(cache=True)  # type: ignore[untyped-decorator]
def _window_noise(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float, sigma: float, wx: Any, wy: Any) -> Any:
    """Return the sums of w I, and of w^2 V times 1, dx^2, dy^2 and dx dy, over a Gaussian window w."""
    left, low = _window(x0, y0, sigma, wx, wy)
    reach2, n = 16.0 * sigma * sigma, int(8.0 * sigma) + 3
    sw = q = qxx = qyy = qxy = 0.0
    for j in range(n):
        dy = low + j - y0
        for i in range(n):
            dx = left + i - x0
            if dx * dx + dy * dy <= reach2:
                value, noise, _ = _pixel(data, var, seg, number, left + i, low + j, x0, y0)
                w = wx[i] * wy[j]
                spread = w * w * noise
                sw += w * value
                q += spread
                qxx += spread * dx * dx
                qyy += spread * dy * dy
                qxy += spread * dx * dy
    return sw, q, qxx, qyy, qxy


@njit(cache=True)  # type: ignore[untyped-decorator]
def _windowed(data: Any, var: Any, seg: Any, number: int, xi: float, yi: float, sigma: float, wx: Any, wy: Any, out: Any) -> None:
    """Windowed position from (xi, yi) with a Gaussian window; fills x, y, their (co)variances, SNR and `moved`."""
    x0, y0 = xi, yi
    sw = 0.0
    for _ in range(20):
        sw, sx, sy = _window_light(data, var, seg, number, x0, y0, sigma, wx, wy)
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
    sw, q, qxx, qyy, qxy = _window_noise(data, var, seg, number, x0, y0, sigma, wx, wy)
    if sw > 0.0:
        out[8], out[9], out[10] = 4.0 * qxx / (sw * sw), 4.0 * qyy / (sw * sw), 4.0 * qxy / (sw * sw)
        out[11] = sw / math.sqrt(q) if q > 0.0 else math.nan
    else:
        out[8], out[9], out[10], out[11] = math.nan, math.nan, math.nan, math.nan


@njit(cache=True)  # type: ignore[untyped-decorator]
def _core_width(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float, reach: float) -> float:
    """Return the FWHM of a Gaussian through the pixels above a quarter of the peak: ln I against r^2, weights I^2."""
    peak = 0.0
    ix, iy = int(math.floor(x0 + 0.5)), int(math.floor(y0 + 0.5))
    for y in range(iy - 1, iy + 2):
        for x in range(ix - 1, ix + 2):
            value, _, _ = _pixel(data, var, seg, number, x, y, x0, y0)
            peak = max(peak, value)
    if peak <= 0.0:
        return math.nan
    s = sr = sl = srr = srl = 0.0
    for y in range(int(math.floor(y0 - reach)), int(math.ceil(y0 + reach)) + 1):
        for x in range(int(math.floor(x0 - reach)), int(math.ceil(x0 + reach)) + 1):
            r2 = (x - x0) ** 2 + (y - y0) ** 2
            if r2 > reach * reach:
                continue
            value, _, _ = _pixel(data, var, seg, number, x, y, x0, y0)
            if value > 0.25 * peak:
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _measure(data: Any, var: Any, shape: Any, shape_var: Any, seg: Any, number: Any, x: Any, y: Any, a: Any, cxx: Any, cyy: Any,
             cxy: Any, radii: Any, kron_factor: float, kron_least: float, first: int, last: int, out: Any, apertures: Any) -> None:
    """Measure the sources [first, last) into their rows of `out` and `apertures`."""
    wx, wy = np.empty(int(8.0 * WIDEST_WINDOW) + 4), np.empty(int(8.0 * WIDEST_WINDOW) + 4)
    for s in range(first, last):
        one, xs, ys = out[s], x[s], y[s]
        ids = _unless_alone(seg, number[s], xs, ys, 6.0 * a[s] + 1.0)
        moment = _first_moment(shape, shape_var, seg, ids, xs, ys, cxx[s], cyy[s], cxy[s], 6.0)
        kron = max(kron_factor * moment, kron_least)
        ids = _unless_alone(seg, number[s], xs, ys, max(kron, 6.0) * a[s] + 4.0)
        flux, variance, area, replaced, missing = _aperture(data, var, seg, ids, xs, ys, cxx[s], cyy[s], cxy[s], kron)
        one[0], one[1], one[2], one[3], one[4] = flux, variance, kron, replaced / area, missing / area
        reach = max(min(6.0, kron) * a[s], 4.0)
        one[5] = _half_light(data, var, seg, ids, xs, ys, 1.2 * a[s] + 0.3, reach, 0.5 * flux) if flux > 0.0 else math.nan
        sigma = min(max(one[5] * 2.0 / 2.3548 if one[5] == one[5] else a[s], 0.85), WIDEST_WINDOW)
        ids = _unless_alone(seg, number[s], xs, ys, 6.0 * sigma + max(3.0 * a[s], 3.0) + 3.0)
        _windowed(shape, shape_var, seg, ids, xs, ys, sigma, wx, wy, one)
        one[12] = _core_width(data, var, seg, ids, one[6], one[7], max(3.0 * a[s], 3.0))
        ids = _unless_alone(seg, number[s], one[6], one[7], radii.max() + 3.0)
        _circles(data, var, seg, ids, one[6], one[7], radii, apertures[s])


def measure(data: Plane, var: Plane, bad: NDArray[np.bool_], seg: NDArray[np.int32], number: NDArray[np.int64], found: NDArray[np.void],
            radii: Floats, kron_factor: float, kron_least: float, shape: tuple[Plane, Plane] | None = None) -> tuple[Floats, Floats]:
    """Measure all sources.

    Parameters
    ----------
    data, var : float32 arrays (ny, nx)
        Background-subtracted image and variance (with source noise); finite where not bad.
    bad : bool array (ny, nx)
        Pixels not to be used.
    seg : int32 array (ny, nx)
        Segmentation map; 0 is sky.
    number : int64 array (n,)
        Of each source in the segmentation map.
    found : structured array (n,)
        Fields x, y (0-based isophotal centre), a, b (rms axes, pixels), cxx, cyy, cxy (coefficients of the ellipse), as sep names them.
    radii : float64 array (k,)
        Radii of circular apertures, pixels.
    kron_factor, kron_least : float
        Multiple of the first-moment radius, and least scale of the ellipse in units of (a, b).
    shape : (float32 array, float32 array), optional
        Image and variance that windowed positions and the sizes of the Kron ellipses are taken from; else `data` and `var`.

    Returns
    -------
    float64 array (n, 14), columns as `OUT`; float64 array (n, k, 4): flux, variance, replaced and missing fraction.
    """
    n = len(found)
    out, apertures = np.full((n, len(OUT)), np.nan), np.full((n, len(radii), 4), np.nan)
    ellipses = [np.ascontiguousarray(found[name], np.float64) for name in ("x", "y", "a", "cxx", "cyy", "cxy")]
    planes = (data, var, *(shape or (data, var)), np.where(bad, np.int32(-1), seg) if bad.any() else seg, number)

    def work(first: int, last: int) -> None:
        _measure(*planes, *ellipses, radii, kron_factor, kron_least, first, last, out, apertures)

    bands.run(work, n, 32)
    return out, apertures


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def isophotal(data: Any, bad: Any, seg: Any, n: int) -> Any:
    """Return the sum and the largest of the good pixels of each of `n` segments (numbered from 1), float64 arrays (n,)."""
    total, peak = np.zeros(n), np.full(n, -np.inf)
    for y in range(seg.shape[0]):
        for x in range(seg.shape[1]):
            number = seg[y, x]
            if number > 0 and not bad[y, x]:
                total[number - 1] += data[y, x]
                peak[number - 1] = max(peak[number - 1], data[y, x])
    for k in range(n):
        if peak[k] == -np.inf:
            peak[k] = 0.0
    return total, peak


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _union(seg: Any, mask: Any, out: Any) -> None:
    """Gather the mask bits under each segment."""
    for y in range(seg.shape[0]):
        for x in range(seg.shape[1]):
            out[seg[y, x]] |= mask[y, x]


def flags_in_segments(seg: NDArray[np.int32], mask: NDArray[np.uint16], n: int) -> NDArray[np.uint16]:
    """Return the union of the mask bits under each of the `n` segments (numbered from 1)."""
    out = np.zeros(n + 1, np.uint16)
    if mask.any():
        _union(seg, mask, out)
    return out[1:]
