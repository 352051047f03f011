"""Bleeding: charge of saturated pixels that ran along the read-out direction."""
from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.science.kernel import njit
from awe.science.mask import Bit

NEAR: Final = 2
FAR: Final = 4
"""Pixels on either side of the columns that bleed that say how bright the star is there."""

WIDEST: Final = 20
"""Columns on either side that may bleed together."""

LONGER: Final = 1.5
"""How many times longer than wide what is saturated has to be."""

STEEP: Final = 2.0
"""How many times brighter than there a trail has to be: a star falls off more slowly across its middle."""


def bleeding(data: NDArray[Any], saturated: NDArray[Any], variance: NDArray[Any], sky: float = 0.0, threshold: float = 5.0,
             shortest: int = 4, gap: int = 2, along_rows: bool = False) -> NDArray[np.uint16]:
    """Mark the pixels into which saturated ones bled.

    From both ends of each run of saturated pixels along the read-out direction that is longer than the saturated core of the star is
    wide the trail is followed as long as its pixels stand above what lies beside them on both sides.

    Parameters
    ----------
    data : (ny, nx) array
        Reduced frame.
    saturated : (ny, nx) bool
        Where the raw frame is saturated.
    variance : (ny, nx) array
        Variance of `data`.
    sky : float
        Level of the sky in `data`.
    threshold : float
        Sigma above the brighter of the two sides.
    shortest : int
        Runs of fewer saturated pixels do not bleed.
    gap : int
        So many pixels that do not stand out are bridged.
    along_rows : bool
        Charge is moved along rows; else along columns.

    Returns
    -------
    (ny, nx) uint16
        The BLEEDING bit; saturated pixels do not have it.

    Raises
    ------
    FitsError
        Planes of different shapes.
    """
    if not data.shape == saturated.shape == variance.shape or data.ndim != 2:
        raise FitsError(f"bleeding needs planes of one shape, not {data.shape}, {saturated.shape} and {variance.shape}")
    result = np.zeros(data.shape, np.uint16)
    if not saturated.any():
        return result
    values, full, noise = (np.ascontiguousarray(plane.T if along_rows else plane) for plane in (data, saturated != 0, variance))
    runs = _long_runs(full, shortest)
    bled = np.zeros(full.shape, np.bool_)
    for turn in (slice(None), slice(None, None, -1)):
        _follow(values[turn], full[turn], runs[turn], noise[turn], sky, threshold, gap, bled[turn])
    result[bled.T if along_rows else bled] = np.uint16(Bit.BLEEDING)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _long_runs(saturated, shortest):  # type: ignore[no-untyped-def]
    """Saturated pixels in runs of at least so many along columns, longer than the saturated core of their star is wide."""
    ny, nx = saturated.shape
    result = np.zeros(saturated.shape, np.bool_)
    length, widest, across = np.zeros(nx, np.int64), np.zeros(nx, np.int64), np.zeros(nx, np.int64)
    for y in range(ny + 1):
        begin = 0
        for x in range(nx + 1):
            if y == ny or x == nx or not saturated[y, x]:
                across[begin:x] = x - begin
                begin = x + 1
        for x in range(nx):
            if y < ny and saturated[y, x]:
                length[x] += 1
                widest[x] = max(widest[x], across[x])
            else:
                if length[x] >= shortest and length[x] > LONGER * widest[x]:
                    result[y - length[x]:y, x] = True
                length[x] = widest[x] = 0
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _follow(values, saturated, runs, variance, sky, threshold, gap, bled):  # type: ignore[no-untyped-def]
    """Follow trails with growing y: `missing` says since how many rows a column has stood out no more; -1 where there is no trail."""
    ny, nx = values.shape
    missing, before = np.full(nx, -1, np.int64), np.full(nx, -1, np.int64)
    for y in range(ny):
        before[:] = missing
        for x in range(nx):
            if runs[y, x]:
                missing[x] = 0
            elif before[x] >= 0 and not saturated[y, x]:
                if _stands_out(values, variance, before, y, x, sky, threshold):
                    for k in range(before[x] + 1):
                        bled[y - k, x] = not saturated[y - k, x]
                    missing[x] = 0
                else:
                    missing[x] = before[x] + 1 if before[x] < gap else -1


@njit(cache=True, nogil=True, error_model="numpy")
def _stands_out(values, variance, before, y, x, sky, threshold):  # type: ignore[no-untyped-def]
    """Whether a pixel is brighter than what lies on both sides of the columns that bleed, by more than a star may be."""
    left, right = x, x
    while left > 0 and before[left - 1] >= 0 and x - left < WIDEST:
        left -= 1
    while right < values.shape[1] - 1 and before[right + 1] >= 0 and right - x < WIDEST:
        right += 1
    beside = -np.inf
    for side in (-1, 1):
        total, n = 0.0, 0
        for k in range(NEAR, FAR + 1):
            at = left - k if side < 0 else right + k
            if 0 <= at < values.shape[1] and np.isfinite(values[y, at]):
                total += values[y, at]
                n += 1
        if n > 0:
            beside = max(beside, total / n)
    value = values[y, x]
    noise = np.sqrt(max(variance[y, x], 1e-12))
    return beside > -np.inf and value - beside > threshold * noise and value - sky > STEEP * (beside - sky)
