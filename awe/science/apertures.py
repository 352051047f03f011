"""Measuring sources on the pixels: elliptical and circular apertures, half-light radii, windowed positions, FWHM.

One kernel per source, sources in parallel; every source is summed by one thread in a fixed order, so the bits do not
depend on the number of threads. Definitions follow SExtractor (Bertin & Arnouts 1996; the windowed positions its
documentation). A pixel that is bad or belongs to a neighbour is replaced by the pixel opposite the source's centre, as
SExtractor's MASK_TYPE CORRECT does; where that one cannot be used either, by nothing (the background).
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

OVERSAMPLE = 16
"""Columns into which a pixel on the edge of an ellipse is cut; along a column the overlap is exact. Circles are exact."""
WIDEST_WINDOW = 25.0
"""Largest sigma of the window of windowed positions, pixels."""
RADIUS_BINS = 256
"""Steps of the curve of growth for FLUX_RADIUS."""
OUT = ("flux_auto", "var_auto", "kron", "replaced", "incomplete", "flux_radius", "x_win", "y_win", "varx_win",
       "vary_win", "covxy_win", "snr_win", "fwhm", "moved")
"""Names of the columns of the first result of `measure`."""


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _pixel(data: Any, var: Any, bad: Any, seg: Any, number: int, x: int, y: int, x0: float, y0: float) -> Any:
    """Return value, variance and state: 0 its own, 1 replaced by the opposite pixel, 2 nothing there."""
    ny, nx = data.shape
    if 0 <= x < nx and 0 <= y < ny and not bad[y, x] and (seg[y, x] == 0 or seg[y, x] == number):
        return data[y, x], var[y, x], 0
    mx, my = int(math.floor(2.0 * x0 - x + 0.5)), int(math.floor(2.0 * y0 - y + 0.5))
    if 0 <= mx < nx and 0 <= my < ny and not bad[my, mx] and (seg[my, mx] == 0 or seg[my, mx] == number):
        return data[my, mx], var[my, mx], 1
    return np.float32(0.0), np.float32(0.0), 2


@njit(cache=True)  # type: ignore[untyped-decorator]
def _in_circle(x0: float, x1: float, y0: float, y1: float, r: float) -> Any:
    """Return the area of the rectangle [x0, x1] x [y0, y1] inside a circle of radius `r` about the origin; exact."""
    lo, end = max(x0, -r), min(x1, r)
    p = math.sqrt(r * r - y0 * y0) if abs(y0) < r else 2.0 * r
    q = math.sqrt(r * r - y1 * y1) if abs(y1) < r else 2.0 * r
    area = 0.0
    while lo < end:
        hi = end
        for cut in (-p, p, -q, q):
            if lo + 1e-12 < cut < hi:
                hi = cut
        middle = 0.5 * (lo + hi)
        s = math.sqrt(max(r * r - middle * middle, 0.0))
        arc = 0.5 * (hi * math.sqrt(max(r * r - hi * hi, 0.0)) - lo * math.sqrt(max(r * r - lo * lo, 0.0))
                     + r * r * (math.asin(min(hi / r, 1.0)) - math.asin(max(lo / r, -1.0))))
        width = hi - lo
        area += width * y1 if s >= y1 else (width * y0 if s <= y0 else arc)
        area -= width * y1 if -s >= y1 else (width * y0 if -s <= y0 else -arc)
        lo = hi
    return area


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
def _aperture(data: Any, var: Any, bad: Any, seg: Any, number: int, x0: float, y0: float,
              cxx: float, cyy: float, cxy: float, limit: float) -> Any:
    """Sum inside cxx dx^2 + cyy dy^2 + cxy dx dy <= limit^2; return flux, variance, area, replaced, missing."""
    det = cxx * cyy - 0.25 * cxy * cxy
    half_x, half_y = limit * math.sqrt(cyy / det) + 1.0, limit * math.sqrt(cxx / det) + 1.0
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
                if cxy == 0.0 and cxx == cyy:
                    part = _in_circle(dx - 0.5, dx + 0.5, dy - 0.5, dy + 0.5, limit / math.sqrt(cxx))
                else:
                    part = _in_ellipse(dx, dy, cxx, cyy, cxy, inside2)
            if part == 0.0:
                continue
            value, noise, state = _pixel(data, var, bad, seg, number, x, y, x0, y0)
            flux += part * value
            variance += part * noise
            area += part
            if state > 0:
                replaced += part
            if state == 2:
                missing += part
    return flux, variance, area, replaced, missing


@njit(cache=True)  # type: ignore[untyped-decorator]
def _first_moment(data: Any, var: Any, bad: Any, seg: Any, number: int, x0: float, y0: float,
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
                value, _, _ = _pixel(data, var, bad, seg, number, x, y, x0, y0)
                top += math.sqrt(r2) * value
                bottom += value
    if bottom > 0.0 and top > 0.0:
        return float(top / bottom)
    return 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _half_light(data: Any, var: Any, bad: Any, seg: Any, number: int, x0: float, y0: float, reach: float,
                wanted: float, growth: Any) -> Any:
    """Return the radius that holds the flux `wanted`, by a curve of growth out to `reach`; NaN where none does."""
    growth[:] = 0.0
    for y in range(int(math.floor(y0 - reach)), int(math.ceil(y0 + reach)) + 1):
        for x in range(int(math.floor(x0 - reach)), int(math.ceil(x0 + reach)) + 1):
            distance = math.hypot(x - x0, y - y0)
            if distance > reach + 0.75:
                continue
            sub = 5 if distance < 12.0 else 1
            value, _, _ = _pixel(data, var, bad, seg, number, x, y, x0, y0)
            for j in range(sub):
                for i in range(sub):
                    r = math.hypot(x - x0 + (i + 0.5) / sub - 0.5, y - y0 + (j + 0.5) / sub - 0.5)
                    k = int(r / reach * RADIUS_BINS)
                    if k < RADIUS_BINS:
                        growth[k] += value / (sub * sub)
    total = 0.0
    for k in range(RADIUS_BINS):
        if total + growth[k] >= wanted > total and growth[k] > 0.0:
            return (k + (wanted - total) / growth[k]) * reach / RADIUS_BINS
        total += growth[k]
    return math.nan


@njit(cache=True)  # type: ignore[untyped-decorator]
def _windowed(data: Any, var: Any, bad: Any, seg: Any, number: int, xi: float, yi: float, sigma: float,
              out: Any) -> None:
    """Windowed position from (xi, yi) with a Gaussian window; fills x, y, their (co)variances, SNR and `moved`."""
    x0, y0, norm = xi, yi, -0.5 / (sigma * sigma)
    reach = 4.0 * sigma
    sw = swv = sxx = syy = sxy = 0.0
    for _ in range(20):
        sw = swv = sx = sy = sxx = syy = sxy = 0.0
        for y in range(int(math.floor(y0 - reach)), int(math.ceil(y0 + reach)) + 1):
            for x in range(int(math.floor(x0 - reach)), int(math.ceil(x0 + reach)) + 1):
                dx, dy = x - x0, y - y0
                r2 = dx * dx + dy * dy
                if r2 > reach * reach:
                    continue
                value, noise, _ = _pixel(data, var, bad, seg, number, x, y, x0, y0)
                w = math.exp(norm * r2)
                sw += w * value
                sx += w * value * dx
                sy += w * value * dy
                q = w * w * noise
                swv += q
                sxx += q * dx * dx
                syy += q * dy * dy
                sxy += q * dx * dy
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
    if sw > 0.0:
        out[8], out[9], out[10] = 4.0 * sxx / (sw * sw), 4.0 * syy / (sw * sw), 4.0 * sxy / (sw * sw)
        out[11] = sw / math.sqrt(swv) if swv > 0.0 else math.nan
    else:
        out[8], out[9], out[10], out[11] = math.nan, math.nan, math.nan, math.nan


@njit(cache=True)  # type: ignore[untyped-decorator]
def _core_width(data: Any, var: Any, bad: Any, seg: Any, number: int, x0: float, y0: float, reach: float) -> float:
    """Return the FWHM of a Gaussian through the pixels above a quarter of the peak: ln I against r^2, weights I^2."""
    peak = 0.0
    ix, iy = int(math.floor(x0 + 0.5)), int(math.floor(y0 + 0.5))
    for y in range(iy - 1, iy + 2):
        for x in range(ix - 1, ix + 2):
            value, _, _ = _pixel(data, var, bad, seg, number, x, y, x0, y0)
            peak = max(peak, value)
    if peak <= 0.0:
        return math.nan
    s = sr = sl = srr = srl = 0.0
    for y in range(int(math.floor(y0 - reach)), int(math.ceil(y0 + reach)) + 1):
        for x in range(int(math.floor(x0 - reach)), int(math.ceil(x0 + reach)) + 1):
            r2 = (x - x0) ** 2 + (y - y0) ** 2
            if r2 > reach * reach:
                continue
            value, _, _ = _pixel(data, var, bad, seg, number, x, y, x0, y0)
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


@njit(cache=True, parallel=True, nogil=True)  # type: ignore[untyped-decorator]
def measure(data: Any, var: Any, bad: Any, seg: Any, number: Any, x: Any, y: Any, a: Any, b: Any, cxx: Any, cyy: Any,
            cxy: Any, radii: Any, kron_factor: float, kron_least: float) -> Any:
    """Measure all sources.

    Parameters
    ----------
    data, var : float32 arrays (ny, nx)
        Background-subtracted image and variance (with source noise); finite where not bad.
    bad : bool array (ny, nx)
        Pixels not to be used.
    seg : int32 array (ny, nx)
        Segmentation map; 0 is sky.
    number, x, y, a, b, cxx, cyy, cxy : arrays (n,)
        Number in the segmentation map, 0-based isophotal centre, rms axes (pixels) and ellipse coefficients.
    radii : float64 array (k,)
        Radii of circular apertures, pixels.
    kron_factor, kron_least : float
        Multiple of the first-moment radius, and least scale of the ellipse in units of (a, b).

    Returns
    -------
    float64 array (n, 14), columns as `OUT`; float64 array (n, k, 4): flux, variance, replaced and missing fraction.
    """
    n, k = x.shape[0], radii.shape[0]
    out, apertures = np.full((n, 14), np.nan), np.full((n, k, 4), np.nan)
    for s in prange(n):
        one, xs, ys, ids = out[s], x[s], y[s], number[s]
        moment = _first_moment(data, var, bad, seg, ids, xs, ys, cxx[s], cyy[s], cxy[s], 6.0)
        kron = max(kron_factor * moment, kron_least)
        flux, variance, area, replaced, missing = _aperture(data, var, bad, seg, ids, xs, ys, cxx[s], cyy[s], cxy[s],
                                                            kron)
        one[0], one[1], one[2], one[3], one[4] = flux, variance, kron, replaced / area, missing / area
        reach = max(min(6.0, kron) * a[s], 4.0)
        one[5] = _half_light(data, var, bad, seg, ids, xs, ys, reach, 0.5 * flux, np.empty(RADIUS_BINS)) \
            if flux > 0.0 else math.nan
        sigma = min(max(one[5] * 2.0 / 2.3548 if one[5] == one[5] else a[s], 0.85), WIDEST_WINDOW)
        _windowed(data, var, bad, seg, ids, xs, ys, sigma, one)
        one[12] = _core_width(data, var, bad, seg, ids, one[6], one[7], max(3.0 * a[s], 3.0))
        for j in range(k):
            w = 1.0 / (radii[j] * radii[j])
            flux, variance, area, replaced, missing = _aperture(data, var, bad, seg, ids, one[6], one[7], w, w, 0.0,
                                                                1.0)
            apertures[s, j, 0], apertures[s, j, 1] = flux, variance
            apertures[s, j, 2], apertures[s, j, 3] = replaced / area, missing / area
    return out, apertures


def flags_in_segments(seg: NDArray[np.int32], mask: NDArray[np.uint16], n: int) -> NDArray[np.uint16]:
    """Return the union of the mask bits under each of the `n` segments (numbered from 1)."""
    out = np.zeros(n + 1, np.uint16)
    where = np.nonzero((mask != 0) & (seg > 0))
    np.bitwise_or.at(out, seg[where], mask[where])
    return out[1:]
