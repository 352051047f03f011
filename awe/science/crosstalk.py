"""Cross talk between the amplifiers of a chip: what one reads shows, faintly, in what the others read at the same moment.

The pixel that a victim v reads at the same moment as an aggressor a reads signal s holds ``c[v, a] s`` too much.  The coefficient is
the slope of a straight line through the origin, of the victim's pixels about their local level against the aggressor's bright ones,
with the victim's own objects rejected.  Freyhammer et al. 2001, Experimental Astronomy 12, 147; OmegaCAM calibration plan, 525.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science.amplifier import Amplifier
from awe.science.imstat import clipped
from awe.science.lowpass import lowpass
from awe.science.mask import Bit
from awe.science.objectmask import object_mask
from awe.science.readout import in_read_order

#: Rounds of fit and rejection.
ROUNDS = 10


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CrossTalk:
    """What was measured, for n amplifiers.

    Attributes
    ----------
    coefficients : (n, n) float64
        ``[victim, aggressor]``; 0 on the diagonal, NaN where nothing bright enough was seen.
    errors : (n, n) float64
        Standard errors; NaN where the coefficient is.
    n_pixels : (n, n) int64
        Pixels that were used.
    """

    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]
    n_pixels: NDArray[np.int64]


def crosstalk(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None], amplifiers: Sequence[Amplifier],
              threshold: float = 2000.0, clip: float = 4.0, background: float = 32.0) -> CrossTalk:
    """Measure the cross talk between all pairs of amplifiers.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        Assembled chips in ADU, bias-subtracted; NaN takes no part.
    masks : sequence of (ny, nx) arrays or None
        Pixels where it is not 0 take no part, neither as victims nor as aggressors: saturated ones above all.
    amplifiers : sequence of Amplifier
        Those of the chip, in the order of its amplifier index.
    threshold : float
        Signal above the aggressor's median from which a pixel counts, ADU.
    clip : float
        Victims further than so many sigma from the line are left out: their own stars, cosmic rays.
    background : float
        Scale of the victim's local level, pixels; objects, and what lies under bright aggressors, take no part in it.

    Returns
    -------
    CrossTalk
        Frames are joined with the weights of their errors.
    """
    number = len(amplifiers)
    top, bottom = np.zeros((number, number)), np.zeros((number, number))
    count = np.zeros((number, number), np.int64)
    for frame, mask in zip(frames, masks, strict=True):
        hidden = ~np.isfinite(frame) if mask is None else ~np.isfinite(frame) | (mask != 0)
        pixels = [in_read_order(np.where(hidden, np.nan, frame), one) for one in amplifiers]
        bright = [_signal(one) for one in pixels]
        rest = [_rest(one, [other for n, other in enumerate(bright) if n != k], threshold, background) for k, one in enumerate(pixels)]
        for victim in range(number):
            for aggressor in range(number):
                if victim != aggressor:
                    found = _slope(rest[victim], bright[aggressor], threshold, clip)
                    if found is not None:
                        slope, error, used = found
                        top[victim, aggressor] += slope / error**2
                        bottom[victim, aggressor] += error**-2.0
                        count[victim, aggressor] += used
    with np.errstate(divide="ignore", invalid="ignore"):
        coefficients, errors = top / bottom, bottom**-0.5
    errors[bottom == 0] = np.nan
    np.fill_diagonal(coefficients, 0.0)
    np.fill_diagonal(errors, 0.0)
    return CrossTalk(coefficients, errors, count)


def without_crosstalk(image: NDArray[Any], amplifiers: Sequence[Amplifier], coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return an assembled chip with its cross talk subtracted.

    Parameters
    ----------
    image : (ny, nx) array
        ADU, overscan-subtracted; NaN in an aggressor takes nothing away, NaN in a victim stays.
    amplifiers : sequence of Amplifier
    coefficients : (n, n) array
        As `CrossTalk.coefficients`; NaN counts as 0.

    Notes
    -----
    Signals are taken as read, cross talk of second order included: that is of the order of the coefficient squared.
    """
    result = np.array(image, np.float32)
    sources = [np.nan_to_num(_signal(in_read_order(image, one))) for one in amplifiers]
    for victim, one in enumerate(amplifiers):
        place = in_read_order(result, one)
        for aggressor, signal in enumerate(sources):
            factor = float(np.nan_to_num(coefficients[victim, aggressor]))
            if victim != aggressor and factor:
                ny, nx = (min(pair) for pair in zip(place.shape, signal.shape, strict=True))
                place[:ny, :nx] -= np.float32(factor) * signal[:ny, :nx]
    return result


def polluted(before: NDArray[Any], after: NDArray[Any], amplifiers: Sequence[Amplifier], limits: Sequence[float]) -> NDArray[np.uint16]:
    """Return a mask plane with the CROSSTALK bit where a correction exceeds a limit.

    Parameters
    ----------
    before, after : (ny, nx) arrays
        The assembled chip without and with the correction, ADU; NaN is not marked.
    amplifiers : sequence of Amplifier
    limits : sequence of float
        One an amplifier, ADU: its read noise.
    """
    result = np.zeros(before.shape, np.uint16)
    for one, limit in zip(amplifiers, limits, strict=True):
        y0, y1, x0, x1 = one.position
        with np.errstate(invalid="ignore"):
            far = np.abs(after[y0:y1, x0:x1] - before[y0:y1, x0:x1]) > limit
        result[y0:y1, x0:x1][far] = np.uint16(Bit.CROSSTALK)
    return result


def _signal(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Pixels above their median: a constant level adds a constant, which is the victim's own level."""
    return np.asarray(pixels - (np.nanmedian(pixels) if np.isfinite(pixels).any() else 0.0), np.float64)


def _rest(pixels: NDArray[Any], aggressors: Sequence[NDArray[np.float64]], threshold: float, background: float) -> NDArray[np.float64]:
    """Pixels about their local level, which is measured away from objects and from where an aggressor is bright; NaN stays."""
    away = object_mask(pixels, None, background=background) | ~np.isfinite(pixels)
    for signal in aggressors:
        ny, nx = (min(pair) for pair in zip(away.shape, signal.shape, strict=True))
        away[:ny, :nx] |= ~(signal[:ny, :nx] < 0.1 * threshold)
    return np.asarray(pixels - lowpass(pixels, background, away), np.float64)


def _slope(victim: NDArray[np.float64], aggressor: NDArray[np.float64], threshold: float,
           clip: float) -> tuple[float, float, int] | None:
    """Slope through the origin, its error, and the pixels used; None where fewer than 20 are bright enough."""
    ny, nx = (min(pair) for pair in zip(victim.shape, aggressor.shape, strict=True))
    victim, aggressor = victim[:ny, :nx], aggressor[:ny, :nx]
    usable = (aggressor > threshold) & np.isfinite(victim)
    y, x = victim[usable], aggressor[usable]
    if len(y) < 20:
        return None
    _, noise, _ = clipped(victim[np.isfinite(victim)][::max(1, victim.size // 200_000)])
    if not noise > 0:
        return None
    slope, kept = float(np.median(y / x)), np.ones(len(y), bool)
    for _ in range(ROUNDS):
        near = np.abs(y - slope * x) <= clip * noise
        if near.sum() < 20:
            return None
        slope = float((y[near] * x[near]).sum() / (x[near] ** 2).sum())
        if np.array_equal(near, kept):
            break
        kept = near
    scatter = max(noise, float(np.std(y[kept] - slope * x[kept])))
    return slope, scatter / float((x[kept] ** 2).sum()) ** 0.5, int(kept.sum())
