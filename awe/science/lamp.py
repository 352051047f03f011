"""The pattern of a lamp on a screen: what is smooth in a dome flat and may be the lamp's as well as the optics'."""
from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.flat import Flat
from awe.science.lowpass import block_medians

BLOCKS: Final = 32
"""Blocks along the longer axis whose medians are fitted."""


def without_lamp(flat: Flat, degree: int) -> Flat:
    """Return a dome flat without what a polynomial of low degree says of it.

    A lamp lights a screen unevenly and smoothly; a flat that is used alone brings that into all magnitudes.  What is divided out holds what
    the optics do as smoothly, too: the flat that is left tells of small scales only, and needs an illumination correction (548) or is of
    use where the whole chip is lit evenly.

    Parameters
    ----------
    flat : Flat
        Of one chip, before or after `normalise`.
    degree : int
        Highest total degree, at least 1.

    Returns
    -------
    Flat
        Of the same level; its variance goes with the square of what is divided out.

    Raises
    ------
    PermanentError
        Too few good blocks for the degree, or a fit that is not above 0 everywhere.
    """
    ny, nx = flat.data.shape
    size = max(1, max(ny, nx) // BLOCKS)
    medians, share = block_medians(flat.data, flat.mask, size)
    centres = [((np.arange(length) + 0.5) * size - 0.5) for length in medians.shape]
    v, u = np.meshgrid(_unit(centres[0], ny), _unit(centres[1], nx), indexing="ij")
    good = (share > 0.5) & np.isfinite(medians)
    terms = _terms(u[good], v[good], degree)
    if len(terms) < 3 * terms.shape[1]:
        raise PermanentError(f"{len(terms)} blocks of the flat are good, which do not tell a lamp of degree {degree}: lower lamp_degree")
    answer = np.linalg.lstsq(terms, medians[good], rcond=None)[0]
    lamp = np.stack([_terms(_unit(np.arange(nx, dtype=np.float64), nx), np.full(nx, one), degree) @ answer
                     for one in _unit(np.arange(ny, dtype=np.float64), ny)])
    if not lamp.min() > 0:
        raise PermanentError(f"a lamp of degree {degree} would be dark somewhere on the chip: lower lamp_degree")
    share_of_light = (lamp / np.median(lamp)).astype(np.float32)
    return dataclasses.replace(flat, data=flat.data / share_of_light, variance=flat.variance / share_of_light**2)


def _unit(pixel: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Pixels on -1 to 1."""
    return np.asarray(2.0 * pixel / max(size - 1, 1) - 1.0)


def _terms(u: NDArray[np.float64], v: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Legendre products up to a total degree, (n, terms)."""
    first, second = (np.polynomial.legendre.legvander(one, degree) for one in (u, v))
    return np.stack([first[:, i] * second[:, k - i] for k in range(degree + 1) for i in range(k + 1)], axis=1)
