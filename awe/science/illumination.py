"""Illumination correction: what stars show of the response that flats missed (calibration plan 548).

A flat sees scattered light as if it had come through the optics, so that flat-fielded stars are too bright or too faint by where they fall.
The measured magnitudes of stars at many places tell it, either against a catalogue or, dithered, against themselves at other places.
Manfroid 1995, A&AS 113, 587; Koch et al. 2003, "Illumination correction", ESO; ZTF Science Data System, 7.5.
"""
from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.imstat import MAD_TO_SIGMA

Floats = NDArray[np.float64]

FLOOR: Final = 0.005
"""Magnitudes that no star is known better than, whatever its photons say."""

ROUNDS: Final = 8


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Illumination:
    """Response to stars relative to the flat that was used.

    Attributes
    ----------
    data, variance : (ny, nx) float32
        About 1, median 1: flat-fielded fluxes are to be divided by it; and its variance.
    used : (n,) bool
        Which measurements the fit kept.
    residual : (n,) float64
        Magnitudes that are left over.
    before, after : float
        Robust scatter of the kept measurements without and with the fit, magnitudes.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    used: NDArray[np.bool_]
    residual: Floats
    before: float
    after: float


def illumination(x: Floats, y: Floats, offset: Floats, error: Floats, frame: NDArray[np.intp], shape: tuple[int, int],
                 star: NDArray[np.intp] | None = None, order: int = 2, clip: float = 3.0) -> Illumination:
    """Fit a polynomial over a chip to magnitudes of stars.

    Parameters
    ----------
    x, y : (n,) arrays
        Where a star fell, 0-based pixels.
    offset : (n,) array
        True minus measured magnitude, but for a constant for each frame and, with `star`, for each star; NaN takes no part.
    error : (n,) array
        Standard errors, magnitudes.
    frame : (n,) int array
        Which frame, from 0; each has a zero point of its own.
    shape : (ny, nx)
        Of the chip.
    star : (n,) int array, optional
        Which star, from 0; -1 takes no part. With it magnitudes need not be known: a star's differences from itself count. A slope over
        the chip is then left as it is: between shifted frames it looks like a difference in zero point.
    order : int
        Highest total degree of the polynomial.
    clip : float
        Measurements further than so many sigma off are left out.

    Raises
    ------
    PermanentError
        Too few stars, or frames that tell nothing: with `star`, they have to be dithered.
    """
    good = np.isfinite(offset) & np.isfinite(error) & (error > 0)
    good &= True if star is None else star >= 0
    lowest = 1 if star is None else 2
    if order < lowest:
        raise PermanentError(f"stars compared with themselves tell no illumination correction of order {order}: set it to 2 or more")
    terms = _terms(_unit(x, shape[1]), _unit(y, shape[0]), lowest, order)
    weight = 1.0 / np.hypot(np.where(good, error, 1.0), FLOOR)
    used, residual = good.copy(), np.full(len(x), np.nan)
    answer, covariance = np.zeros(terms.shape[1]), np.zeros((terms.shape[1],) * 2)
    before = np.nan
    for _ in range(ROUNDS):
        if star is not None:
            used = used & (np.bincount(star[used], minlength=int(star.max(initial=0)) + 1)[star] > 1)
        known, value = _alone(np.column_stack([terms, _dummies(frame, star is not None)]), offset, weight, used, star)
        answer, covariance = _solved(known, value, terms.shape[1])
        rest = value - known @ answer
        plain = value - known[:, terms.shape[1]:] @ _solved(known[:, terms.shape[1]:], value, 0)[0]
        residual[:] = np.nan
        residual[used] = rest / weight[used]
        before = _spread(plain / weight[used])
        near = used.copy()
        near[used] = np.abs(rest) <= clip * max(_spread(rest), 1e-12)
        if np.array_equal(near, used):
            break
        used = near
    count = terms.shape[1]
    data, variance = _map(answer[:count], covariance[:count, :count], shape, lowest, order)
    return Illumination(data, variance, used, residual, before, _spread(residual[used]))


def corrected_flat(flat: NDArray[Any], variance: NDArray[Any], mask: NDArray[Any], surface: NDArray[Any],
                   surface_variance: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Multiply a flat by the response that it missed.

    Parameters
    ----------
    flat, variance : arrays (ny, nx)
        Flat and its variance.
    mask : array (ny, nx)
        Not 0 where it is bad.
    surface, surface_variance : arrays (ny, nx)
        The correction and its variance.

    Returns
    -------
    (float32 array, float32 array, float)
        Product, variance, and the median relative error of the good pixels (NaN where none is good and above 0).
    """
    product = np.asarray(flat, np.float64) * surface
    spread = np.asarray(surface, np.float64) ** 2 * variance + np.asarray(flat, np.float64) ** 2 * surface_variance
    good = (np.asarray(mask) == 0) & (product > 0)
    error = float(np.median(np.sqrt(spread[good]) / product[good])) if good.any() else float("nan")
    return product.astype(np.float32), spread.astype(np.float32), error


def _unit(pixel: Floats, size: int) -> Floats:
    """Pixels on -1 to 1."""
    return np.asarray(2.0 * np.asarray(pixel, np.float64) / max(size - 1, 1) - 1.0)


def _terms(u: Floats, v: Floats, lowest: int, order: int) -> Floats:
    """Legendre products of total degrees from `lowest` to `order`."""
    powers = [(i, k - i) for k in range(lowest, order + 1) for i in range(k, -1, -1)]
    first, second = (np.polynomial.legendre.legvander(one, order) for one in (u, v))
    return np.stack([first[..., i] * second[..., j] for i, j in powers], axis=-1)


def _dummies(frame: NDArray[np.intp], is_relative: bool) -> Floats:
    """A column for the zero point of each frame; the first is what stars are measured by where their magnitudes are free."""
    number = int(frame.max(initial=0)) + 1
    return np.eye(number)[frame][:, 1 if is_relative else 0:]


def _alone(design: Floats, offset: Floats, weight: Floats, used: NDArray[np.bool_],
           star: NDArray[np.intp] | None) -> tuple[Floats, Floats]:
    """The weighted equations of the measurements that are used; with `star`, less the mean of each star, so that its magnitude is gone."""
    rows, value, share = design[used], offset[used], weight[used]
    if star is not None:
        _, group = np.unique(star[used], return_inverse=True)
        total = np.bincount(group, share**2)
        value = value - (np.bincount(group, share**2 * value) / total)[group]
        rows = rows - np.stack([np.bincount(group, share**2 * column) / total for column in rows.T], axis=1)[group]
    return rows * share[:, None], value * share


def _solved(known: Floats, value: Floats, terms: int) -> tuple[Floats, Floats]:
    """Least squares, and the covariance of the answer; refuses what is not determined."""
    size = known.shape[1]
    if terms and len(value) < 3 * size:
        raise PermanentError(f"{len(value)} measurements of stars do not tell an illumination correction of {terms} terms in "
                             f"{size - terms} zero points: take more exposures, or lower the order")
    scale = np.sqrt((known**2).sum(axis=0)) if len(value) else np.ones(size)
    if terms and (scale[:terms] < 1e-9 * max(scale.max(initial=0.0), 1e-300)).any():
        raise PermanentError("the exposures are not dithered, so stars do not show the response elsewhere: take dithered ones")
    scaled = known / np.where(scale > 0, scale, 1.0)
    square = scaled.T @ scaled
    if terms and np.linalg.cond(square) > 1e10:
        raise PermanentError("the exposures are dithered too little for the order of the correction: lower it, or take wider dithers")
    inverse = np.linalg.pinv(square)
    unit = np.where(scale > 0, scale, 1.0)
    answer = inverse @ (scaled.T @ value)
    rest = value - scaled @ answer
    reduced = max(1.0, float((rest**2).sum()) / max(len(value) - size, 1))
    return answer / unit, inverse * reduced / np.outer(unit, unit)


def _map(answer: Floats, covariance: Floats, shape: tuple[int, int], lowest: int,
         order: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The response on all pixels, median 1, and its variance."""
    ny, nx = shape
    data, variance = np.empty(shape), np.empty(shape)
    u = _unit(np.arange(nx, dtype=np.float64), nx)
    for y in range(ny):
        terms = _terms(u, np.full(nx, _unit(np.array([float(y)]), ny)[0]), lowest, order)
        data[y] = (terms * answer).sum(axis=-1)
        variance[y] = ((terms @ covariance) * terms).sum(axis=-1)
    response = 10.0 ** (0.4 * (data - np.median(data)))
    return response.astype(np.float32), (variance * (response * 0.4 * np.log(10.0)) ** 2).astype(np.float32)


def _spread(values: Any) -> float:
    """Robust standard deviation."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
