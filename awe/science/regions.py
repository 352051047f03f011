"""Sums over the pixels of a stamp inside circles, whose overlap with pixels is exact, and ellipses, where it is nearly so.

A circle cuts a row of pixels into pieces whose areas are differences of a function of the edges between columns; its inverse sines are
taken once an edge, not once a pixel. An ellipse is cut into narrow columns, along each of which the overlap is exact.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from awe.science.kernel import njit
from awe.science.stamp import HEIGHT, LEFT, LOW, MISSING, MIXED, WIDTH

OVERSAMPLE = 16
"""Narrow columns of a pixel on the edge of an ellipse."""


@njit(cache=True, error_model="numpy")
def _under_arc(x: float, r: float) -> float:
    """Return the area between the x axis and a circle of radius `r` about the origin, from 0 to `x` (-r to r)."""
    return 0.5 * (x * math.sqrt(max(r * r - x * x, 0.0)) + r * r * math.asin(min(max(x / r, -1.0), 1.0)))


@njit(cache=True, error_model="numpy")
def _in_strip(x: float, area: float, bottom: float, height: float, near: float, area_near: float, far: float, area_far: float) -> float:
    """Return the area inside a circle and a strip above its middle, from 0 to `x`.

    The strip begins at `bottom` and is `height` high; the circle leaves it at its upper side at `near` and at its lower at `far`. `area`,
    `area_near` and `area_far` are `_under_arc` of x and of these.
    """
    size = abs(x)
    if size <= near:
        return x * height
    if size >= far:
        total = near * height + area_far - area_near - bottom * (far - near)
    else:
        total = near * height + abs(area) - area_near - bottom * (size - near)
    return total if x > 0.0 else -total


@njit(cache=True, error_model="numpy")
def circle(stamp: Any, light: Any, noise: Any, state: Any, x0: float, y0: float, radius: float, arcs: Any) -> Any:
    """Sum inside a circle; return flux, variance, area, and the parts of it that are replaced and missing.

    `arcs` is scratch of at least 2 radius + 4. What lies outside of the stamp is missing.
    """
    left, low, width, height, mixed = stamp[LEFT], stamp[LOW], stamp[WIDTH], stamp[HEIGHT], stamp[MIXED]
    first, last = int(math.floor(x0 - radius + 0.5)), int(math.floor(x0 + radius + 0.5))
    for k in range(last - first + 2):
        arcs[k] = _under_arc(min(max(first + k - 0.5 - x0, -radius), radius), radius)
    flux = variance = replaced = missing = 0.0
    below, top = -radius, int(math.floor(y0 + radius + 0.5))
    reach_below = area_below = 0.0
    for y in range(int(math.floor(y0 - radius + 0.5)), top + 1):
        above = min(y + 0.5 - y0, radius)
        reach_above = math.sqrt(max(radius * radius - above * above, 0.0))
        area_above = _under_arc(reach_above, radius)
        middle = below < 0.0 < above
        widest = radius if middle else max(reach_below, reach_above)
        inside = min(reach_below, reach_above)
        first_inside, last_inside = int(math.ceil(x0 - inside + 0.5)), int(math.floor(x0 + inside - 0.5))
        start, end = int(math.floor(x0 - widest + 0.5)), int(math.floor(x0 + widest + 0.5))
        start, end = max(start, first), min(end, last)
        within = low <= y < low + height
        before = math.nan
        for x in range(start, end + 1):
            part = 1.0
            if first_inside <= x <= last_inside and above - below == 1.0:
                before = math.nan
            else:
                if before != before:
                    before = _row_area(max(x - 0.5 - x0, -radius), arcs[x - first], below, reach_below, area_below, above, reach_above,
                                       area_above, radius, arcs[last - first + 1])
                after = _row_area(min(x + 0.5 - x0, radius), arcs[x - first + 1], below, reach_below, area_below, above, reach_above,
                                  area_above, radius, arcs[last - first + 1])
                part, before = after - before, after
            if within and left <= x < left + width:
                at = (y - low) * width + x - left
                flux += part * light[at]
                variance += part * noise[at]
                if mixed and state[at]:
                    replaced += part
                    if state[at] == MISSING:
                        missing += part
            else:
                replaced += part
                missing += part
        below, reach_below, area_below = above, reach_above, area_above
    area = math.pi * radius * radius
    return flux, variance, area, replaced / area, missing / area


@njit(cache=True, error_model="numpy")
def _row_area(x: float, area: float, below: float, reach_below: float, area_below: float, above: float, reach_above: float,
              area_above: float, radius: float, quarter: float) -> float:
    """Return the area inside a circle and the row from `below` to `above`, from 0 to `x`; `quarter` is that of a quarter of the circle."""
    if below >= 0.0:
        return float(_in_strip(x, area, below, above - below, reach_above, area_above, reach_below, area_below))
    if above <= 0.0:
        return float(_in_strip(x, area, -above, above - below, reach_below, area_below, reach_above, area_above))
    return float(_in_strip(x, area, 0.0, above, reach_above, area_above, radius, quarter)
                 + _in_strip(x, area, 0.0, -below, reach_below, area_below, radius, quarter))


@njit(cache=True, error_model="numpy")
def ellipse(stamp: Any, light: Any, noise: Any, state: Any, x0: float, y0: float, cxx: float, cyy: float, cxy: float, limit: float) -> Any:
    """Sum inside cxx dx^2 + cyy dy^2 + cxy dx dy <= limit^2; return as `circle` does."""
    left, low, width, height, mixed = stamp[LEFT], stamp[LOW], stamp[WIDTH], stamp[HEIGHT], stamp[MIXED]
    lows, highs, parts = np.empty(OVERSAMPLE), np.empty(OVERSAMPLE), np.empty(OVERSAMPLE)
    half, inside2 = limit * math.sqrt(cyy / (cxx * cyy - 0.25 * cxy * cxy)), limit * limit
    flux = variance = area = replaced = missing = 0.0
    for x in range(int(math.floor(x0 - half + 0.5)), int(math.floor(x0 + half + 0.5)) + 1):
        for i in range(OVERSAMPLE):
            sx = x - x0 + (i + 0.5) / OVERSAMPLE - 0.5
            root2 = 0.25 * cxy * cxy * sx * sx - cyy * (cxx * sx * sx - inside2)
            reach, middle = math.sqrt(max(root2, 0.0)) / cyy, -0.5 * cxy * sx / cyy
            lows[i] = middle - reach if root2 > 0.0 else math.inf
            highs[i] = middle + reach if root2 > 0.0 else -math.inf
        lowest, highest, full_low, full_high = lows[0], highs[0], lows[0], highs[0]
        for i in range(1, OVERSAMPLE):
            lowest, full_low = min(lowest, lows[i]), max(full_low, lows[i])
            highest, full_high = max(highest, highs[i]), min(full_high, highs[i])
        if not lowest < highest:
            continue
        full_low, full_high = min(full_low, 1e9) + 0.5, max(full_high, -1e9) - 0.5
        for y in range(int(math.floor(y0 + lowest + 0.5)), int(math.floor(y0 + highest + 0.5)) + 1):
            dy, part = y - y0, 1.0
            if not full_low <= dy <= full_high:
                for i in range(OVERSAMPLE):
                    parts[i] = max(min(dy + 0.5, highs[i]) - max(dy - 0.5, lows[i]), 0.0)
                part = 0.0
                for i in range(OVERSAMPLE):
                    part += parts[i]
                part /= OVERSAMPLE
            area += part
            if low <= y < low + height and left <= x < left + width:
                at = (y - low) * width + x - left
                flux += part * light[at]
                variance += part * noise[at]
                if mixed and state[at]:
                    replaced += part
                    if state[at] == MISSING:
                        missing += part
            else:
                replaced += part
                missing += part
    return flux, variance, area, replaced / area, missing / area


@njit(cache=True, error_model="numpy")
def chord(r2: float, d: float, x0: float, first: int, size: int) -> Any:
    """Return the first and one past the last of `size` pixels from `first` on that lie within the chord at `d` of a circle about `x0`."""
    left = r2 - d * d
    if left < 0.0:
        return 0, 0
    half = math.sqrt(left)
    return max(int(math.ceil(x0 - half)) - first, 0), min(int(math.floor(x0 + half)) - first + 1, size)
