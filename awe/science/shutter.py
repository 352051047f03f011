"""Shutter error: how much longer, or shorter, each part of a chip is lit than the header says.

With exposure times t and a lamp of constant rate r the level of a part is ``r (t + d)``; d is the intercept of a straight line of
level against time over its slope.  OmegaCAM calibration plan, 561.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.lowpass import block_medians


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ShutterDelay:
    """Delay of each block of pixels.

    Attributes
    ----------
    delay : (by, bx) float32
        Seconds that are to be added to the exposure time; NaN where a block has no good pixels.
    variance : (by, bx) float32
        Variance of `delay` by the scatter about the lines, seconds^2; NaN where two times leave no scatter.
    mean : float
        Median of the blocks, seconds.
    spread : float
        Largest minus smallest of the blocks, without the most extreme 1 % at either end, seconds.
    """

    delay: NDArray[np.float32]
    variance: NDArray[np.float32]
    mean: float
    spread: float


def shutter_delay(flats: Sequence[NDArray[Any]], exptimes: Sequence[float], masks: Sequence[NDArray[Any] | None],
                  block: int = 32, least_ratio: float = 2.0) -> ShutterDelay:
    """Measure the delay in blocks of `block` x `block` pixels.

    Parameters
    ----------
    flats : sequence of (ny, nx) arrays
        Bias-subtracted and linear, of a lamp that is steady; NaN takes no part.
    exptimes : sequence of float
        Seconds.
    masks : sequence of (ny, nx) arrays or None
        Pixels where it is not 0 take no part: saturated ones above all.
    block : int
        Size of a block, pixels.
    least_ratio : float
        The longest exposure has to be so many times the shortest one: delays cannot be seen in exposures that are alike.

    A flat of which less than half the blocks can be used, such as a saturated one, is left out.

    Raises
    ------
    PermanentError
        Fewer than two exposure times, or times too much alike.
    """
    blocks, times = _usable(flats, exptimes, masks, block)
    if len(times) < 2 or times.min() <= 0 or times.max() < least_ratio * times.min():
        said = ", ".join(f"{time:g}" for time in sorted(set(times.tolist()))) or "no"
        raise PermanentError(f"the flats that are not saturated were exposed for {said} s: a shutter error shows only where the longest is "
                             f"{least_ratio:g} times the shortest; take some shorter ones")
    levels = np.array(blocks)
    weight = 1.0 / np.maximum(np.nanmedian(levels, axis=(1, 2)), 1e-30)
    total = weight.sum()
    middle = (weight * times).sum() / total
    mean = np.tensordot(weight, levels, 1) / total
    moment = (weight * (times - middle) ** 2).sum()
    slope = np.tensordot(weight * (times - middle), levels, 1) / moment
    delay = mean / slope - middle
    rest = levels - (mean + slope * (times - middle)[:, None, None])
    freedom = len(times) - 2
    chi = np.tensordot(weight, rest**2, 1) / freedom if freedom else np.full(mean.shape, np.nan)
    variance = chi * (1 / total + (delay + middle) ** 2 / moment) / slope**2
    good = delay[np.isfinite(delay)]
    if not good.size:
        raise PermanentError("no block of pixels is good in all flats, so no shutter error can be measured")
    low, high = np.percentile(good, [1, 99])
    return ShutterDelay(delay.astype(np.float32), variance.astype(np.float32), float(np.median(good)), float(high - low))


def _usable(flats: Sequence[NDArray[Any]], exptimes: Sequence[float], masks: Sequence[NDArray[Any] | None],
            block: int) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Levels of blocks and times of the flats of which half the blocks or more can be used; NaN in blocks that cannot."""
    blocks, times = [], []
    for flat, time, mask in zip(flats, exptimes, masks, strict=True):
        medians, share = block_medians(flat, mask, block)
        if (share > 0.25).mean() >= 0.5:
            blocks.append(np.where(share > 0.25, medians, np.nan))
            times.append(time)
    return blocks, np.asarray(times, np.float64)
