"""The square of pixels about a source that it is measured on, with what belongs to others replaced.

A pixel that is bad or belongs to a neighbour is replaced by the pixel opposite the source's centre, as SExtractor's MASK_TYPE CORRECT
does; where that one cannot be used either, by nothing (the background). This is done once for all that is measured on a stamp.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from awe.science.kernel import njit

OWN, REPLACED, MISSING = 0, 1, 2
"""States of a pixel: its own, that of the opposite pixel, nothing."""
LEFT, LOW, WIDTH, HEIGHT, TWICE_X, TWICE_Y, MIXED = range(7)
"""Places in the description of a stamp (int64): its first column and row on the image, its sides, twice the centre that pixels are opposite
about, and whether any pixel is not its own, without which the states are not filled."""
MARGIN = 3.0
"""Pixels that are cut out beyond what is asked, so that a centre may move a little."""


@njit(cache=True, error_model="numpy")
def limits(shape: Any, x0: float, y0: float, reach: float) -> Any:
    """Return first and last column and row of a square of half width `reach`, without what no pixel of the image is opposite to; and twice
    the centre."""
    twice_x, twice_y = int(math.floor(2.0 * x0 + 0.5)), int(math.floor(2.0 * y0 + 0.5))
    left = max(int(math.floor(x0 - reach)), min(0, twice_x - shape[1] + 1))
    low = max(int(math.floor(y0 - reach)), min(0, twice_y - shape[0] + 1))
    right = min(int(math.ceil(x0 + reach)), max(shape[1] - 1, twice_x))
    top = min(int(math.ceil(y0 + reach)), max(shape[0] - 1, twice_y))
    return left, low, max(right, left), max(top, low), twice_x, twice_y


@njit(cache=True, error_model="numpy")
def covers(stamp: Any, shape: Any, x0: float, y0: float, reach: float) -> bool:
    """Whether a stamp holds all that a source is measured on within `reach` of a centre."""
    left, low, right, top, twice_x, twice_y = limits(shape, x0, y0, reach)
    if stamp[MIXED] and (stamp[TWICE_X] != twice_x or stamp[TWICE_Y] != twice_y):
        return False
    return bool(stamp[LEFT] <= left and stamp[LOW] <= low and right < stamp[LEFT] + stamp[WIDTH] and top < stamp[LOW] + stamp[HEIGHT])


@njit(cache=True, error_model="numpy")
def cut(data: Any, var: Any, seg: Any, number: int, x0: float, y0: float, reach: float, stamp: Any, light: Any, noise: Any,
        state: Any) -> None:
    """Fill light, noise and, where any is not `OWN`, states of the pixels about a centre, row by row; and describe the stamp."""
    ny, nx = data.shape
    left, low, right, top, twice_x, twice_y = limits(data.shape, x0, y0, reach + MARGIN)
    width, height = right - left + 1, top - low + 1
    stamp[LEFT], stamp[LOW], stamp[WIDTH], stamp[HEIGHT], stamp[TWICE_X], stamp[TWICE_Y] = left, low, width, height, twice_x, twice_y
    others = 0 if left >= 0 and low >= 0 and right < nx and top < ny else 1
    first, last = max(left, 0), min(right, nx - 1) + 1
    for y in range(max(low, 0), min(top, ny - 1) + 1):
        at = (y - low) * width + first - left
        owners, lights, noises = seg[y, first:last], data[y, first:last], var[y, first:last]
        to_light, to_noise = light[at:at + last - first], noise[at:at + last - first]
        for i in range(last - first):
            to_light[i], to_noise[i] = lights[i], noises[i]
            others |= (owners[i] != 0) & (owners[i] != number)
    stamp[MIXED] = others
    if others:
        _replace(data, var, seg, number, stamp, light, noise, state)


@njit(cache=True, error_model="numpy")
def _replace(data: Any, var: Any, seg: Any, number: int, stamp: Any, light: Any, noise: Any, state: Any) -> None:
    """Fill the states of a stamp, and put the opposite pixel, or nothing, in the place of those that are not its own."""
    ny, nx = data.shape
    for j in range(stamp[HEIGHT]):
        y = stamp[LOW] + j
        for i in range(stamp[WIDTH]):
            x, at = stamp[LEFT] + i, j * stamp[WIDTH] + i
            state[at] = OWN
            if 0 <= x < nx and 0 <= y < ny and (seg[y, x] == 0 or seg[y, x] == number):
                continue
            x, y_opposite = stamp[TWICE_X] - x, stamp[TWICE_Y] - y
            if 0 <= x < nx and 0 <= y_opposite < ny and (seg[y_opposite, x] == 0 or seg[y_opposite, x] == number):
                state[at], light[at], noise[at] = REPLACED, data[y_opposite, x], var[y_opposite, x]
            else:
                state[at], light[at], noise[at] = MISSING, np.float32(0.0), np.float32(0.0)
