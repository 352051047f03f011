"""The least squares between the sources of a frame and reference stars, on one tangent plane.

Everything that does not change while stars are paired and rejected is computed once: the reference stars on the plane and
their tree, and the powers of the positions. Degree 1 corrects the nominal WCS linearly, distortion and all; higher degrees
are polynomials of the pixels, so that the result is a TPV.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science import tpv
from awe.science.match import mutual_pairs
from awe.science.wcs import Wcs, as_matrix

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
FOLDS = 5
FLOOR = 0.03
"""Pixels that no formal error of a position undercuts."""


@dataclass(frozen=True, eq=False)
class Stars:
    """Sources (pixels, error in arcsec) and reference stars (degrees, error in arcsec)."""

    x: Floats
    y: Floats
    noise: Floats
    ra: Floats
    dec: Floats
    error: Floats


class Plate:
    """Sources and reference stars on the tangent plane of `start`.

    Parameters
    ----------
    stars : Stars
    start : Wcs
        Near the truth: its tangent point and linear part are kept.
    degree : int
        The largest that will be fitted.
    """

    def __init__(self, stars: Stars, start: Wcs, degree: int) -> None:
        self.stars, self.start = stars, start
        target = np.column_stack(tpv.project(stars.ra, stars.dec, *start.crval)) * 3600.0
        self.inside = np.flatnonzero(np.isfinite(target).all(axis=1))
        self.target, self.tree = target, scipy.spatial.cKDTree(target[self.inside])
        (a, b), (c, d) = start.cd
        dx, dy = stars.x - start.crpix[0], stars.y - start.crpix[1]
        u, v = a * dx + b * dy, c * dx + d * dy
        finite = np.isfinite(u) & np.isfinite(v)
        self.size = max(float(np.max(np.hypot(u[finite], v[finite]), initial=0.0)), 1e-12)
        self.powers, self.design = tpv.design(u / self.size, v / self.size, degree)
        xi, eta = start.pixel_to_plane(stars.x, stars.y)
        self.nominal = np.column_stack([xi, eta]) * 3600.0
        self.linear = np.column_stack([np.ones_like(xi), xi / self.size, eta / self.size])

    def basis(self, degree: int) -> Floats:
        """Return the matrix (n, terms) of what is fitted to the positions."""
        return self.linear if degree == 1 else self.design[:, :terms(degree)]

    def predicted(self, degree: int, coefficients: Floats | None) -> Floats:
        """Return the plane positions (n, 2), arcseconds, of all sources; those of `start` without coefficients."""
        return self.nominal if coefficients is None else np.asarray(self.basis(degree) @ coefficients)

    def pairs(self, predicted: Floats, radius: float) -> Indices:
        """Return (source, reference star) of those nearest to each other within `radius` arcseconds."""
        found = mutual_pairs(predicted, self.target[self.inside], radius, self.tree)
        found[:, 1] = self.inside[found[:, 1]]
        return found

    def weights(self, pairs: Indices) -> Floats:
        """Return one over the standard error per axis, arcseconds, with a floor."""
        floor = FLOOR * self.start.pixel_scale
        return 1.0 / np.sqrt(self.stars.noise[pairs[:, 0]] ** 2 + self.stars.error[pairs[:, 1]] ** 2 + floor ** 2)

    def clipped(self, degree: int, pairs: Indices, clip: float) -> tuple[Indices, Floats]:
        """Fit, reject beyond `clip` scaled standard errors, until nothing changes; return the pairs kept and coefficients."""
        weight, design = self.weights(pairs), self.basis(degree)[pairs[:, 0]]
        target = self.target[pairs[:, 1]]
        kept = np.ones(len(pairs), bool)
        coefficients = np.zeros((design.shape[1], 2))
        for _ in range(10):
            matrix = design * (weight ** 2 * kept)[:, None]
            coefficients = solved(matrix.T @ design, matrix.T @ target)
            pulls = np.abs(target - design @ coefficients) * weight[:, None]
            scale = max(1.4826 * float(np.median(pulls[kept])), 0.5)
            again = np.asarray((pulls <= clip * scale).all(axis=1))
            if np.count_nonzero(again) < max(terms(degree), 4) or np.array_equal(again, kept):
                break
            kept = again
        return pairs[kept], coefficients

    def residuals(self, degree: int, pairs: Indices, coefficients: Floats) -> Floats:
        """Return reference minus fit, arcseconds on the plane."""
        return np.asarray(self.target[pairs[:, 1]] - self.basis(degree)[pairs[:, 0]] @ coefficients)

    def holdout(self, degree: int, pairs: Indices) -> float:
        """Return the rms per axis, arcseconds, of stars predicted by fits that did not use them; robust."""
        count = terms(degree)
        if len(pairs) < count + FOLDS:
            return math.inf
        weight = self.weights(pairs)
        matrix, target = self.basis(degree)[pairs[:, 0]] * weight[:, None], self.target[pairs[:, 1]] * weight[:, None]
        fold = np.arange(len(pairs)) % FOLDS
        parts = [(matrix[fold == k], target[fold == k]) for k in range(FOLDS)]
        normal = [(a.T @ a, a.T @ b) for a, b in parts]
        left, right = sum(n for n, _ in normal), sum(r for _, r in normal)
        scaled = np.concatenate([b - a @ solved(left - n, right - r) for (a, b), (n, r) in zip(parts, normal, strict=True)])
        return float(np.sqrt(np.mean(np.clip(scaled, -10, 10) ** 2)) * np.sqrt(np.mean(weight ** -2.0)))

    def wcs(self, degree: int, coefficients: Floats) -> Wcs:
        """Return the WCS that the coefficients make."""
        c = coefficients / 3600.0
        if degree == 1:
            return affine_plane(self.start, c[1:].T / self.size, c[0])
        pv1, pv2 = [0.0] * len(tpv.TERMS), [0.0] * len(tpv.TERMS)
        for (i, j), (cx, cy) in zip(self.powers, c, strict=False):
            pv1[tpv.TERMS.index((i, j, 0))] = float(cx) / self.size ** (i + j)
            pv2[tpv.TERMS.index((j, i, 0))] = float(cy) / self.size ** (i + j)
        return replace(self.start, pv1=tpv.trim(pv1), pv2=tpv.trim(pv2))


def terms(degree: int) -> int:
    """Return the number of coefficients per axis."""
    return (degree + 1) * (degree + 2) // 2


def solved(matrix: Floats, right: Floats) -> Floats:
    """Return the solution of normal equations; that of least norm where they are singular."""
    try:
        found = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        found = np.full(right.shape, np.nan)
    return np.asarray(found if np.isfinite(found).all() else np.linalg.lstsq(matrix, right, rcond=1e-12)[0])


def affine_plane(wcs: Wcs, matrix: Floats, shift: Floats) -> Wcs:
    """Return the WCS whose plane coordinates are ``matrix @ old + shift`` (degrees) with the same tangent point."""
    if wcs.pv1 or wcs.pv2:
        pv1, pv2 = tpv.mix(wcs.pv1, wcs.pv2, matrix, shift)
        return replace(wcs, pv1=pv1, pv2=pv2)
    cd = matrix @ np.array(wcs.cd)
    step = np.linalg.solve(cd, shift)
    return replace(wcs, cd=as_matrix(cd), crpix=(wcs.crpix[0] - float(step[0]), wcs.crpix[1] - float(step[1])))
