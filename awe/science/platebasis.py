"""Chebyshev polynomials of the pixels of a frame, as the plate model of a global solution has them.

On the frame all polynomials lie between -1 and 1, so that a coefficient is the largest shift that its term makes.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from awe.science import tpv
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
LINEAR = 3
"""Terms of degree 0 and 1, which come first."""


def basis(x: Floats, y: Floats, shape: Sequence[int], degree: int) -> Floats:
    """Return the matrix (n, terms) of T_i(x) T_j(y) with i + j up to `degree`, by increasing degree.

    Parameters
    ----------
    x, y : float64 arrays (n,)
        0-based pixels.
    shape : (int, int)
        (ny, nx) of the frame, which is mapped to -1 to 1 along each axis.
    """
    u, v = (2.0 * (np.asarray(p, np.float64) + 0.5) / n - 1.0 for p, n in ((x, shape[1]), (y, shape[0])))
    tu, tv = _chebyshev(u, degree), _chebyshev(v, degree)
    return np.column_stack([tu[total - j] * tv[j] for total in range(degree + 1) for j in range(total + 1)])


def _chebyshev(u: Floats, degree: int) -> list[Floats]:
    found = [np.ones_like(u), u]
    while len(found) <= degree:
        found.append(2.0 * u * found[-1] - found[-2])
    return found


def nodes(shape: Sequence[int], degree: int) -> tuple[Floats, Floats]:
    """Return pixels (n,) all over a frame, more than enough to tell polynomials of `degree` apart."""
    t = np.cos(np.pi * (np.arange(degree + 4) + 0.5) / (degree + 4))
    x, y = np.meshgrid((t + 1.0) * shape[1] / 2.0 - 0.5, (t + 1.0) * shape[0] / 2.0 - 0.5)
    return x.ravel(), y.ravel()


def plate_of(wcs: Wcs, shape: Sequence[int], degree: int) -> Floats:
    """Return the coefficients (terms, 2), arcseconds on its own tangent plane, of a WCS; exact up to its degree."""
    x, y = nodes(shape, max(degree, 7))
    plane = np.column_stack(wcs.pixel_to_plane(x, y)) * 3600.0
    return np.asarray(np.linalg.lstsq(basis(x, y, shape, degree), plane, rcond=None)[0])


def wcs_of(coefficients: Floats, wcs: Wcs, shape: Sequence[int], degree: int) -> Wcs:
    """Return the TPV with the tangent point and linear part of `wcs` whose plane coordinates the coefficients make."""
    x, y = nodes(shape, degree)
    plane = basis(x, y, shape, degree) @ coefficients / 3600.0
    (a, b), (c, d) = wcs.cd
    dx, dy = x - wcs.crpix[0], y - wcs.crpix[1]
    pv1, pv2 = tpv.fit(a * dx + b * dy, c * dx + d * dy, plane[:, 0], plane[:, 1], degree)
    return replace(wcs, pv1=pv1, pv2=pv2)


def linear_map(coefficients: Floats, shape: Sequence[int]) -> Floats:
    """Return the matrix (2, 2), arcseconds per pixel, from pixels to the plane in the middle of the frame."""
    return np.asarray(coefficients[1:3].T * (2.0 / np.array([shape[1], shape[0]], np.float64)))
