"""Averages of a stack of frames, pixel by pixel: the kernels of `awe.science.coadd`.

Sums are in float64. Where nothing is clipped, frames are added one after the other; where something may be, each pixel whose values
differ by more than the clipping allows in total is looked at again.
"""
from __future__ import annotations

import functools
import math
import statistics
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science.kernel import njit
from awe.science.mask import Bit

REACH = 2
"""Pixels around, whose signal counts for the allowance of clipping."""
GROWTH = 2
"""How often what was clipped grows by its neighbours."""
NEIGHBOUR = 0.5
"""Part of the threshold that counts next to what was clipped: the wings of a ghost are below the threshold, and together above."""
COARSE = 4
"""Side of the cells that are clipped too: what is too faint to stand out in a pixel, as discs of ghosts and wings of stars, does here."""
COARSE_REACH = COARSE_GROWTH = 1
"""Of cells, what `REACH` and `GROWTH` are of pixels."""
MARGIN = COARSE * (COARSE_REACH + COARSE_GROWTH)
"""Pixels around a part that clipping has to know: whole cells."""
assert MARGIN >= REACH + GROWTH
assert (int(Bit.SATURATED), int(Bit.NO_DATA)) == (8, 64), "kernels write bits as numbers"


class Sums:
    """Running sums of frames over a part of a coadd: of weights, weighted values and their variance, counts, bits."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.weight, self.value, self.noise = (np.zeros(shape) for _ in range(3))
        self.count = np.zeros(shape, np.uint16)
        self.common, self.burnt = np.full(shape, 65535, np.uint16), np.zeros(shape, np.uint16)

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """All of them."""
        return self.weight, self.value, self.noise, self.count, self.common, self.burnt


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def add(data: Any, weight: Any, variance: Any, mask: Any, corner: Any, sums: Any, place: Any, shape: Any) -> None:
    """Add to sums, from (y, x) `place` on, the pixels of a frame from (y, x) `corner` on; `shape` of them.

    `variance` and `mask` have size 0 where there are none.  Here and below arrays are whole and parts of them told by numbers: kernels
    are compiled once for contiguous arrays, and again for each mixture of others.
    """
    sw, swv, swe, count, common, burnt = sums
    dy, dx = place
    height, width = shape
    for y in range(height):
        j, i = y + corner[0], corner[1]
        for x in range(width):
            v, w = data[j, i + x], weight[j, i + x]
            good = v == v and w > 0.0
            w = w if good else np.float32(0)
            v = v if good else np.float32(0)
            sw[y + dy, x + dx] += w
            swv[y + dy, x + dx] += np.float64(w) * v
            count[y + dy, x + dx] += np.uint16(good)
        for x in range(width):
            v, w = data[j, i + x], np.float64(weight[j, i + x])
            noise = w * w * variance[j, i + x] if variance.size else w
            swe[y + dy, x + dx] += noise if v == v and w > 0.0 else 0.0
        for x in range(width):
            bits = mask[j, i + x] if mask.size else np.uint16(0)
            burnt[y + dy, x + dx] |= bits & np.uint16(8)
            common[y + dy, x + dx] &= bits if data[j, i + x] == data[j, i + x] and weight[j, i + x] > 0.0 else np.uint16(65535)


@njit(cache=True, nogil=True, error_model="numpy")
def finish(sums: Any, place: Any, out: Any, out_var: Any, out_weight: Any, coverage: Any, out_mask: Any) -> None:
    """Turn sums into averages, from (y, x) `place` on."""
    sw, swv, swe, count, common, burnt = sums
    for row in range(sw.shape[0]):
        for col in range(sw.shape[1]):
            y, x, total = row + place[0], col + place[1], sw[row, col]
            there = total > 0.0
            out[y, x] = swv[row, col] / total if there else np.nan
            out_var[y, x] = swe[row, col] / (total * total) if there else 0.0
            out_weight[y, x] = total if there else 0.0
            coverage[y, x] = count[row, col]
            out_mask[y, x] = (common[row, col] if there else np.uint16(64)) | burnt[row, col]


@njit(cache=True, nogil=True)
def _sorted(values: Any, n: int) -> None:
    """Sort the first `n` values in place, by insertion."""
    for i in range(1, n):
        v, j = values[i], i - 1
        while j >= 0 and values[j] > v:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = v


@njit(cache=True, nogil=True)
def _middle(values: Any, n: int) -> float:
    """Return the median of the first `n` values, which are sorted in place; 0 of none."""
    if n == 0:
        return 0.0
    if n > 32:
        return np.median(values[:n])  # type: ignore[no-any-return]
    _sorted(values, n)
    half = n // 2
    return values[half] if n % 2 else 0.5 * (values[half - 1] + values[half])  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _median_at(data: Any, weight: Any, y: int, x: int, medians: Any, values: Any) -> float:
    """Return the median of the good frames at a pixel; looked up where it is known."""
    if medians[y, x] == medians[y, x]:
        return medians[y, x]  # type: ignore[no-any-return]
    n = 0
    for k in range(data.shape[0]):
        v = data[k, y, x]
        if v == v and weight[k, y, x] > 0.0:
            values[n] = v
            n += 1
    medians[y, x] = _middle(values, n)
    return medians[y, x]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def suspects(data: Any, weight: Any, clip: float, least: int, found: Any) -> None:
    """Say where values differ by so much in total that one may be beyond the threshold about their median."""
    count, height, width = data.shape
    for y in range(height):
        low, high, top = np.full(width, np.float32(np.inf)), np.full(width, np.float32(-np.inf)), np.zeros(width, np.float32)
        number = np.zeros(width, np.int32)
        for k in range(count):
            for x in range(width):
                v, w = data[k, y, x], weight[k, y, x]
                good = v == v and w > 0.0
                low[x] = min(low[x], v) if good else low[x]
                high[x] = max(high[x], v) if good else high[x]
                top[x] = max(top[x], w) if good else top[x]
                number[x] += good
        for x in range(width):
            spread = high[x] - low[x]
            found[y, x] = number[x] >= least and spread * spread * top[x] > clip * clip


@njit(cache=True, nogil=True, error_model="numpy")
def _limits(data: Any, variance: Any, weight: Any, y: int, x: int, reach: int, medians: Any, values: Any) -> Any:
    """Return the median at a pixel, the largest median within `reach` pixels (at least 0), and the typical source noise.

    A hit raises its own variance: the source noise is what most frames say.
    """
    middle = _median_at(data, weight, y, x, medians, values)
    signal = 0.0
    for j in range(max(y - reach, 0), min(y + reach + 1, data.shape[1])):
        for i in range(max(x - reach, 0), min(x + reach + 1, data.shape[2])):
            signal = max(signal, _median_at(data, weight, j, i, medians, values))
    source = 0.0
    if variance.size:
        n = 0
        for k in range(data.shape[0]):
            if data[k, y, x] == data[k, y, x] and weight[k, y, x] > 0.0:
                values[n] = max(variance[k, y, x] - 1.0 / weight[k, y, x], 0.0)
                n += 1
        source = _middle(values, n)
    return middle, signal, source


@njit(cache=True, nogil=True, error_model="numpy")
def clip_stack(data: Any, variance: Any, weight: Any, found: Any, clip: float, allowances: Any, reach: int, growth: int,
               cut: Any) -> None:
    """Mark in `cut` (uint8, the shape of the stack) what is beyond the threshold, and its neighbours that are beyond half of it.

    `reach` and `growth` as `REACH` and `GROWTH`. Where more than half would go the median says nothing, and nothing goes.
    """
    count, height, width = data.shape
    medians, values = np.full((height, width), np.nan), np.empty(count)
    for y in range(height):
        for x in range(width):
            if not found[y, x]:
                continue
            middle, signal, source = _limits(data, variance, weight, y, x, reach, medians, values)
            lost = n = 0
            for k in range(count):
                v, w = data[k, y, x], weight[k, y, x]
                if v == v and w > 0.0:
                    n += 1
                    if (v - middle) ** 2 > clip * clip * (1.0 / w + source) + (allowances[k] * signal) ** 2:
                        cut[k, y, x] = 1
                        lost += 1
            if 2 * lost > n:
                cut[:, y, x] = 0
    for turn in range(1, growth + 1):
        for k in range(count):
            for y in range(height):
                for x in range(width):
                    if cut[k, y, x] == turn:
                        _grow(data, variance, weight, k, y, x, clip * NEIGHBOUR, allowances[k], reach, medians, values, turn, cut)


@njit(cache=True, nogil=True, error_model="numpy")
def coarse(data: Any, variance: Any, weight: Any, cut: Any, small: Any, small_var: Any, small_weight: Any) -> None:
    """Average the cells of each frame, by weight, where at least half of their pixels are good and not cut; `small_var` may have size 0."""
    count, height, width = data.shape
    for k in range(count):
        for cy in range(small.shape[1]):
            y0, y1 = cy * COARSE, min((cy + 1) * COARSE, height)
            for cx in range(small.shape[2]):
                x0, x1 = cx * COARSE, min((cx + 1) * COARSE, width)
                sw = swv = swe = 0.0
                n = 0
                for y in range(y0, y1):
                    for x in range(x0, x1):
                        v, w = data[k, y, x], np.float64(weight[k, y, x])
                        if v == v and w > 0.0 and not cut[k, y, x]:
                            n += 1
                            sw += w
                            swv += w * v
                            swe += w * w * variance[k, y, x] if variance.size else 0.0
                enough = 2 * n >= (y1 - y0) * (x1 - x0) and sw > 0.0
                small[k, cy, cx], small_weight[k, cy, cx] = swv / sw if enough else 0.0, sw if enough else 0.0
                if small_var.size:
                    small_var[k, cy, cx] = swe / (sw * sw) if enough else 0.0


@njit(cache=True, nogil=True)
def refine(small: Any, data: Any, weight: Any, cut: Any) -> None:
    """Mark what belongs to marked cells too; where more than half of the values would go none does."""
    count, height, width = cut.shape
    for y in range(height):
        for x in range(width):
            lost = n = 0
            for k in range(count):
                if small[k, y // COARSE, x // COARSE]:
                    cut[k, y, x] = 1
                lost += cut[k, y, x] > 0
                n += data[k, y, x] == data[k, y, x] and weight[k, y, x] > 0.0
            if 2 * lost > n:
                cut[:, y, x] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _grow(data: Any, variance: Any, weight: Any, k: int, y: int, x: int, clip: float, allowance: float, reach: int, medians: Any,
          values: Any, turn: int, cut: Any) -> None:
    """Mark with `turn` + 1 the neighbours of a pixel of frame `k` that are beyond `clip` and not marked yet."""
    for j in range(max(y - 1, 0), min(y + 2, data.shape[1])):
        for i in range(max(x - 1, 0), min(x + 2, data.shape[2])):
            v, w = data[k, j, i], weight[k, j, i]
            if cut[k, j, i] or v != v or not w > 0.0:
                continue
            middle, signal, source = _limits(data, variance, weight, j, i, reach, medians, values)
            if (v - middle) ** 2 > clip * clip * (1.0 / w + source) + (allowance * signal) ** 2:
                cut[k, j, i] = turn + 1


@njit(cache=True, nogil=True, error_model="numpy")
def without(data: Any, variance: Any, weight: Any, mask: Any, cut: Any, margin: int, place: Any, out: Any, out_var: Any,
            out_weight: Any, coverage: Any, rejected: Any, out_mask: Any) -> None:
    """Average anew, without what was cut, where something was; the stack less its margin belongs to (y, x) `place` on."""
    count, height, width = data.shape
    for j in range(margin, height - margin):
        for i in range(margin, width - margin):
            y, x = j - margin + place[0], i - margin + place[1]
            sw = swv = swe = 0.0
            lost = n = 0
            common = np.uint16(65535)
            for k in range(count):
                lost += cut[k, j, i] > 0
            if lost == 0:
                continue
            for k in range(count):
                v, w = data[k, j, i], np.float64(weight[k, j, i])
                if v != v or not w > 0.0:
                    continue
                common &= mask[k, j, i] if mask.size else np.uint16(0)
                if cut[k, j, i]:
                    continue
                n += 1
                sw += w
                swv += w * v
                swe += w * w * variance[k, j, i] if variance.size else w
            out[y, x], out_var[y, x], out_weight[y, x] = swv / sw, swe / (sw * sw), sw
            coverage[y, x], rejected[y, x] = n, lost
            out_mask[y, x] = common | (out_mask[y, x] & np.uint16(8))


@njit(cache=True, nogil=True, error_model="numpy")
def ordered(data: Any, variance: Any, weight: Any, trim: int, losses: Any, place: Any, out: Any, out_var: Any, out_weight: Any,
            coverage: Any, rejected: Any) -> None:
    """Replace averages by medians (`trim` < 0), or by averages without the `trim` lowest and highest values where more are left.

    `losses` says by number of values how much larger the variance is than that of their plain mean; the stack belongs to (y, x)
    `place` on.
    """
    count, height, width = data.shape
    values, weights, errors = np.empty(count), np.empty(count), np.empty(count)
    for j in range(height):
        for i in range(width):
            y, x, n = j + place[0], i + place[1], 0
            for k in range(count):
                v, w = data[k, j, i], np.float64(weight[k, j, i])
                if v == v and w > 0.0:
                    values[n], weights[n] = v, w
                    errors[n] = variance[k, j, i] if variance.size else 1.0 / w
                    n += 1
            if n == 0 or (trim >= 0 and n <= 2 * trim):
                continue
            if trim < 0:
                noise = sky = 0.0
                for k in range(n):
                    noise += errors[k]
                    sky += 1.0 / weights[k]
                out[y, x] = _middle(values, n)
                out_var[y, x], out_weight[y, x] = losses[n] * noise / (n * n), n * n / (losses[n] * sky)
                continue
            order = np.argsort(values[:n])
            sw = swv = whole = noise = 0.0
            for k in range(n):
                w = weights[order[k]]
                whole += w
                noise += w * w * errors[order[k]]
                if trim <= k < n - trim:
                    sw += w
                    swv += w * values[order[k]]
            out[y, x] = swv / sw
            out_var[y, x], out_weight[y, x] = losses[n] * noise / (whole * whole), whole / losses[n]
            coverage[y, x], rejected[y, x] = n - 2 * trim, 2 * trim


@functools.cache
def variance_losses(count: int, trim: int) -> NDArray[np.float64]:
    """Return, for 0 to `count` values, the variance of a median (`trim` < 0) or a trimmed mean over that of a mean, of normal errors.

    Of a median pi/2 for many, less for few (to 1 per cent of what order statistics give); of a trimmed mean the
    asymptotic one (Stigler 1973, Ann. Stat. 1, 472).
    """
    normal, losses = statistics.NormalDist(), np.ones(count + 1)
    for n in range(3, count + 1):
        part = trim / n
        if trim < 0:
            losses[n] = math.pi / 2.0 * n / (n + (0.5 if n % 2 else 1.3))
        elif 0.0 < part < 0.5:
            q = normal.inv_cdf(1.0 - part)
            inner = (1.0 - 2.0 * part) - 2.0 * q * normal.pdf(q)
            losses[n] = (inner + 2.0 * part * q * q) / (1.0 - 2.0 * part) ** 2
    return losses
