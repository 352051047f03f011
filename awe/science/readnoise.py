"""Read noise of each amplifier from differences of bias frames (calibration plan 521).

The difference of two biases is free of all fixed structure; its standard deviation over sqrt(2), after
iterated rejection, is the noise of one pixel of one frame.
"""
from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.imstat import clipped

QUANTISATION: Final = 1.0 / 12.0
"""Variance that rounding to whole ADU adds (Sheppard's correction), ADU^2."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReadNoiseMeasurement:
    """Read noise of a chip; every tuple has one value per amplifier, NaN for one without a usable pixel.

    Attributes
    ----------
    read_noise : tuple of float
        rms(difference) / sqrt(2) in ADU: what a pixel scatters by, rounding included. Use this for weights.
    error : tuple of float
        Standard error of `read_noise`, ADU.
    intrinsic : tuple of float
        `read_noise` with the variance of rounding taken off, ADU; 0 where nothing is left.
    mean_diff, median_diff : tuple of float
        Mean and median of the difference of that pair for which the mean is furthest from 0, ADU.
    n_pixels : tuple of int
        Number of differences that were used.
    """

    read_noise: tuple[float, ...]
    error: tuple[float, ...]
    intrinsic: tuple[float, ...]
    mean_diff: tuple[float, ...]
    median_diff: tuple[float, ...]
    n_pixels: tuple[int, ...]


def read_noise(frames: Sequence[NDArray[Any]], amplifier_index: NDArray[np.uint8] | None = None,
               masks: Sequence[NDArray[Any] | None] | None = None, rejection_threshold: float = 4.0,
               maximum_iterations: int = 10) -> ReadNoiseMeasurement:
    """Measure the read noise per amplifier from two or more bias frames.

    All pairs of successive frames are used and their variances averaged.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        Biases in ADU, overscan-subtracted or not; NaN takes no part.
    amplifier_index : (ny, nx) uint8, optional
        Which amplifier read each pixel; one amplifier without it.
    masks : sequence of (ny, nx) arrays or None, optional
        Pixels where it is not 0 take no part.
    rejection_threshold : float
        Sigma of the rejection, iterated at most `maximum_iterations` times.

    Raises
    ------
    PermanentError
        Fewer than two frames, or frames of different shapes.
    """
    shapes = {frame.shape for frame in frames}
    if len(frames) < 2 or len(shapes) != 1:
        raise PermanentError(f"read noise needs two or more bias frames of one shape; there are {len(frames)} "
                             f"of shapes {sorted(shapes)}: add bias frames of the same readout mode")
    index = np.zeros(frames[0].shape, np.uint8) if amplifier_index is None else amplifier_index
    hidden = list(masks) if masks is not None else [None] * len(frames)
    number = int(index[index != 255].max(initial=0)) + 1
    table = []
    for (a, mask_a), (b, mask_b) in itertools.pairwise(zip(frames, hidden, strict=True)):
        difference = np.subtract(a, b, dtype=np.float64)
        for mask in (mask_a, mask_b):
            if mask is not None:
                difference[mask != 0] = np.nan
        table.append([_one(difference[index == k], rejection_threshold, maximum_iterations) for k in range(number)])
    columns = [_together([row[k] for row in table]) for k in range(number)]
    return ReadNoiseMeasurement(*zip(*columns, strict=True))  # type: ignore[arg-type]


def _one(difference: NDArray[np.float64], clip: float, iterations: int) -> tuple[float, float, float, int]:
    """Variance of one frame, mean, median and number of one pair's differences."""
    values = difference[np.isfinite(difference)]
    if values.size < 2:
        return float("nan"), float("nan"), float("nan"), 0
    step = 1.0 if np.array_equal(values, np.rint(values)) else 0.0
    mean, stdev, kept = clipped(values, clip, iterations, step)
    return stdev**2 / 2.0, mean, float(np.median(values)), kept


def _together(pairs: Sequence[tuple[float, float, float, int]]) -> tuple[float, float, float, float, float, int]:
    """The result for one amplifier out of all its pairs."""
    known = [pair for pair in pairs if pair[3] > 0]
    if not known:
        return (float("nan"),) * 5 + (0,)
    variance = float(np.mean([pair[0] for pair in known]))
    number = sum(pair[3] for pair in known)
    noise = variance**0.5
    worst = max(known, key=lambda pair: abs(pair[1]))
    intrinsic = max(variance - QUANTISATION, 0.0) ** 0.5
    return noise, noise / (2.0 * number) ** 0.5, intrinsic, worst[1], worst[2], number
