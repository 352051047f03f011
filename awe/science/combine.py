"""Average of many frames, pixel by pixel, with outliers rejected.

The clip is about the median, with the *known* noise of a pixel where the caller has it. A clip about the mean
with the scatter of the sample itself cannot work for few frames: among N values none lies further than
(N - 1)/sqrt(N) standard deviations from the mean, which is 2.85 for ten.
"""
from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.science.bands import run
from awe.science.kernel import njit

METHODS: Final = ("mean", "median")
LANES: Final = 64
"""So many columns are sorted at a time, by vector instructions."""

_BAND_BYTES: Final = 4 << 20


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """The average of a stack; every plane has the shape (ny, nx) of one frame.

    Attributes
    ----------
    data : float32
        Average in the unit of the (scaled) frames; NaN where no frame has a usable pixel.
    variance : float32
        Variance of `data`: propagated from the stated noise, else from the scatter; NaN where neither is known.
    stdev : float32
        Sample standard deviation of the values that were used; NaN where fewer than two were.
    n_used, n_rejected : uint16
        Number of values averaged, and of values clipped; masked and NaN pixels are in neither.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    stdev: NDArray[np.float32]
    n_used: NDArray[np.uint16]
    n_rejected: NDArray[np.uint16]


def combine(stack: Sequence[Any] | NDArray[Any], sigma: float | NDArray[Any] | None = None, clip: float = 3.0,
            masks: Sequence[NDArray[Any] | None] | None = None, weights: Sequence[float] | None = None,
            scale: Sequence[float] | None = None, method: str = "mean",
            gain: float | NDArray[Any] | None = None) -> Combined:
    """Average frames with outliers rejected.

    A value further than `clip` sigma from the median of its pixel is left out. Where all would be (two values
    that disagree), the clip is repeated about the lower of the two middle values, since outliers are more often
    too bright, and one value always remains.

    Parameters
    ----------
    stack : sequence of n (ny, nx) arrays, or one (n, ny, nx) array
        Integers or floats; NaN and infinite values take no part. Read band by band, so memory maps serve, and all that
        has a shape and gives rows by slices, such as `awe.science.assemble.Assembled`.
    sigma : float or (ny, nx) array, optional
        Noise of one pixel of an unscaled frame, without photon noise, in the unit of the frames. Without
        `sigma` and `gain` the scatter of the sample itself is used, iterated until nothing more is rejected.
    clip : float
        Rejection threshold in sigma; 0 or infinite: nothing is rejected.
    masks : sequence of n (ny, nx) arrays or None, optional
        Pixels where a mask is not 0 take no part.
    weights : sequence of n float, optional
        Relative weight of each frame in the mean (not in the median).
    scale : sequence of n float, optional
        Factor for each frame before anything else.
    method : {"mean", "median"}
        What is taken of the surviving values; the variance of a median of three or more is pi/2 that of the mean.
    gain : float or (ny, nx) array, optional
        e- per unit of an unscaled frame: adds photon noise of the median level to `sigma`.

    Returns
    -------
    Combined

    Raises
    ------
    FitsError
        No frame, frames or masks of different shapes, numbers that do not fit the stack, an unknown method.
    """
    if method not in METHODS:
        raise FitsError(f"method {method!r} is unknown: there are {', '.join(METHODS)}")
    shape = stack_shape(stack, masks)
    number = len(stack)
    factor = _numbers("scale", scale, number)
    weight = _numbers("weights", weights, number)
    known = sigma is not None or gain is not None
    limit = float(clip) ** 2 if 0 < clip < 1e30 else 1e60
    result = Combined(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32),
                      np.empty(shape, np.uint16), np.empty(shape, np.uint16))
    network = sorting_network(number)

    def band(y0: int, y1: int) -> None:
        values = load(stack, masks, y0, y1, factor)
        noise = rows_of(sigma, shape, y0, y1, 0.0, np.float64) ** 2
        photon = 1.0 / rows_of(gain, shape, y0, y1, np.inf, np.float64)
        _combine(values, network, factor, weight, noise, photon, limit, known, method == "median", result.data[y0:y1],
                 result.variance[y0:y1], result.stdev[y0:y1], result.n_used[y0:y1], result.n_rejected[y0:y1])

    run(band, shape[0], band_height(number, shape[1]))
    return result


def band_height(number: int, width: int) -> int:
    """Return how many rows of a stack of `number` frames are dealt with at a time."""
    return max(1, min(64, _BAND_BYTES // (4 * number * width)))


def rows_of(plane: Any, shape: tuple[int, int], y0: int, y1: int, default: float, dtype: Any) -> NDArray[Any]:
    """Return rows of a plane, of a number that stands for one, or of `default` where there is none: (y1 - y0, nx), contiguous."""
    given = default if plane is None else plane if np.ndim(plane) == 0 or np.shape(plane)[0] == 1 else plane[y0:y1]
    return np.ascontiguousarray(np.broadcast_to(np.asarray(given, dtype), (y1 - y0, shape[1])))


@functools.cache
def sorting_network(number: int) -> NDArray[np.int32]:
    """Return the compare-exchange pairs (m, 2) of Batcher's odd-even merge sort of `number` values.

    K. E. Batcher, 1968, AFIPS Spring Joint Computer Conference 32, 307; in Knuth's form for any number
    (The Art of Computer Programming, volume 3, algorithm 5.2.2M).
    """
    pairs = []
    top = 1 << max(0, (number - 1).bit_length() - 1)
    step = top
    while step > 0:
        reach, rest, distance = top, 0, step
        while True:
            pairs += [(i, i + distance) for i in range(number - distance) if i & step == rest]
            if reach == step:
                break
            distance, reach, rest = reach - step, reach >> 1, step
        step >>= 1
    network = np.array(pairs, np.int32).reshape(-1, 2)
    network.flags.writeable = False
    return network


def stack_shape(stack: Sequence[Any] | NDArray[Any], masks: Sequence[NDArray[Any] | None] | None) -> tuple[int, int]:
    """Return the common shape of the frames of a stack.

    Raises
    ------
    FitsError
        No frame or too many, or shapes that differ.
    """
    if len(stack) == 0:
        raise FitsError("no frame was given to combine: give at least one")
    if len(stack) > 65535:
        raise FitsError(f"{len(stack)} frames were given to combine: combine at most 65535 at once")
    planes = list(stack) + [mask for mask in masks or () if mask is not None]
    shapes = {plane.shape for plane in planes}
    if len(shapes) != 1 or len(planes[0].shape) != 2:
        raise FitsError(f"frames and masks to combine have shapes {sorted(shapes)}: they must be images of one shape")
    if masks is not None and len(masks) != len(stack):
        raise FitsError(f"{len(masks)} masks were given for {len(stack)} frames: give one (or None) for each")
    return planes[0].shape[0], planes[0].shape[1]


def _numbers(name: str, values: Sequence[float] | None, number: int) -> NDArray[np.float64]:
    """One positive number per frame, 1 without `values`."""
    found = np.ones(number) if values is None else np.asarray(values, np.float64)
    if found.shape != (number,) or not (np.isfinite(found) & (found > 0)).all():
        raise FitsError(f"{name} = {values!r} does not fit {number} frames: give one positive number for each")
    return found


def load(stack: Sequence[Any] | NDArray[Any], masks: Sequence[NDArray[Any] | None] | None, y0: int, y1: int,
         factor: NDArray[np.float64]) -> NDArray[np.float32]:
    """Copy rows of all frames into one block (n, rows, nx) float32, each scaled by its factor, NaN where masked."""
    block = np.empty((len(stack), y1 - y0, stack[0].shape[1]), np.float32)
    for k, frame in enumerate(stack):
        if factor[k] == 1.0:
            block[k] = frame[y0:y1]
        else:
            np.multiply(frame[y0:y1], factor[k], out=block[k], casting="same_kind")
        mask = masks[k] if masks is not None else None
        if mask is not None:
            block[k][mask[y0:y1] != 0] = np.nan
    return block


@njit(cache=True, nogil=True, error_model="numpy")
def _combine(values, network, factor, weight, noise, photon, limit, known, median,  # type: ignore[no-untyped-def]
             data, variance, stdev, n_used, n_rejected):
    """Average values (n, rows, nx) into the five planes (rows, nx); see `combine`."""
    number, rows, nx = values.shape
    ordered = np.empty((number, LANES), np.float32)
    count = np.empty(LANES, np.int32)
    used = np.empty(LANES, np.int32)
    middle = np.empty(LANES, np.float32)
    low = np.empty(LANES, np.float64)
    high = np.empty(LANES, np.float64)
    sums = np.empty((5, LANES), np.float64)
    for y in range(rows):
        for x0 in range(0, nx, LANES):
            x1 = min(x0 + LANES, nx)
            block = values[:, y, x0:x1]
            rv, ph = noise[y, x0:x1], photon[y, x0:x1]
            sort_columns(block, network, ordered, count, middle)
            if not known:
                _sample_limits(ordered, count, middle, x1 - x0, limit, low, high)
            _accumulate(block, factor, weight, rv, ph, limit, known, middle, low, high, sums, used)
            for i in range(x1 - x0):
                if used[i] == 0 and count[i] > 0:
                    middle[i] = ordered[(count[i] - 1) // 2, i]
                    _accumulate(block[:, i:i + 1], factor, weight, rv[i:i + 1], ph[i:i + 1], limit, known,
                                middle[i:i + 1], low[i:i + 1], high[i:i + 1], sums[:, i:i + 1], used[i:i + 1])
            for i in range(x1 - x0):
                x, m = x0 + i, used[i]
                n_used[y, x] = m
                n_rejected[y, x] = count[i] - m
                sw = sums[0, i]
                scatter = (sums[4, i] - sums[3, i] * sums[3, i] / m) / (m - 1) if m > 1 else np.nan
                stdev[y, x] = np.sqrt(max(scatter, 0.0)) if m > 1 else np.nan
                spread = sums[2, i] / (sw * sw) * (1.0 if known else scatter) if m > 0 else np.nan
                variance[y, x] = spread * (0.5 * np.pi if median and m > 2 else 1.0)
                data[y, x] = middle[i] + sums[1, i] / sw if m > 0 else np.nan
            if median:
                _medians(block, factor, rv, ph, limit, known, middle, low, high, count, used, data[y, x0:x1])


@njit(cache=True, nogil=True, error_model="numpy")
def _accumulate(block, factor, weight, rv, ph, limit, known, middle, low, high, sums, used):  # type: ignore[no-untyped-def]
    """Sums over the surviving values of each column: w, w d, w^2 variance, d, d^2, with d from the middle."""
    number, width = block.shape
    sums[:] = 0.0
    used[:] = 0
    for k in range(number):
        w, f1 = weight[k], factor[k]
        f2 = f1 * f1
        for i in range(width):
            v = np.float64(block[k, i])
            centre = np.float64(middle[i])
            d = v - centre
            var = f2 * rv[i] + f1 * ph[i] * max(centre, 0.0) if known else 1.0
            inside = d * d <= limit * (var + 1e-30) if known else v >= low[i] and v <= high[i]
            d = d if inside else np.float64(0.0)
            ww = w if inside else 0.0
            sums[0, i] += ww
            sums[1, i] += ww * d
            sums[2, i] += ww * ww * var
            sums[3, i] += d
            sums[4, i] += d * d
            used[i] += inside


@njit(cache=True, nogil=True, error_model="numpy")
def _medians(block, factor, rv, ph, limit, known, middle, low, high, count, used, data):  # type: ignore[no-untyped-def]
    """Median of the surviving values of each column."""
    number, width = block.shape
    kept = np.empty(number, np.float32)
    for i in range(width):
        if used[i] == count[i]:
            data[i] = middle[i]
            continue
        m = 0
        centre = np.float64(middle[i])
        for k in range(number):
            v = np.float64(block[k, i])
            d = v - centre
            var = factor[k] * factor[k] * rv[i] + factor[k] * ph[i] * max(centre, 0.0)
            if d * d <= limit * (var + 1e-30) if known else (v >= low[i] and v <= high[i]):
                kept[m] = block[k, i]
                m += 1
        data[i] = _median(kept, m)


@njit(cache=True, nogil=True, error_model="numpy")
def sort_columns(values, network, ordered, count, middle):  # type: ignore[no-untyped-def]
    """Sort each column of values (n, width) into `ordered`, the unusable last; count and median of the usable."""
    number, width = values.shape
    count[:] = 0
    for k in range(number):
        for i in range(width):
            v = values[k, i]
            good = np.isfinite(v)
            count[i] += good
            ordered[k, i] = v if good else np.inf
    for pair in range(network.shape[0]):
        a, b = network[pair, 0], network[pair, 1]
        for i in range(width):
            p, q = ordered[a, i], ordered[b, i]
            ordered[a, i] = p if p < q else q
            ordered[b, i] = q if p < q else p
    least = number
    for i in range(width):
        least = min(least, count[i])
    if least == number:
        low, high = (number - 1) // 2, number // 2
        for i in range(width):
            middle[i] = np.float32(0.5) * (ordered[low, i] + ordered[high, i])
        return
    for i in range(width):
        if count[i] > 0:
            half = count[i] // 2
            upper = ordered[half, i]
            middle[i] = upper if count[i] % 2 else np.float32(0.5) * (ordered[half - 1, i] + upper)
        else:
            middle[i] = np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _sample_limits(ordered, count, middle, width, limit, low, high):  # type: ignore[no-untyped-def]
    """Lowest and highest value that survive a clip about the median with the sample's own scatter, iterated."""
    number = ordered.shape[0]
    scatter = np.zeros((2, LANES))
    for k in range(number):
        for i in range(width):
            d = np.float64(ordered[k, i]) - np.float64(middle[i]) if k < count[i] else 0.0
            scatter[0, i] += d
            scatter[1, i] += d * d
    for i in range(width):
        first, last = 0, count[i]
        centre = np.float64(middle[i])
        mean = scatter[0, i] / max(last, 1)
        reach = np.sqrt(limit * max(scatter[1, i] / max(last, 1) - mean * mean, 0.0))
        low[i] = ordered[0, i] if last > 0 else np.inf
        high[i] = ordered[last - 1, i] if last > 0 else -np.inf
        if last == 0 or (centre - low[i] <= reach and high[i] - centre <= reach):
            continue
        while last - first > 2:
            s1 = s2 = 0.0
            for k in range(first, last):
                d = np.float64(ordered[k, i]) - centre
                s1 += d
                s2 += d * d
            m = last - first
            reach = limit * max(s2 / m - (s1 / m) ** 2, 0.0)
            a, b = first, last
            while a < b - 1 and (ordered[a, i] - centre) ** 2 > reach and ordered[a, i] < centre:
                a += 1
            while b > a + 1 and (ordered[b - 1, i] - centre) ** 2 > reach and ordered[b - 1, i] > centre:
                b -= 1
            if a == first and b == last:
                break
            first, last = a, b
            half = (first + last) // 2
            centre = np.float64(ordered[half, i])
            if (last - first) % 2 == 0:
                centre = 0.5 * (centre + np.float64(ordered[half - 1, i]))
        low[i] = ordered[first, i]
        high[i] = ordered[last - 1, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _median(kept, number):  # type: ignore[no-untyped-def]
    """Median of the first `number` values of a small array, which is sorted."""
    for a in range(1, number):
        v = kept[a]
        b = a - 1
        while b >= 0 and kept[b] > v:
            kept[b + 1] = kept[b]
            b -= 1
        kept[b + 1] = v
    half = number // 2
    return np.float64(kept[half]) if number % 2 else 0.5 * (np.float64(kept[half - 1]) + np.float64(kept[half]))
