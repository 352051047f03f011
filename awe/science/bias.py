"""Master bias: the average of zero-second frames, with the measured read noise as clip (calibration plan 541)."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science.combine import Combined, combine
from awe.science.mask import Bit
from awe.science.readnoise import QUANTISATION

CHANCE: Final = 1e-6
"""Probability that a pixel of normal noise is tagged NOISY."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MasterBias:
    """A master bias, (ny, nx).

    Attributes
    ----------
    data : float32
        ADU; 0 where no frame has a value (mask NO_DATA).
    variance : float32
        Variance of `data`, ADU^2; 0 where NO_DATA.
    stdev : float32
        Standard deviation of the frames at each pixel after clipping, ADU; NaN for fewer than two.
    n_used : uint16
        Number of frames averaged.
    mask : uint16
        NO_DATA and NOISY bits.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    stdev: NDArray[np.float32]
    n_used: NDArray[np.uint16]
    mask: NDArray[np.uint16]


def master_bias(frames: Sequence[NDArray[Any]], read_noise: float | NDArray[Any] | None = None, clip: float = 3.0,
                masks: Sequence[NDArray[Any] | None] | None = None, quantisation: bool = True) -> MasterBias:
    """Average bias frames.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        ADU, overscan-subtracted with the option that will be used on the frames this bias is for.
    read_noise : float or (ny, nx) array, optional
        ADU, rounding included (`awe.science.amplifier.per_amplifier` spreads one value per amplifier).
        Without it the scatter of each pixel is used, which rejects little among fewer than ten frames.
    clip : float
        Rejection threshold in sigma.
    masks : sequence of (ny, nx) arrays or None, optional
        Pixels where it is not 0 take no part.
    quantisation : bool
        Frames are whole ADU: the median is then only known to half an ADU, and 1/12 ADU^2 is added to the
        variance used for clipping (not to the variance of the result).

    Returns
    -------
    MasterBias

    Raises
    ------
    FitsError
        No frames, or shapes that differ.
    """
    sigma = None
    if read_noise is not None:
        sigma = np.sqrt(np.asarray(read_noise, np.float64) ** 2 + (QUANTISATION if quantisation else 0.0))
    found = combine(frames, sigma=sigma, clip=clip, masks=masks)
    variance = found.variance
    if read_noise is not None:
        used = np.maximum(found.n_used, 1)
        variance = (np.asarray(read_noise, np.float64) ** 2 / used).astype(np.float32)
    noisy = noisy_pixels(found, len(frames), read_noise, clip)
    empty = found.n_used == 0
    mask = np.where(noisy, np.uint16(Bit.NOISY), np.uint16(0)).astype(np.uint16)
    mask[empty] = np.uint16(Bit.NO_DATA)
    return MasterBias(np.where(empty, np.float32(0), found.data),
                      np.where(empty | ~np.isfinite(variance), np.float32(0), variance), found.stdev, found.n_used,
                      mask)


def noisy_pixels(found: Combined, number: int, noise: float | NDArray[Any] | None, clip: float) -> NDArray[np.bool_]:
    """Return where the values of a stack scatter more than `noise` explains.

    True where the sample variance of the surviving values has less than one chance in a million (a chi-squared
    test), or where more values were clipped than chance and one cosmic ray account for.

    Parameters
    ----------
    found : Combined
    number : int
        Number of frames in the stack.
    noise : float or (ny, nx) array, optional
        Noise of one frame in the unit of the stack; without it the median scatter of all pixels.
    clip : float
        The threshold that was used, sigma.
    """
    expected = np.asarray(noise, np.float64) if noise is not None else np.nanmedian(found.stdev) if number > 1 else 0.0
    table = np.full(number + 1, np.inf)
    if number > 1:
        freedom = np.arange(1, number)
        table[2:] = scipy.special.chdtri(freedom, CHANCE) / freedom
    with np.errstate(invalid="ignore"):
        loud = found.stdev**2 > table[found.n_used] * np.maximum(expected, 1e-12) ** 2
    tail = 2.0 * float(scipy.special.ndtr(-clip)) if clip > 0 else 0.0
    allowed = int(np.argmax(scipy.special.bdtrc(np.arange(number + 1), number, tail) <= CHANCE)) + 1 if tail > 0 else number
    result: NDArray[np.bool_] = loud | (found.n_rejected > max(allowed, 1))
    return result
