"""Standard errors of fits to few values, and to values that share an error: stars seen on many frames, chips of one exposure."""
from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ONE_SIGMA = 0.8413447
"""Part of a normal distribution below one standard deviation."""


def student(clip: float, freedom: int) -> float:
    """Return how far from the middle a value of few is, in units of a scatter with so many degrees of freedom, that is as rare as one
    `clip` standard deviations away is among many."""
    part = float(scipy.special.ndtr(clip))
    return float(scipy.special.stdtrit(max(freedom, 1), part)) if part < 1.0 else math.inf


def few(freedom: int) -> float:
    """Return by what a standard error whose scatter was measured with so many degrees of freedom has to grow to hold 68 %."""
    return float(scipy.special.stdtrit(max(freedom, 1), ONE_SIGMA))


def clustered(design: Floats, residual: Floats, group: NDArray[np.intp]) -> Floats:
    """Return the covariance of a least-squares solution whose residuals are alike within groups, by the residuals themselves.

    Parameters
    ----------
    design, residual : float64 arrays (n, k), (n,)
        Weighted design matrix and weighted residuals of the fit.
    group : intp array (n,)
        From 0: what shares an error (Liang and Zeger 1986, Biometrika 73, 13); as many groups as values where all are independent.

    Returns
    -------
    float64 array (k, k)
        Larger by g / (g - 2) for g groups, as residuals are smaller than errors by what a line takes up; infinite for two or fewer.
    """
    inverse = np.linalg.inv(design.T @ design)
    _, place = np.unique(group, return_inverse=True)
    number = int(place.max(initial=-1)) + 1
    if number <= 2:
        return np.full(inverse.shape, np.inf)
    scores = np.zeros((number, design.shape[1]))
    np.add.at(scores, place, design * residual[:, None])
    return np.asarray(inverse @ (scores.T @ scores) @ inverse * (number / (number - 2.0)), np.float64)
