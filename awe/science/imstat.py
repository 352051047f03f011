"""Statistics of the pixels of an image, and of its sub-windows.

The numbers of Astro-WISE's ``Imstat`` and ``SubWinStat``: they serve the quality limits of nearly every
target. NaN, infinite and masked pixels take no part. Sums are float64; images of 8- and 16-bit integers
(raw frames) go through their exact histogram, which is faster than sorting.
"""
from __future__ import annotations

import dataclasses
import itertools
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError

MAD_TO_SIGMA: Final = 1.4826022185056018
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclasses.dataclass(frozen=True, slots=True)
class ImageStatistics:
    """Statistics of the good pixels of one image, in the image's unit.

    All but `npix` are NaN where there is no good pixel. `stdev` is the plain standard deviation about the
    mean (divided by npix); `sigma` is 1.4826 times the median absolute deviation from the median.
    """

    npix: int
    min: float
    max: float
    mean: float
    median: float
    stdev: float
    sigma: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class SubWindows:
    """Statistics of the sub-windows of an image: float64 arrays (ny, nx), NaN where a window has no good pixel."""

    median: NDArray[np.float64]
    mean: NDArray[np.float64]
    stdev: NDArray[np.float64]
    npix: NDArray[np.int64]

    @property
    def flatness(self) -> float:
        """Largest minus smallest median of the windows (NaN without windows)."""
        known = self.median[np.isfinite(self.median)]
        return float(known.max() - known.min()) if known.size else float("nan")


EMPTY: Final = ImageStatistics(0, *(float("nan"),) * 6)


def imstat(data: NDArray[Any], mask: NDArray[Any] | None = None) -> ImageStatistics:
    """Measure the good pixels of `data`.

    Parameters
    ----------
    data : array of numbers, any shape
        Any integer or float type, either byte order. NaN and infinite pixels are left out.
    mask : array of the same shape, optional
        Pixels where it is not 0 are left out.

    Raises
    ------
    FitsError
        When `mask` has another shape.
    """
    if mask is not None and mask.shape != data.shape:
        raise FitsError(f"a mask of shape {mask.shape} does not fit an image of shape {data.shape}: give them the same")
    if data.dtype.kind in "iu" and data.dtype.itemsize <= 2:
        return _from_histogram(data if mask is None else data[mask == 0])
    return _from_values(data if mask is None else data[mask == 0])


def subwindows(data: NDArray[Any], ny: int = 4, nx: int = 8, mask: NDArray[Any] | None = None) -> SubWindows:
    """Measure `data` in a grid of ny x nx windows of nearly equal size (Astro-WISE: 4 x 8 = 32).

    Parameters
    ----------
    data : (height, width) array
        NaN and infinite pixels are left out.
    ny, nx : int
        Number of windows along y and x; no more than there are pixels.
    mask : (height, width) array, optional
        Pixels where it is not 0 are left out.
    """
    rows = _edges(data.shape[0], ny)
    columns = _edges(data.shape[1], nx)
    table = np.full((4, len(rows), len(columns)), np.nan)
    for j, (y0, y1) in enumerate(rows):
        for i, (x0, x1) in enumerate(columns):
            one = imstat(data[y0:y1, x0:x1], None if mask is None else mask[y0:y1, x0:x1])
            table[:, j, i] = one.median, one.mean, one.stdev, one.npix
    return SubWindows(table[0], table[1], table[2], table[3].astype(np.int64))


def flatness(data: NDArray[Any], mask: NDArray[Any] | None = None, ny: int = 4, nx: int = 8) -> float:
    """Return the largest minus the smallest median of ny x nx windows, in the unit of `data`."""
    return subwindows(data, ny, nx, mask).flatness


def clipped(values: NDArray[Any], clip: float = 3.0, iterations: int = 20,
            step: float = 0.0) -> tuple[float, float, int]:
    """Return mean, standard deviation and number of the values that survive iterated clipping.

    The clip is about the median; the first width comes from the interdecile range, which, unlike the MAD,
    does not collapse to zero or double for coarsely digitised data. The standard deviation is corrected
    for the tails that a clip takes from a normal distribution, so that it is unbiased for any `clip`.

    Parameters
    ----------
    values : array of numbers, any shape
        NaN and infinite values are left out.
    clip : float
        Rejection threshold in standard deviations.
    iterations : int
        At most so many rounds.
    step : float
        Digitisation step of the values (1 for raw ADU); half of it is added to the threshold, so that noise
        smaller than the step is not clipped to a constant.

    Returns
    -------
    mean, stdev, n
        (NaN, NaN, 0) where there is nothing.
    """
    every = np.sort(values[np.isfinite(values)].astype(np.float64), axis=None)
    if every.size == 0:
        return float("nan"), float("nan"), 0
    low, high = every[[int(0.1 * (every.size - 1)), int(np.ceil(0.9 * (every.size - 1)))]]
    width = (high - low) / 2.5631031310892007 or float(every.std())
    kept, window = every, (0, 0)
    for _ in range(iterations):
        middle = kept[(kept.size - 1) // 2] / 2 + kept[kept.size // 2] / 2
        reach = clip * width + step / 2.0
        first = int(np.searchsorted(every, middle - reach, side="left"))
        last = max(int(np.searchsorted(every, middle + reach, side="right")), first + 1)
        if window == (first, last):
            break
        window, kept = (first, last), every[first:last]
        cut = (np.floor(reach / step) + 0.5) * step if step > 0 else reach
        width = float(kept.std()) / (_truncation(cut / width) if width > 0 else 1.0)
    return float(kept.mean()), width, kept.size


def _truncation(clip: float) -> float:
    """Standard deviation of a unit normal distribution that is cut at +-`clip`."""
    x = np.linspace(-clip, clip, 4001)
    density = np.exp(-0.5 * x * x)
    return float(np.sqrt((density * x * x).sum() / density.sum()))


def _edges(length: int, number: int) -> list[tuple[int, int]]:
    """Split range(length) into `number` nearly equal half-open pieces (fewer where there are fewer pixels)."""
    number = max(1, min(number, length))
    cuts = [length * k // number for k in range(number + 1)]
    return list(itertools.pairwise(cuts))


def _from_histogram(data: NDArray[Any]) -> ImageStatistics:
    """Exact statistics of 8- and 16-bit integers."""
    if data.size == 0:
        return EMPTY
    low = int(data.min())
    histogram = np.bincount((data.astype(np.int32) - low).ravel())
    values = np.arange(low, low + histogram.size, dtype=np.float64)
    mean = float((histogram * values).sum() / data.size)
    variance = float((histogram * (values - mean) ** 2).sum() / data.size)
    median = _weighted_median(values, histogram)
    distance = np.abs(values - median)
    order = np.argsort(distance, kind="stable")
    sigma = MAD_TO_SIGMA * _weighted_median(distance[order], histogram[order])
    return ImageStatistics(data.size, float(low), float(values[-1]), mean, median, variance**0.5, sigma)


def _weighted_median(values: NDArray[np.float64], numbers: NDArray[np.int64]) -> float:
    """Median of sorted `values` of which there are `numbers` each."""
    total = np.cumsum(numbers)
    count = int(total[-1])
    low, high = np.searchsorted(total, [(count + 1) // 2, count // 2 + 1])
    return float(values[low] + values[high]) / 2.0


def _from_values(data: NDArray[Any]) -> ImageStatistics:
    """Statistics of floats and wide integers, by partial sorting of a copy."""
    work = data.astype(data.dtype.newbyteorder("=")).ravel()
    if work.dtype.kind == "f":
        good = np.isfinite(work)
        work = work if good.all() else work[good]
    if work.size == 0:
        return EMPTY
    mean = float(work.mean(dtype=np.float64))
    variance = _variance(work, mean)
    low, high = float(work.min()), float(work.max())
    median = _median_in_place(work)
    distance = np.abs(work - work.dtype.type(median)) if work.dtype.kind == "f" else np.abs(work - median)
    sigma = MAD_TO_SIGMA * _median_in_place(distance)
    return ImageStatistics(work.size, low, high, mean, median, variance**0.5, sigma)


def _variance(values: NDArray[Any], mean: float, block: int = 1 << 18) -> float:
    """Mean squared distance from `mean` in float64, without a float64 copy of the whole."""
    parts = [np.square(values[at:at + block] - mean, dtype=np.float64).sum() for at in range(0, values.size, block)]
    return float(np.sum(parts)) / float(values.size)


def _median_in_place(values: NDArray[Any]) -> float:
    """Median of a one-dimensional array, which is reordered."""
    half = values.size // 2
    values.partition(half)
    upper = float(values[half])
    return upper if values.size % 2 else (float(values[:half].max()) + upper) / 2.0
