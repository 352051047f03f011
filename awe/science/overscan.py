"""The level under the pixels of an amplifier, from pixels that saw no light: overscan and prescan."""
from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import scipy
from numpy.polynomial import legendre
from numpy.typing import NDArray

from awe.science.amplifier import Amplifier, Section
from awe.science.imstat import clipped
from awe.science.kernel import njit

OVERSCAN_OPTIONS: Final = {
    "none": (),
    "constant": ("overscan", "prescan", "overscan_y"),
    "per_row": ("overscan",),
    "per_column": ("overscan_y",),
    "per_row_and_column": ("overscan", "overscan_y"),
    "fitted": ("overscan", "prescan", "overscan_y"),
    "prescan": ("prescan",),
    "prescan_constant": ("prescan",),
    "prescan_fitted": ("prescan",),
}
"""Option -> the sections it can be measured in; the first that an amplifier has is used (both for rows and columns)."""

ORDER: Final = 5
"""Degree of the polynomial along the lines of a fitted level."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class OverscanLevel:
    """What is to be subtracted from one amplifier: the sum of a level for each row and one for each column of its data.

    Attributes
    ----------
    rows : float64 array, (1,) or (rows,)
        ADU.
    columns : float64 array, (1,) or (columns,)
        ADU.
    mean : float
        Mean of what is subtracted, ADU.
    noise : float
        Clipped standard deviation of the overscan pixels about the level, ADU; NaN without overscan.
    option : str
        The option that was applied.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    mean: float
    noise: float
    option: str


NOTHING: Final = OverscanLevel(np.zeros(1), np.zeros(1), 0.0, float("nan"), "none")
"""The level of an amplifier that has no such section, or from which nothing shall be subtracted."""


def overscan_level(raw: Any, amplifier: Amplifier, option: str, smooth_rows: float = 10.0) -> OverscanLevel:
    """Measure the level under the pixels of one amplifier.

    ``constant`` is the clipped mean of the section. ``per_row`` (and ``prescan``; ``per_column`` with the axes
    exchanged) takes for each row the mean of its overscan pixels after a 3 sigma clip about their median,
    which keeps out trailed charge and cosmic rays and is finer than the median of whole numbers. That level
    carries noise of sigma / sqrt(columns), which would be the same along a row of the image. So it is drawn
    towards a Gaussian-smoothed run of the levels, by as much as the scatter of levels about the smooth run is
    explained by noise alone (a Wiener weight): steady amplifiers get the smooth level, banded ones keep their
    rows. A row that is off by more than 5 sigma (a jump) always keeps its own. Rows without a usable pixel are
    interpolated. ``fitted`` puts a polynomial of degree `ORDER` through the levels of the lines, with outliers
    rejected. ``per_row_and_column`` subtracts what the rows say, and then what is left in the overscan of the
    columns about its mean.

    Parameters
    ----------
    raw : (ny, nx) array, or anything that gives rectangles of one by slices
        The HDU of the amplifier.
    amplifier : Amplifier
    option : one of `OVERSCAN_OPTIONS`
        An amplifier without the section gets level 0 and option ``"none"``.
    smooth_rows : float
        Sigma of the smoothing, lines; 0: each line keeps its own level.
    """
    if option == "per_row_and_column":
        return _both(raw, amplifier, smooth_rows)
    name = next((word for word in OVERSCAN_OPTIONS[option] if getattr(amplifier, word) is not None), None)
    values = None if name is None else _values(raw, getattr(amplifier, name))
    if name is None or values is None:
        return NOTHING
    if option in ("constant", "prescan_constant"):
        mean, noise, _ = clipped(values, step=1.0)
        return OverscanLevel(np.full(1, mean), np.zeros(1), mean, noise, option)
    across = name == "overscan_y"
    level, noise = _along(values, getattr(amplifier, name), amplifier.data, across, smooth_rows, option.endswith("fitted"))
    rows, columns = (np.zeros(1), level) if across else (level, np.zeros(1))
    return OverscanLevel(rows, columns, float(level.mean()), noise, option)


def _both(raw: Any, amplifier: Amplifier, smooth: float) -> OverscanLevel:
    """Rows first; then the columns, about the mean of what the rows left in them."""
    rows = overscan_level(raw, amplifier, "per_row", smooth)
    below = overscan_level(raw, amplifier, "per_column", smooth)
    if "none" in (rows.option, below.option):
        return rows if below.option == "none" else below
    return OverscanLevel(rows.rows, below.columns - below.columns.mean(), rows.mean, rows.noise, "per_row_and_column")


def _values(raw: Any, section: Section) -> NDArray[np.float64] | None:
    """The pixels of a section; None where none is a number."""
    values = np.asarray(raw[section[0]:section[1], section[2]:section[3]]).astype(np.float64)
    return values if np.isfinite(values).any() else None


def _along(values: NDArray[np.float64], section: Section, data: Section, across: bool, smooth: float,
           fitted: bool) -> tuple[NDArray[np.float64], float]:
    """Level of each row of the data section (each column where `across`), and the noise about it."""
    lines, first, wanted = (values.T, section[2], data[2:]) if across else (values, section[0], data[:2])
    level, noise = _line_levels(np.ascontiguousarray(lines), smooth, fitted)
    return np.interp(np.arange(*wanted), first + np.arange(level.size), level), noise


def _line_levels(lines: NDArray[np.float64], smooth: float, fitted: bool) -> tuple[NDArray[np.float64], float]:
    """Level of each line (n, pixels) and the noise of a pixel about it; smoothed or fitted as `overscan_level` says."""
    rest = np.empty_like(lines)
    middle = np.empty(len(lines))
    _centre(lines, middle, rest)
    _, noise, _ = clipped(rest, step=1.0)
    level = np.empty(len(lines))
    number = np.empty(len(lines), np.int64)
    _kept_means(rest, middle, 3.0 * noise + 0.5, level, number)
    usable = number > 0
    known, error = level[usable], noise / np.sqrt(number[usable])
    at = np.flatnonzero(usable)
    if fitted:
        full = _polynomial(at, known, error, len(lines))
    else:
        full = np.interp(np.arange(len(lines)), at, _shrink(known, error, smooth) if smooth > 0 and known.size > 4 else known)
    return full, clipped(lines - full[:, None], step=1.0)[1]


def _shrink(level: NDArray[np.float64], error: NDArray[np.float64], smooth: float) -> NDArray[np.float64]:
    """Draw `level` towards its smooth run as far as `error` explains the scatter."""
    run = scipy.ndimage.gaussian_filter1d(level, smooth, mode="nearest")
    rest = level - run
    jump = np.abs(rest) > 5.0 * np.maximum(error, clipped(rest)[1])
    noise = float(np.mean(error**2))
    excess = max(0.0, clipped(rest)[1] ** 2 - noise)
    weight = excess / (excess + noise) if noise > 0 else 1.0
    drawn: NDArray[np.float64] = np.where(jump, level, run + weight * rest)
    return drawn


def _polynomial(at: NDArray[np.int64], level: NDArray[np.float64], error: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Legendre polynomial through the levels, those further than 3 sigma off left out in turns; at every line."""
    position = 2.0 * np.arange(length) / max(length - 1, 1) - 1.0
    kept = np.ones(at.size, np.bool_)
    for _ in range(10):
        degree = max(0, min(ORDER, (int(kept.sum()) - 1) // 2))
        terms = legendre.legfit(position[at[kept]], level[kept], degree)
        rest = level - legendre.legval(position[at], terms)
        inside = np.abs(rest) <= 3.0 * np.maximum(clipped(rest[kept])[1], error)
        if np.array_equal(inside, kept) or not inside.any():
            break
        kept = inside
    return np.asarray(legendre.legval(position, terms), np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def _centre(lines, middle, rest):  # type: ignore[no-untyped-def]
    """Median of the usable pixels of each line, and what is left; NaN where nothing is."""
    kept = np.empty(lines.shape[1])
    for y in range(lines.shape[0]):
        n = 0
        for x in range(lines.shape[1]):
            if np.isfinite(lines[y, x]):
                kept[n] = lines[y, x]
                n += 1
        middle[y] = np.median(kept[:n]) if n > 0 else np.nan
        for x in range(lines.shape[1]):
            rest[y, x] = lines[y, x] - middle[y] if np.isfinite(lines[y, x]) else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _kept_means(rest, middle, reach, level, number):  # type: ignore[no-untyped-def]
    """Mean of the pixels of each line within `reach` of its median, and how many there are."""
    for y in range(rest.shape[0]):
        total, n = 0.0, 0
        for x in range(rest.shape[1]):
            if abs(rest[y, x]) <= reach:
                total += rest[y, x]
                n += 1
        number[y] = n
        level[y] = middle[y] + total / n if n > 0 else np.nan
