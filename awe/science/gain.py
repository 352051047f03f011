"""Gain, read noise and linearity per amplifier by photon transfer (calibration plan 523 and 533).

Of two flats A and B the difference A - s B, with s the ratio of their levels, holds noise only. For photons
counted with gain g (e-/ADU) its variance is (A + s^2 B) / g + (1 + s^2) r^2, with r the read noise in ADU.
Here s is a plane fitted in every small box, so that a drift of the lamp in strength or in pattern does no harm, the two
exposures need not be equal, and one uneven pair already spans a range of levels. J. R. Janesick, 2001,
"Scientific Charge-Coupled Devices", chapter 2.
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

NAN: Final = float("nan")
Pair = tuple[NDArray[Any], NDArray[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class PhotonTransfer:
    """Photon transfer of one amplifier.

    Attributes
    ----------
    gain, gain_error : float
        e-/ADU; NaN where nothing could be fitted.
    read_noise, read_noise_error : float
        ADU: as given (error 0), or the intercept of the fit, 0 where that is negative.
    levels, variances : tuple of float
        Mean level and variance of one frame in each box that the fit kept, ADU and ADU^2, in order of level.
    scatter : float
        Root of the reduced chi-squared: about 1 when photon noise explains all.
    n_rejected : int
        Number of boxes the fit left out.
    """

    gain: float
    gain_error: float
    read_noise: float
    read_noise_error: float
    levels: tuple[float, ...]
    variances: tuple[float, ...]
    scatter: float
    n_rejected: int


@dataclasses.dataclass(frozen=True, slots=True)
class Linearity:
    """Level against exposure time: `rate` in ADU/s and relative `residuals` (level / (rate time) - 1) per flat.

    `used` tells which flats the rate was fitted to.
    """

    rate: float
    exposure_times: tuple[float, ...]
    levels: tuple[float, ...]
    residuals: tuple[float, ...]
    used: tuple[bool, ...]


def photon_transfer(pairs: Sequence[Pair], amplifier_index: NDArray[np.uint8] | None = None,
                    read_noise: Sequence[float] | None = None, mask: NDArray[Any] | None = None, box: int = 32,
                    lowest: float = 0.0, highest: float | Sequence[float] = np.inf,
                    rejection_threshold: float = 4.0) -> list[PhotonTransfer]:
    """Measure gain and read noise of each amplifier from pairs of flats.

    Parameters
    ----------
    pairs : sequence of (flat, flat)
        Bias- or overscan-subtracted, ADU, (ny, nx); one pair or more.
    amplifier_index : (ny, nx) uint8, optional
        Which amplifier read each pixel; one amplifier without it.
    read_noise : sequence of float, optional
        Known read noise per amplifier, ADU, rounding included; without it the fit finds it, which needs levels
        near zero to be of use.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part.
    box : int
        Side of the boxes, pixels.
    lowest, highest : float
        Range of levels used, ADU; `highest` (one, or one per amplifier) should stay below saturation.
    rejection_threshold : float
        Sigma, for pixels within a box and for boxes in the fit.

    Returns
    -------
    list of PhotonTransfer
        One per amplifier.

    Raises
    ------
    PermanentError
        No pair, or shapes that differ.
    """
    shapes = {flat.shape for pair in pairs for flat in pair}
    if len(shapes) != 1:
        raise PermanentError(f"gain needs one or more pairs of flats of one shape; there are {len(pairs)} pairs of "
                             f"shapes {sorted(shapes)}: take two flats of about the same level")
    shape = shapes.pop()
    index = np.zeros(shape, np.uint8) if amplifier_index is None else amplifier_index
    number = int(index[index != 255].max(initial=0)) + 1
    tops = np.broadcast_to(np.asarray(highest, np.float64), (number,))
    results = []
    for k in range(number):
        outside = (index != k) if mask is None else (index != k) | (mask != 0)
        points = np.array([point for pair in pairs
                           for point in _boxes(pair, outside, box, lowest, float(tops[k]), rejection_threshold)])
        results.append(_fit(points.reshape(-1, 4), None if read_noise is None else float(read_noise[k]),
                            rejection_threshold))
    return results


def pair_up(levels: Sequence[float], tolerance: float = 0.04) -> list[tuple[int, int]]:
    """Return pairs of indices whose levels differ by at most the relative `tolerance`, nearest first, each once.

    Parameters
    ----------
    levels : sequence of float
        Median level of each flat; those that are not positive and finite are left out.
    tolerance : float
        The calibration plan asks for 4 %; `photon_transfer` itself copes with more.
    """
    order = sorted((k for k, level in enumerate(levels) if np.isfinite(level) and level > 0), key=lambda k: levels[k])
    gaps = sorted((levels[b] / levels[a] - 1.0, a, b) for a, b in itertools.pairwise(order))
    taken: set[int] = set()
    pairs = []
    for gap, a, b in gaps:
        if gap <= tolerance and not taken & {a, b}:
            taken |= {a, b}
            pairs.append((min(a, b), max(a, b)))
    return sorted(pairs)


def linearity(exposure_times: Sequence[float], levels: Sequence[float], highest: float = np.inf,
              rejection_threshold: float = 4.0) -> Linearity:
    """Fit level = rate x time through the origin, with equal relative weights and outliers left out.

    Parameters
    ----------
    exposure_times : sequence of float
        Seconds, positive.
    levels : sequence of float
        Median level of each flat, ADU above bias.
    highest : float
        Levels above it are not fitted but get a residual.
    rejection_threshold : float
        Flats further than this from the median rate, in robust sigma (and 0.2 %), are left out of the fit.

    Raises
    ------
    PermanentError
        Numbers that do not belong together.
    """
    time, level = np.asarray(exposure_times, np.float64), np.asarray(levels, np.float64)
    if time.shape != level.shape or time.size == 0 or not (time > 0).all():
        raise PermanentError(f"{time.size} exposure times and {level.size} levels: linearity needs one time above 0 s "
                             "for each level")
    rate = level / time
    used = np.isfinite(rate) & (level <= highest) & (level > 0)
    if not used.any():
        return Linearity(NAN, tuple(time), tuple(level), (NAN,) * time.size, (False,) * time.size)
    middle = float(np.median(rate[used]))
    width = max(1.4826 * float(np.median(np.abs(rate[used] - middle))), 0.002 * middle / rejection_threshold)
    used &= np.abs(rate - middle) <= rejection_threshold * width
    best = float(rate[used].mean())
    return Linearity(best, tuple(time.tolist()), tuple(level.tolist()), tuple((rate / best - 1.0).tolist()),
                     tuple(used.tolist()))


def _boxes(pair: Pair, outside: NDArray[np.bool_], box: int, lowest: float, highest: float,
           clip: float) -> list[tuple[float, float, float, float]]:
    """One point per box: level and variance of a single frame, relative error of the variance, 1 + s^2."""
    ny, nx = outside.shape
    points = []
    for y0 in range(0, ny, box):
        for x0 in range(0, nx, box):
            place = slice(y0, y0 + box), slice(x0, x0 + box)
            a, b = pair[0][place].astype(np.float64), pair[1][place].astype(np.float64)
            good = ~outside[place] & np.isfinite(a) & np.isfinite(b) & (a <= highest) & (b <= highest)
            if good.sum() < max(50, box * box // 4):
                continue
            y, x = (axis[good] / box - 0.5 for axis in np.mgrid[:good.shape[0], :good.shape[1]])
            point = _point(a[good], b[good], y, x, clip)
            brightest = max(np.median(a[good]), np.median(b[good]))
            if point is not None and lowest <= point[0] and brightest < 0.95 * highest:
                points.append(point)
    return points


def _point(a: NDArray[np.float64], b: NDArray[np.float64], y: NDArray[Any], x: NDArray[Any],
           clip: float) -> tuple[float, float, float, float] | None:
    """The point of one box, or None where there is no light; y and x are from the middle of the box."""
    level_a, level_b = float(a.mean()), float(b.mean())
    if level_a <= 0 or level_b <= 0:
        return None
    rest = a - level_a / level_b * b
    mean, stdev, _ = clipped(rest, clip)
    kept = np.abs(rest - mean) <= 2.0 * clip * stdev
    terms = [b, b * y, b * x]
    matrix = np.array([[float((p * q)[kept].sum()) for p in terms] for q in terms])
    slopes = np.linalg.pinv(matrix, hermitian=True) @ np.array([float((p * a)[kept].sum()) for p in terms])
    ratio = float(slopes[0])
    _, stdev, number = clipped(a - sum(slope * term for slope, term in zip(slopes, terms, strict=True)), clip)
    share = 1.0 + ratio * ratio
    if number < 50 or stdev == 0.0:
        return None
    variance = stdev**2 / share * number / (number - 3)
    return (level_a + ratio * ratio * level_b) / share, variance, (2.0 / (number - 3)) ** 0.5, share


def _fit(points: NDArray[np.float64], read_noise: float | None, clip: float) -> PhotonTransfer:
    """Weighted straight line through the points, iterated with rejection of the boxes that do not fit."""
    if len(points) == 0:
        return PhotonTransfer(NAN, NAN, NAN if read_noise is None else read_noise, NAN, (), (), NAN, 0)
    level, variance, relative = points[np.argsort(points[:, 0], kind="stable"), :3].T
    floor = 0.0 if read_noise is None else read_noise**2
    slope = float(np.median((variance - floor) / level))
    kept = np.ones(level.size, np.bool_)
    intercept, covariance, scatter = floor, np.full((2, 2), NAN), NAN
    for _ in range(20):
        model = np.maximum(intercept + slope * level, 1e-9)
        width = np.maximum(1.4826 * float(np.median(np.abs(variance / model - 1.0)[kept])), float(np.median(relative)))
        near = np.abs(variance / model - 1.0) <= clip * width
        if near.sum() < 2 and read_noise is None:
            break
        kept, before = near, kept
        slope, intercept, covariance = _line(level[kept], variance[kept], (relative * model)[kept], read_noise)
        if np.array_equal(kept, before):
            break
    if not slope > 0:
        return PhotonTransfer(NAN, NAN, NAN if read_noise is None else read_noise, NAN, (), (), NAN, level.size)
    model = np.maximum(intercept + slope * level, 1e-9)
    freedom = max(int(kept.sum()) - (1 if read_noise is not None else 2), 1)
    scatter = float(np.sqrt((((variance - model) / (relative * model))[kept] ** 2).sum() / freedom))
    error = np.sqrt(np.diag(covariance)) * max(scatter, 1.0)
    noise = read_noise if read_noise is not None else max(intercept, 0.0) ** 0.5
    noise_error = 0.0 if read_noise is not None else float(error[1]) / (2.0 * noise) if noise > 0 else NAN
    return PhotonTransfer(1.0 / slope, float(error[0]) / slope**2, noise, noise_error, tuple(level[kept].tolist()),
                          tuple(variance[kept].tolist()), scatter, int((~kept).sum()))


def _line(x: NDArray[np.float64], y: NDArray[np.float64], error: NDArray[np.float64],
          read_noise: float | None) -> tuple[float, float, NDArray[np.float64]]:
    """Slope, intercept and covariance of a weighted line; the intercept is fixed where the read noise is known."""
    weight = 1.0 / error**2
    if read_noise is not None:
        norm = float((weight * x * x).sum())
        return float((weight * x * (y - read_noise**2)).sum()) / norm, read_noise**2, np.diag([1.0 / norm, 0.0])
    matrix = np.array([[(weight * x * x).sum(), (weight * x).sum()], [(weight * x).sum(), weight.sum()]])
    covariance = np.linalg.pinv(matrix)
    slope, intercept = covariance @ np.array([(weight * x * y).sum(), (weight * y).sum()])
    return float(slope), float(intercept), covariance
