"""Fringes: interference of sky lines in the silicon, the same pattern on all frames of a filter, brighter with the sky.

The pattern is the clipped median of frames less their smooth background, in units of their sky; a frame holds some multiple of it,
found by least squares on the pixels where the pattern is strong.  OmegaCAM calibration plan, 545; Snodgrass & Carry 2013, ESO
Messenger 152, 14.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.combine import combine
from awe.science.imstat import MAD_TO_SIGMA
from awe.science.lowpass import lowpass
from awe.science.mask import Bit
from awe.science.objectmask import object_mask

#: Rounds of fit and rejection.
ROUNDS = 8


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Fringes:
    """The pattern of one chip and filter.

    Attributes
    ----------
    data : (ny, nx) float32
        Part of the sky's level, about 0; 0 where no frame has a usable pixel (mask NO_DATA).
    variance : (ny, nx) float32
        Variance of `data`, from the scatter of the frames.
    mask : (ny, nx) uint16
        NO_DATA bits.
    amplitude : float
        Standard deviation that the patterns of either half of the frames have in common; 0 where they have nothing.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    mask: NDArray[np.uint16]
    amplitude: float


@dataclasses.dataclass(frozen=True, slots=True)
class FringeScale:
    """How much of a pattern a frame holds: in the frame's unit for 1 of the pattern, its error, and the pixels it was fitted to."""

    scale: float
    error: float
    n_pixels: int


def fringe_frame(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None], levels: Sequence[float],
                 background: float = 64.0, clip: float = 3.0, threshold: float = 3.0) -> Fringes:
    """Return the fringe pattern of dithered frames.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        Flat-fielded, with their sky, dithered by more than the size of objects; NaN takes no part.
    masks : sequence of (ny, nx) arrays or None
        Pixels where it is not 0 take no part.
    levels : sequence of float
        Sky of each frame, in its unit, above 0.
    background : float
        Scale of what is smooth, pixels: larger than the fringes.
    clip : float
        Rejection threshold, sigma of the sample.
    threshold : float
        Objects are masked above so many sigma; a second pass looks for them with the pattern of the first taken off.

    Raises
    ------
    PermanentError
        Fewer than three frames, or a sky that is not above 0.
    """
    if len(frames) < 3 or min(levels) <= 0:
        raise PermanentError(f"fringes need three or more dithered frames with a sky above 0; there are {len(frames)} with "
                             f"{', '.join(f'{level:.4g}' for level in levels) or 'none'}")
    pattern: NDArray[Any] = np.zeros(frames[0].shape, np.float32)
    for _ in range(2):
        stack, hidden = [], []
        for frame, mask, level in zip(frames, masks, levels, strict=True):
            out = object_mask(frame - pattern * np.float32(level), mask, threshold) | ~np.isfinite(frame)
            out = out if mask is None else out | (mask != 0)
            stack.append(((frame - lowpass(frame, background, out)) / level).astype(np.float32))
            hidden.append(out)
        found = combine(stack, clip=clip, masks=hidden, method="median")
        empty = found.n_used == 0
        pattern = np.where(empty, np.float32(0), found.data)
    pattern = pattern - np.where(empty, np.float32(0), lowpass(pattern, background, empty))
    variance = np.where(empty, np.float32(0), np.nan_to_num(found.variance))
    return Fringes(pattern.astype(np.float32), variance.astype(np.float32), np.where(empty, np.uint16(Bit.NO_DATA), np.uint16(0)),
                   _in_common(*(combine(stack[half::2], clip=clip, masks=hidden[half::2], method="median").data for half in (0, 1))))


def fringe_scale(data: NDArray[Any], pattern: NDArray[Any], mask: NDArray[Any] | None = None, low: float = 1.0, high: float = 15.0,
                 background: float = 64.0, clip: float = 3.0) -> FringeScale:
    """Return how much of a pattern a frame holds.

    Parameters
    ----------
    data : (ny, nx) array
        Flat-fielded frame; NaN takes no part.
    pattern : (ny, nx) array
        As `Fringes.data`.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part: bad ones, and objects.
    low, high : float
        Only pixels are used where the pattern is between so many times the median of its absolute values from 0, either way; by
        default the stronger half.
    background : float
        Scale of what is smooth, pixels; the same as the pattern was made with.
    clip : float
        Pixels further than so many sigma from the fit are left out.

    Returns
    -------
    FringeScale
        Of 0 with infinite error where no pixel can be used.
    """
    hidden = ~np.isfinite(data) if mask is None else ~np.isfinite(data) | (mask != 0)
    rest = data - lowpass(data, background, hidden)
    strength = float(np.median(np.abs(pattern[pattern != 0]))) if (pattern != 0).any() else 0.0
    used = ~hidden & (np.abs(pattern) >= low * strength) & (np.abs(pattern) <= high * strength) & (pattern != 0)
    y, x = rest[used].astype(np.float64), pattern[used].astype(np.float64)
    if y.size < 100:
        return FringeScale(0.0, float("inf"), 0)
    kept, scale, noise = np.ones(y.size, bool), 0.0, float("inf")
    for _ in range(ROUNDS):
        scale = float((y[kept] * x[kept]).sum() / (x[kept] ** 2).sum())
        off = y - scale * x
        noise = MAD_TO_SIGMA * float(np.median(np.abs(off[kept])))
        near = np.abs(off) <= clip * noise
        if np.array_equal(near, kept) or near.sum() < 100:
            break
        kept = near
    return FringeScale(scale, noise / float((x[kept] ** 2).sum()) ** 0.5, int(kept.sum()))


def _in_common(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Standard deviation that two images with independent noise share: the root of their covariance, outliers left out."""
    good = np.isfinite(one) & np.isfinite(other)
    for image in (one, other):
        middle = np.median(image[good]) if good.any() else 0.0
        good &= np.abs(image - middle) <= 5.0 * MAD_TO_SIGMA * np.median(np.abs(image[good] - middle)) if good.any() else good
    if not good.any():
        return 0.0
    a, b = one[good].astype(np.float64), other[good].astype(np.float64)
    return float(max(((a - a.mean()) * (b - b.mean())).mean(), 0.0) ** 0.5)
