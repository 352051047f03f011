"""The distortion of an instrument as the mean of what single frames show."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe.science.platebasis import LINEAR, basis, linear_map, nodes, plate_of
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Template:
    """A mean distortion: coefficients (terms, 2) in pixels beyond the linear terms, its largest size on the chip, and the
    scatter of single frames about it (rms over the chip, pixels; NaN for fewer than two)."""

    distortion: Floats
    largest: float
    scatter: float


def distortion_of(coefficients: Floats, shape: Sequence[int]) -> Floats:
    """Return the terms beyond the linear, in pixels, of plate coefficients in arcseconds."""
    return np.asarray(coefficients[LINEAR:] @ np.linalg.inv(linear_map(coefficients, shape)).T)


def template(solutions: Sequence[Wcs], weights: Sequence[float], shape: Sequence[int], degree: int) -> Template:
    """Return the mean distortion of solutions of one chip, weighted; zero where there is none.

    A solution further from the median than 5 times the median distance, over the chip, is left out.
    """
    terms = (degree + 1) * (degree + 2) // 2
    if not solutions:
        return Template(np.zeros((terms - LINEAR, 2)), 0.0, float("nan"))
    single = np.array([distortion_of(plate_of(wcs, shape, degree), shape) for wcs in solutions])
    x, y = nodes(shape, 8)
    higher = basis(x, y, shape, degree)[:, LINEAR:]
    off = np.array([rms(higher @ (one - np.median(single, axis=0))) for one in single])
    keep = off <= max(5.0 * float(np.median(off)), 1e-6)
    weight = np.maximum(np.asarray(weights, np.float64)[keep], 1.0)
    mean = np.einsum("i,ijk->jk", weight, single[keep]) / weight.sum()
    scatter = rms(np.array([higher @ (one - mean) for one in single[keep]])) if np.count_nonzero(keep) > 1 else float("nan")
    return Template(mean, float(np.hypot(*(higher @ mean).T).max()), scatter)


def rms(values: Floats) -> float:
    """Return the root mean square per axis."""
    return float(np.sqrt(np.mean(np.square(values))))
