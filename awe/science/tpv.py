"""The TPV polynomial and the gnomonic projection, as plain functions of arrays.

TPV distorts tangent-plane coordinates (x, y in degrees) by polynomials up to degree 7 with odd powers of the radius
(coefficients 3, 11, 23, 39); the second axis uses the same terms with x and y exchanged. See the FITS registry of
conventions ("TPV World Coordinate System") and Calabretta & Greisen 2002 (A&A 395, 1077) for the projection.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MAX_DEGREE = 7


def _terms() -> tuple[tuple[int, int, int], ...]:
    """Return (power of x, power of y, power of r) of every coefficient of the first axis, in order."""
    out: list[tuple[int, int, int]] = []
    for degree in range(MAX_DEGREE + 1):
        out += [(degree - j, j, 0) for j in range(degree + 1)]
        out += [(0, 0, degree)] if degree % 2 else []
    return tuple(out)


TERMS = _terms()
SWAPPED = tuple(TERMS.index((j, i, r)) for i, j, r in TERMS)


def turn(angle: float) -> Floats:
    """Return the matrix that turns tangent-plane vectors by `angle` degrees of position angle (north to east)."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[c, s], [-s, c]])


def project(ra: ArrayLike, dec: ArrayLike, ra0: float, dec0: float) -> tuple[Floats, Floats]:
    """Return gnomonic (xi, eta) in degrees of sky positions in degrees; NaN from 90 degrees off the tangent point."""
    a, d, d0 = np.radians(np.asarray(ra, np.float64) - ra0), np.radians(np.asarray(dec, np.float64)), math.radians(dec0)
    sin_d, cos_d, cos_a = np.sin(d), np.cos(d), np.cos(a)
    w = sin_d * math.sin(d0) + cos_d * math.cos(d0) * cos_a
    w = np.where(w > 1e-6, w, np.nan)
    return (np.degrees(cos_d * np.sin(a) / w),
            np.degrees((sin_d * math.cos(d0) - cos_d * math.sin(d0) * cos_a) / w))


def deproject(xi: ArrayLike, eta: ArrayLike, ra0: float, dec0: float) -> tuple[Floats, Floats]:
    """Return sky positions in degrees (right ascension in [0, 360)) of gnomonic (xi, eta) in degrees."""
    x, y, d0 = np.radians(np.asarray(xi, np.float64)), np.radians(np.asarray(eta, np.float64)), math.radians(dec0)
    w = math.cos(d0) - y * math.sin(d0)
    ra = ra0 + np.degrees(np.arctan2(x, w))
    dec = np.degrees(np.arctan2(math.sin(d0) + y * math.cos(d0), np.hypot(x, w)))
    return np.mod(ra, 360.0), dec


def evaluate(x: ArrayLike, y: ArrayLike, pv1: Sequence[float], pv2: Sequence[float]) -> tuple[Floats, Floats]:
    """Return the distorted tangent-plane coordinates, degrees; no coefficients at all mean the identity."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    xp, yp, r = _powers(x), _powers(y), np.hypot(x, y)
    return (_sum(pv1, xp, yp, r) if pv1 else x), (_sum(pv2, yp, xp, r) if pv2 else y)


def invert(xi: ArrayLike, eta: ArrayLike, pv1: Sequence[float], pv2: Sequence[float], *,
           tolerance: float, iterations: int = 30) -> tuple[Floats, Floats]:
    """Return (x, y) whose distorted coordinates are (xi, eta), by Newton's method.

    Parameters
    ----------
    xi, eta : arrays
        Degrees; NaN gives NaN.
    pv1, pv2 : sequences
        TPV coefficients.
    tolerance : float
        Largest accepted error, degrees.
    iterations : int
        At most so many steps.

    Returns
    -------
    x, y : float64 arrays
        Degrees; NaN where it does not converge or ends on a sheet of the other orientation.
    """
    xi, eta = np.asarray(xi, np.float64), np.asarray(eta, np.float64)
    if not (pv1 or pv2):
        return xi.copy(), eta.copy()
    shape, xi, eta = xi.shape, xi.ravel(), eta.ravel()
    j0 = np.array(_jacobian(np.zeros(1), np.zeros(1), pv1, pv2)).reshape(2, 2)
    f0 = np.array(evaluate(np.zeros(1), np.zeros(1), pv1, pv2)).ravel()
    x, y = np.linalg.solve(j0, np.vstack([xi, eta]) - f0[:, None])
    reach = 0.2 * np.hypot(x, y) + 1e4 * tolerance + 0.05
    start, error = (x.copy(), y.copy()), np.full(x.shape, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(iterations):
            fx, fy = evaluate(x, y, pv1, pv2)
            dx, dy = xi - fx, eta - fy
            error = np.hypot(dx, dy)
            if not np.any(error > tolerance * 0.01):
                break
            a, b, c, d = _jacobian(x, y, pv1, pv2)
            det = a * d - b * c
            x, y = x + (d * dx - b * dy) / det, y + (a * dy - c * dx) / det
        a, b, c, d = _jacobian(x, y, pv1, pv2)
        same_sheet = (a * d - b * c) * np.linalg.det(j0) > 0
        good = (error <= tolerance) & same_sheet & (np.hypot(x - start[0], y - start[1]) <= reach)
    return np.where(good, x, np.nan).reshape(shape), np.where(good, y, np.nan).reshape(shape)


def design(x: Floats, y: Floats, degree: int) -> tuple[list[tuple[int, int]], Floats]:
    """Return the list of (power of x, power of y) up to `degree` and the matrix (n, terms) of these monomials."""
    powers = [(i, j) for i, j, r in TERMS if not r and i + j <= degree]
    xp, yp = _powers(x), _powers(y)
    return powers, np.column_stack([xp[i] * yp[j] for i, j in powers])


def fit(x: Floats, y: Floats, xi: Floats, eta: Floats, degree: int,
        weight: Floats | None = None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the coefficients that carry (x, y) to (xi, eta) best, by weighted least squares.

    Parameters
    ----------
    x, y, xi, eta : float64 arrays (n,)
        Degrees on the tangent plane.
    degree : int
        Of the polynomial, 1 to 7.
    weight : float64 array (n,), optional
        One over the standard error of each point.
    """
    scale = max(float(np.max(np.hypot(x, y), initial=0.0)), 1e-12)
    powers, matrix = design(x / scale, y / scale, degree)
    w = np.ones_like(x) if weight is None else weight
    solution = np.linalg.lstsq(matrix * w[:, None], np.column_stack([xi, eta]) * w[:, None], rcond=None)[0]
    pv1, pv2 = [0.0] * len(TERMS), [0.0] * len(TERMS)
    for (i, j), (cx, cy) in zip(powers, solution, strict=True):
        pv1[TERMS.index((i, j, 0))] = float(cx) / scale ** (i + j)
        pv2[TERMS.index((j, i, 0))] = float(cy) / scale ** (i + j)
    return trim(pv1), trim(pv2)


def mix(pv1: Sequence[float], pv2: Sequence[float], matrix: ArrayLike,
        shift: ArrayLike | None = None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the coefficients of ``matrix @ (polynomials) + shift`` (degrees); exact. None at all are the identity."""
    one = np.zeros((2, len(TERMS)))
    for row, pv in enumerate((pv1 or (0.0, 1.0), pv2 or (0.0, 1.0))):
        one[row, :len(pv)] = pv
    one[1] = one[1, list(SWAPPED)]
    one = np.asarray(matrix, np.float64) @ one
    if shift is not None:
        one[:, 0] += np.asarray(shift, np.float64)
    return trim(one[0]), trim(one[1, list(SWAPPED)])


def rotate(pv1: Sequence[float], pv2: Sequence[float], angle: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the coefficients of the polynomial whose result is turned by `angle` degrees; exact."""
    return mix(pv1, pv2, turn(angle)) if pv1 or pv2 else ((), ())


def trim(pv: ArrayLike) -> tuple[float, ...]:
    """Return coefficients as a tuple without the zeros at its end."""
    values = [float(v) for v in np.asarray(pv, np.float64)]
    while values and values[-1] == 0.0:
        values.pop()
    return tuple(values)


def _powers(x: Floats) -> list[Floats]:
    out = [np.ones_like(x)]
    for _ in range(MAX_DEGREE):
        out.append(out[-1] * x)
    return out


def _sum(pv: Sequence[float], xp: list[Floats], yp: list[Floats], r: Floats) -> Floats:
    total = np.zeros_like(r)
    for value, (i, j, k) in zip(pv, TERMS, strict=False):
        if value:
            total = total + value * (r ** k if k else xp[i] * yp[j])
    return total


def _jacobian(x: Floats, y: Floats, pv1: Sequence[float], pv2: Sequence[float]) -> tuple[Floats, ...]:
    """Return d xi/dx, d xi/dy, d eta/dx, d eta/dy."""
    xp, yp, r = _powers(x), _powers(y), np.hypot(x, y)
    a, b = _gradient(pv1 or (0.0, 1.0), xp, yp, r)
    d, c = _gradient(pv2 or (0.0, 1.0), yp, xp, r)
    return a, b, c, d


def _gradient(pv: Sequence[float], xp: list[Floats], yp: list[Floats], r: Floats) -> tuple[Floats, Floats]:
    dx, dy = np.zeros_like(r), np.zeros_like(r)
    for value, (i, j, k) in zip(pv, TERMS, strict=False):
        if not value:
            continue
        if k:
            slope = k * np.where(r > 0, r, 1.0) ** (k - 2) * (r > 0)
            dx, dy = dx + value * slope * xp[1], dy + value * slope * yp[1]
            continue
        dx = dx + (value * i * xp[i - 1] * yp[j] if i else 0.0)
        dy = dy + (value * j * xp[i] * yp[j - 1] if j else 0.0)
    return dx, dy
