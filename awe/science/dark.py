"""Dark current: its rate per pixel from dark frames, and the dark of an exposure (calibration plan 531)."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.bias import noisy_pixels
from awe.science.combine import combine
from awe.science.mask import Bit
from awe.science.readnoise import QUANTISATION

MODES: Final = ("scaled", "exact")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MasterDark:
    """Dark current, (ny, nx).

    Attributes
    ----------
    data : float32
        Rate in e-/s; 0 where no frame has a value (mask NO_DATA).
    variance : float32
        Variance of `data`, (e-/s)^2.
    n_used : uint16
        Number of frames averaged.
    mask : uint16
        NO_DATA, NOISY, and HOT where darks of different exposure times show that the signal does not grow
        in proportion to time.
    exptime : float
        Weighted mean exposure time of the frames, s.
    shortest, longest : float
        Range of exposure times, s.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    n_used: NDArray[np.uint16]
    mask: NDArray[np.uint16]
    exptime: float
    shortest: float
    longest: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ExposureDark:
    """The dark of one exposure: electrons and their variance (ny, nx) float32, and how it was made.

    `factor` is the exposure time over that of the darks; `extrapolated` is true beyond the stated factor.
    The variance is that of the dark itself; the photon noise of dark charge belongs to the exposure.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    mask: NDArray[np.uint16]
    factor: float
    extrapolated: bool


def master_dark(frames: Sequence[NDArray[Any]], exptimes: Sequence[float], gain: float | NDArray[Any],
                read_noise: float | NDArray[Any] | None = None, bias_variance: float | NDArray[Any] = 0.0,
                clip: float = 4.0, masks: Sequence[NDArray[Any] | None] | None = None) -> MasterDark:
    """Average bias-subtracted dark frames to a rate.

    Frames are brought to their mean exposure time and weighted by the square of their time, which is best
    where read noise rules.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        Bias-subtracted, ADU.
    exptimes : sequence of float
        Exposure time of each, s; all positive.
    gain : float or (ny, nx) array
        e-/ADU.
    read_noise : float or (ny, nx) array, optional
        ADU. Without it the scatter of each pixel is used.
    bias_variance : float or (ny, nx) array
        Variance of the bias that was subtracted, ADU^2; all frames share its error, so it does not average out.
    clip : float
        Rejection threshold in sigma about the median.
    masks : sequence of (ny, nx) arrays or None, optional
        Pixels where it is not 0 take no part.

    Raises
    ------
    PermanentError
        An exposure time is not positive, or their number differs from that of the frames.
    FitsError
        No frames, or shapes that differ.
    """
    times = np.asarray(exptimes, np.float64)
    if times.shape != (len(frames),) or not (times > 0).all():
        raise PermanentError(f"exposure times {list(exptimes)} for {len(frames)} darks: each needs one above 0 s")
    reference = float((times**3).sum() / (times**2).sum()) if times.size else 1.0
    scale = reference / times
    sigma = None if read_noise is None else np.sqrt(np.asarray(read_noise, np.float64) ** 2 + QUANTISATION)
    model_gain = None if read_noise is None else gain
    found = combine(frames, sigma=sigma, clip=clip, masks=masks, scale=scale.tolist(), weights=(times**2).tolist(),
                    gain=model_gain)
    factor = np.asarray(gain, np.float64) / reference
    share = float((times**2 * scale).sum() / (times**2).sum())
    variance = (np.nan_to_num(found.variance) + np.asarray(bias_variance, np.float64) * share**2) * factor**2
    empty = found.n_used == 0
    mask = np.where(empty, np.uint16(Bit.NO_DATA), np.uint16(0)).astype(np.uint16)
    if sigma is not None and times.min() == times.max():
        level = np.maximum(np.nan_to_num(found.data), 0.0)
        mask[noisy_pixels(found, len(frames), np.sqrt(sigma**2 + level / gain), clip)] |= np.uint16(Bit.NOISY)
    if sigma is not None:
        mask[_not_proportional(frames, times, gain, sigma, masks)] |= np.uint16(Bit.HOT)
    return MasterDark(np.where(empty, 0.0, found.data * factor).astype(np.float32),
                      np.where(empty, 0.0, variance).astype(np.float32), found.n_used, mask, reference,
                      float(times.min()), float(times.max()))


def scale_dark(dark: MasterDark, exptime: float, mode: str = "scaled", tolerance: float = 0.02,
               maximum_factor: float = 5.0) -> ExposureDark:
    """Return the dark of an exposure of `exptime` seconds.

    Parameters
    ----------
    dark : MasterDark
    exptime : float
        Seconds; 0 gives a dark of nothing.
    mode : {"scaled", "exact"}
        ``exact`` accepts only darks of that exposure time within the relative `tolerance` (the way of the
        infrared, where dark signal is not proportional to time); ``scaled`` multiplies the rate by the time.
    tolerance : float
        Relative difference of exposure times that ``exact`` accepts.
    maximum_factor : float
        Beyond this ratio of exposure times above the longest, ``scaled`` marks the result and pixels with a
        significant dark signal (5 sigma) EXTRAPOLATED.

    Raises
    ------
    PermanentError
        Unknown mode, negative time, or ``exact`` without a dark of that time.
    """
    if mode not in MODES or not exptime >= 0:
        raise PermanentError(f"a dark of mode {mode!r} for {exptime} s cannot be: modes are {', '.join(MODES)}, "
                             "times are not negative")
    factor = exptime / dark.exptime
    if mode == "exact" and abs(factor - 1.0) > tolerance:
        raise PermanentError(f"an exact dark of {exptime} s is wanted, there is one of {dark.exptime:.6g} s: "
                             "take darks of that time, or set the dark mode to 'scaled'")
    extrapolated = mode == "scaled" and exptime > maximum_factor * dark.longest
    mask = dark.mask.copy()
    if extrapolated:
        mask[dark.data > 5.0 * np.sqrt(dark.variance)] |= np.uint16(Bit.EXTRAPOLATED)
    time = dark.exptime if mode == "exact" else exptime
    return ExposureDark(dark.data * np.float32(time), dark.variance * np.float32(time) ** 2, mask, factor, extrapolated)


def _not_proportional(frames: Sequence[NDArray[Any]], times: NDArray[np.float64], gain: float | NDArray[Any],
                      sigma: NDArray[np.float64], masks: Sequence[NDArray[Any] | None] | None,
                      threshold: float = 5.0, share: float = 0.1) -> NDArray[np.bool_]:
    """Pixels whose rates in short and long darks differ by `threshold` sigma and a `share` of the rate."""
    middle = float(np.sqrt(times.min() * times.max()))
    groups = [[k for k, time in enumerate(times) if (time > middle) == late] for late in (False, True)]
    if times.max() < 1.5 * times.min():
        return np.zeros(frames[0].shape, np.bool_)
    rates, variances = [], []
    for group in groups:
        found = combine([frames[k] for k in group], sigma=sigma, gain=gain, clip=5.0, method="median",
                        masks=None if masks is None else [masks[k] for k in group],
                        scale=(1.0 / times[group]).tolist())
        rates.append(found.data)
        variances.append(found.variance)
    difference = np.abs(rates[0] - rates[1])
    limit = np.maximum(threshold * np.sqrt(variances[0] + variances[1]), share * np.abs(rates[1]))
    result: NDArray[np.bool_] = difference > limit
    return result
