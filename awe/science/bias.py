"""Master bias: the average of zero-second frames, with the measured read noise as clip (calibration plan 541)."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science.amplifier import Spread
from awe.science.bands import run
from awe.science.combine import LANES, Combined, band_height, combine, load, rows_of, sort_columns, sorting_network, stack_shape
from awe.science.kernel import njit
from awe.science.mask import Bit
from awe.science.readnoise import QUANTISATION

_NOISY: Final = int(Bit.NOISY)
_NO_DATA: Final = int(Bit.NO_DATA)

CHANCE: Final = 1e-5
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
        NO_DATA and NOISY bits. With a known read noise a pixel is NOISY where the values that survive the clip, or all values
        but the furthest, scatter more than chance allows, or where more were clipped than it allows.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    stdev: NDArray[np.float32]
    n_used: NDArray[np.uint16]
    mask: NDArray[np.uint16]


def master_bias(frames: Sequence[Any], read_noise: float | NDArray[Any] | Spread | None = None, clip: float = 3.0,
                masks: Sequence[NDArray[Any] | None] | None = None, quantisation: bool = True) -> MasterBias:
    """Average bias frames.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays, or of `awe.science.assemble.Assembled`
        ADU, overscan-subtracted with the option that will be used on the frames this bias is for.
    read_noise : float or (ny, nx) array, optional
        ADU, rounding included (`awe.science.assemble.Assembled.spread` spreads one value per amplifier).
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
    if read_noise is not None:
        return _known_noise(frames, read_noise, clip, masks, QUANTISATION if quantisation else 0.0)
    found = combine(frames, clip=clip, masks=masks)
    noisy = noisy_pixels(found, len(frames), None, clip)
    empty = found.n_used == 0
    mask = np.where(noisy, np.uint16(Bit.NOISY), np.uint16(0)).astype(np.uint16)
    mask[empty] = np.uint16(Bit.NO_DATA)
    return MasterBias(np.where(empty, np.float32(0), found.data),
                      np.where(empty | ~np.isfinite(found.variance), np.float32(0), found.variance), found.stdev, found.n_used,
                      mask)


def _known_noise(frames: Sequence[Any], read_noise: float | NDArray[Any] | Spread, clip: float,
                 masks: Sequence[NDArray[Any] | None] | None, rounding: float) -> MasterBias:
    """The average with a known noise of each pixel, band by band."""
    shape = stack_shape(frames, masks)
    number = len(frames)
    network, ones = sorting_network(number), np.ones(number)
    table, allowed = noisy_limits(number, clip)
    loudest = table.astype(np.float32)
    reach = np.float32(clip if 0 < clip < 1e9 else 1e9)
    data, variance, stdev = (np.empty(shape, np.float32) for _ in range(3))
    n_used, mask = np.empty(shape, np.uint16), np.empty(shape, np.uint16)

    def band(y0: int, y1: int) -> None:
        noise = rows_of(read_noise, shape, y0, y1, 0.0, np.float32)
        _average(load(frames, masks, y0, y1, ones), network, noise, np.float32(rounding), reach, loudest, allowed, data[y0:y1],
                 variance[y0:y1], stdev[y0:y1], n_used[y0:y1], mask[y0:y1])

    run(band, shape[0], band_height(number, shape[1]))
    return MasterBias(data, variance, stdev, n_used, mask)


def noisy_pixels(found: Combined, number: int, noise: float | NDArray[Any] | None, clip: float) -> NDArray[np.bool_]:
    """Return where the values of a stack scatter more than `noise` explains.

    True where the sample variance of the surviving values has less than one chance in 100,000 (a chi-squared
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
    table, allowed = noisy_limits(number, clip)
    with np.errstate(invalid="ignore"):
        loud = found.stdev**2 > table[found.n_used] * np.maximum(expected, 1e-12) ** 2
    result: NDArray[np.bool_] = loud | (found.n_rejected > allowed)
    return result


def noisy_limits(number: int, clip: float) -> tuple[NDArray[np.float64], int]:
    """Return how large a sample variance may be, in that of the noise, for 0 to `number` values, and how many may be clipped."""
    table = np.full(number + 1, np.inf)
    if number > 1:
        freedom = np.arange(1, number)
        table[2:] = scipy.special.chdtri(freedom, CHANCE) / freedom
    tail = 2.0 * float(scipy.special.ndtr(-clip)) if clip > 0 else 0.0
    allowed = int(np.argmax(scipy.special.bdtrc(np.arange(number + 1), number, tail) <= CHANCE)) + 1 if tail > 0 else number
    return table, max(allowed, 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _average(values, network, noise, rounding, clip, loudest, allowed,  # type: ignore[no-untyped-def]
             data, variance, stdev, n_used, mask):
    """Clip about the median by the noise of each pixel, average, and judge; sums are of distances from the median."""
    number, rows, nx = values.shape
    ordered = np.empty((number, LANES), np.float32)
    count, used = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    middle, reach = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    total, squares, most = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for y in range(rows):
        for x0 in range(0, nx, LANES):
            width = min(LANES, nx - x0)
            sort_columns(values[:, y, x0:x0 + width], network, ordered, count, middle)
            for i in range(width):
                n = noise[y, x0 + i]
                reach[i] = clip * np.sqrt(n * n + rounding) + np.float32(1e-12)
            _sums(ordered, width, middle, reach, total, squares, used)
            for i in range(width):
                if used[i] == 0 and count[i] > 0:
                    middle[i] = ordered[(count[i] - 1) // 2, i]
                    _sums(ordered[:, i:i + 1], 1, middle[i:i + 1], reach[i:i + 1], total[i:i + 1], squares[i:i + 1], used[i:i + 1])
            x1 = x0 + width
            _squares_but_one(ordered, width, middle, count, most)
            _judge(noise[y, x0:x1], loudest, allowed, middle, total, squares, most, count, used, data[y, x0:x1], variance[y, x0:x1],
                   stdev[y, x0:x1], n_used[y, x0:x1], mask[y, x0:x1])


@njit(cache=True, nogil=True, error_model="numpy")
def _judge(noise, loudest, allowed, middle, total, squares, most, count, used,  # type: ignore[no-untyped-def]
           data, variance, stdev, n_used, mask):
    """The planes of a run of pixels from their sums; without branches, so that vectors are used."""
    zero, one, nothing = np.float32(0), np.float32(1), np.float32(np.nan)
    noisy, no_data, good = np.uint16(_NOISY), np.uint16(_NO_DATA), np.uint16(0)
    for i in range(data.size):
        m = used[i]
        spread = noise[i] * noise[i]
        share = one / np.float32(max(m, 1))
        scatter = max(squares[i] - total[i] * total[i] * share, zero) / np.float32(max(m - 1, 1))
        data[i] = middle[i] + total[i] * share if m > 0 else zero
        stdev[i] = np.sqrt(scatter) if m > 1 else nothing
        variance[i] = spread * share if m > 0 else zero
        n_used[i] = m
        least = max(spread, np.float32(1e-24))
        n = count[i]
        loud = (scatter > loudest[m] * least) | (n - m > allowed) | ((n > 2) & (most[i] > loudest[n - 1] * np.float32(n - 2) * least))
        mask[i] = no_data if m == 0 else noisy if loud else good


@njit(cache=True, nogil=True, error_model="numpy")
def _squares_but_one(ordered, width, middle, count, most):  # type: ignore[no-untyped-def]
    """Sum of the squared distances from the middle of all values but the furthest, which may be a cosmic ray."""
    number = ordered.shape[0]
    for i in range(width):
        most[i] = 0
    for k in range(1, number - 1):
        for i in range(width):
            d = ordered[k, i] - middle[i]
            most[i] += d * d
    for i in range(width):
        last = count[i] - 1
        if last < number - 1:
            most[i] = 0
            for k in range(1, last):
                d = ordered[k, i] - middle[i]
                most[i] += d * d
        if last > 0:
            low, high = middle[i] - ordered[0, i], ordered[last, i] - middle[i]
            nearer = min(low, high)
            most[i] += nearer * nearer


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(ordered, width, middle, reach, total, squares, used):  # type: ignore[no-untyped-def]
    """Number of values within reach of the middle of each column, and the sums of their distances and the squares of them."""
    for i in range(width):
        total[i] = squares[i] = 0
        used[i] = 0
    for k in range(ordered.shape[0]):
        for i in range(width):
            d = ordered[k, i] - middle[i]
            inside = abs(d) <= reach[i]
            d = d if inside else np.float32(0)
            total[i] += d
            squares[i] += d * d
            used[i] += inside
