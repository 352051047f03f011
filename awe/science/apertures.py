"""Measuring sources on the pixels: elliptical and circular apertures, half-light radii, windowed positions, FWHM.

One kernel for all measurements, sources in parallel; every source is summed by one thread in a fixed order, so the bits
do not depend on the number of threads. Definitions follow SExtractor (Bertin & Arnouts 1996; the windowed positions its
documentation). Each source is cut out once or twice (`awe.science.stamp`), its neighbours replaced, and measured on that.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science import bands
from awe.science.kernel import njit
from awe.science.regions import circle, ellipse
from awe.science.stamp import HEIGHT, LEFT, LOW, MARGIN, WIDTH, covers, cut
from awe.science.windowed import REACH, WIDEST_WINDOW, core_width, windowed

Plane = NDArray[np.float32]
Floats = NDArray[np.float64]
RADIUS_ERROR = 1e-4
"""Error of FLUX_RADIUS, pixels."""
MOMENT_REACH = 6.0
"""Of the first moment, in units of the ellipse."""
OUT = ("flux_auto", "var_auto", "kron", "replaced", "incomplete", "flux_radius", "x_win", "y_win", "varx_win",
       "vary_win", "covxy_win", "snr_win", "fwhm", "moved")
"""Names of the columns of the first result of `measure`."""


@njit(cache=True, error_model="numpy")
def _first_moment(stamp: Any, light: Any, x0: float, y0: float, cxx: float, cyy: float, cxy: float, limit: float, columns: Any) -> float:
    """Return Kron's first moment radius inside the ellipse `limit`, in units of its axes; `columns` is scratch of (4, width)."""
    left, low, width = stamp[LEFT], stamp[LOW], stamp[WIDTH]
    limit2 = limit * limit
    sums, weighted = columns[0, :width], columns[1, :width]
    sums[:] = 0.0
    weighted[:] = 0.0
    for j in range(stamp[HEIGHT]):
        dy, row = low + j - y0, light[j * width:(j + 1) * width]
        for i in range(width):
            dx = left + i - x0
            r2 = cxx * dx * dx + cyy * dy * dy + cxy * dx * dy
            value = float(row[i]) if r2 <= limit2 else 0.0
            sums[i] += value
            weighted[i] += math.sqrt(max(r2, 0.0)) * value
    top, bottom = 0.0, 0.0
    for i in range(width):
        top += weighted[i]
        bottom += sums[i]
    return top / bottom if bottom > 0.0 and top > 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def _half_light(stamp: Any, light: Any, noise: Any, state: Any, x0: float, y0: float, start: float, reach: float, wanted: float,
                arcs: Any) -> float:
    """Return a radius that holds the flux `wanted`, looked for from `start` outward to `reach`; NaN where none does."""
    low, high, below, above = 0.0, start, -wanted, 0.0
    while True:
        high = min(high, reach)
        above = circle(stamp, light, noise, state, x0, y0, high, arcs)[0] - wanted
        if above >= 0.0:
            break
        if high >= reach:
            return math.nan
        low, below, high = high, above, 1.5 * high
    for step in range(60):
        middle = 0.5 * (low + high) if step % 3 == 2 else low + (high - low) * below / (below - above)
        middle = min(max(middle, low + 0.01 * (high - low)), high - 0.01 * (high - low))
        excess = circle(stamp, light, noise, state, x0, y0, middle, arcs)[0] - wanted
        if excess >= 0.0:
            high, above = middle, excess
        else:
            low, below = middle, excess
        if high - low < RADIUS_ERROR or abs(excess) < 1e-5 * wanted:
            return middle
    return 0.5 * (low + high)


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(data: Any, var: Any, shape: Any, shape_var: Any, alike: bool, seg: Any, number: Any, x: Any, y: Any, a: Any, cxx: Any,
             cyy: Any, cxy: Any, radii: Any, kron_factor: float, kron_least: float, first: int, last: int, out: Any,
             apertures: Any) -> None:
    """Measure the sources [first, last) into their rows of `out` and `apertures`; `alike`: shapes are measured on the image itself."""
    widest = max(MOMENT_REACH, kron_least, kron_factor * MOMENT_REACH) * a[first:last].max()
    widest = max(widest, radii.max(), REACH * WIDEST_WINDOW, 4.0) + 2.0 * MARGIN
    side_x, side_y = min(int(2.0 * widest) + 4, 2 * data.shape[1] + 2), min(int(2.0 * widest) + 4, 2 * data.shape[0] + 2)
    light, noise = np.empty(side_x * side_y, np.float32), np.empty(side_x * side_y, np.float32)
    state, stamp = np.empty(side_x * side_y, np.uint8), np.zeros(7, np.int64)
    columns, arcs = np.empty((4, side_x)), np.empty(int(2.0 * widest) + 8)
    for s in range(first, last):
        one, xs, ys, own = out[s], x[s], y[s], number[s]
        reach = MOMENT_REACH * a[s] + 1.0
        cut(shape, shape_var, seg, own, xs, ys, reach, stamp, light, noise, state)
        kron = max(kron_factor * _first_moment(stamp, light, xs, ys, cxx[s], cyy[s], cxy[s], MOMENT_REACH, columns), kron_least)
        reach = max(kron, MOMENT_REACH) * a[s] + 1.0
        if not alike or not covers(stamp, data.shape, xs, ys, reach):
            cut(data, var, seg, own, xs, ys, reach, stamp, light, noise, state)
        flux, variance, _, replaced, missing = ellipse(stamp, light, noise, state, xs, ys, cxx[s], cyy[s], cxy[s], kron)
        one[0], one[1], one[2], one[3], one[4], one[5] = flux, variance, kron, replaced, missing, math.nan
        if flux > 0.0:
            one[5] = _half_light(stamp, light, noise, state, xs, ys, 1.2 * a[s] + 0.3, max(min(6.0, kron) * a[s], 4.0), 0.5 * flux, arcs)
        sigma = min(max(one[5] * 2.0 / 2.3548 if one[5] == one[5] else a[s], 0.85), WIDEST_WINDOW)
        if not alike:
            cut(shape, shape_var, seg, own, xs, ys, REACH * sigma + 1.0, stamp, light, noise, state)
        windowed(shape, shape_var, seg, own, xs, ys, sigma, stamp, light, noise, state, columns, one)
        reach = max(max(3.0 * a[s], 3.0), radii.max()) + 1.0
        if not alike or not covers(stamp, data.shape, one[6], one[7], reach):
            cut(data, var, seg, own, one[6], one[7], reach, stamp, light, noise, state)
        one[12] = core_width(stamp, light, one[6], one[7], max(3.0 * a[s], 3.0))
        for k in range(radii.shape[0]):
            flux, variance, _, replaced, missing = circle(stamp, light, noise, state, one[6], one[7], radii[k], arcs)
            apertures[s, k, 0], apertures[s, k, 1], apertures[s, k, 2], apertures[s, k, 3] = flux, variance, replaced, missing


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
    planes = (data, var, *(shape or (data, var)), shape is None, np.where(bad, np.int32(-1), seg) if bad.any() else seg, number)

    def work(first: int, last: int) -> None:
        _measure(*planes, *ellipses, radii, kron_factor, kron_least, first, last, out, apertures)

    bands.run(work, n, 32)
    return out, apertures


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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
