"""One astrometric solution for overlapping frames of one camera.

Stars that several frames share are to have one place, and reference stars theirs. Each frame has a polynomial of its
pixels; beyond the linear terms it is that of its chip, common to all exposures (the distortion of the instrument, which
may have a prior of its own), plus what the frame departs from it, which a prior keeps small. The places of the stars are
eliminated (Schur complement), so that the system has as many unknowns as the polynomials have coefficients; it is solved
directly where it is small, by conjugate gradients where it is large. Two or three rounds take care of what is not linear
and reject outliers. The idea is that of SCAMP (Bertin 2006, ASP 351, 112) and of the global astrometry of Astro-WISE.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science import tpv
from awe.science.overlap import associate
from awe.science.platebasis import LINEAR, basis, linear_map, plate_of, wcs_of
from awe.science.template import distortion_of
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]
FLOOR = 0.01
"""Pixels that no formal error of a position undercuts."""
DIRECT = 0
"""Up to so many unknowns the system is solved directly, by LAPACK, whose last bits depend on its number of threads."""
DENSE = 0
"""Up to so many numbers the stars of all frames are held in one table, whose products depend likewise."""
LOOSE = 1e-12
"""Weight that keeps directions without any star where they are, relative to the mean of the diagonal."""


@dataclass(frozen=True, eq=False)
class Plate:
    """One frame with its sources and what they were matched with.

    Parameters
    ----------
    wcs : Wcs
        Its local solution.
    shape : (int, int)
        (ny, nx).
    chip : int
        Which detector; frames of one share their distortion.
    x, y, error : float64 arrays (n,)
        0-based pixels and the standard error per axis, pixels.
    star : intp array (n,)
        Number of the reference star, the same in all frames; -1 for none.
    ra, dec, reference_error : float64 arrays (n,)
        The reference star's place in degrees at one epoch for all frames, and its error per axis in arcseconds; NaN
        where there is none.
    motion : float64 array (n, 2)
        Arcseconds east and north by which the star has moved since; 0 where unknown.
    """

    wcs: Wcs
    shape: tuple[int, int]
    chip: int
    x: Floats
    y: Floats
    error: Floats
    star: Indices
    ra: Floats
    dec: Floats
    reference_error: Floats
    motion: Floats


@dataclass(frozen=True, eq=False)
class GlobalSolution:
    """The WCS of each frame, and how well stars agree.

    Parameters
    ----------
    wcs : list of Wcs
    frame, source, star : intp arrays (n,)
        The observations that entered: which frame, which of its sources, which star.
    used : bool array (n,)
        False where it was rejected.
    residual : float64 array (n, 2)
        Observation minus mean of the star's other observations and its reference place, as fitted; arcseconds east and
        north.
    reference_residual : float64 array (n, 2)
        Observation minus reference place; NaN where the star has none.
    distortion : dict of int to float64 array (terms, 2)
        Of each chip: the terms beyond the linear ones, pixels along x and y; see `awe.science.platebasis`.
    """

    wcs: list[Wcs]
    frame: Indices
    source: Indices
    star: Indices
    used: Bools
    residual: Floats
    reference_residual: Floats
    distortion: dict[int, Floats]


def solve_global(plates: Sequence[Plate], *, degree: int = 3, distortion_prior: float = 0.05, radius: float = 1.0,
                 clip: float = 4.0, rounds: int = 3, prior: dict[int, Floats] | None = None) -> GlobalSolution:
    """Solve all frames together.

    Parameters
    ----------
    plates : sequence of Plate
        Of one camera; at least one. Overlaps are found by their local solutions.
    degree : int
        Of the polynomials, 1 to 5.
    distortion_prior : float
        Standard deviation in arcseconds by which each term of a frame's distortion may depart from that of its chip; a
        large value leaves every frame its own, 0 gives all exposures the same.
    radius : float
        Arcseconds within which sources of different frames are one star.
    clip : float
        Observations further off than so many standard errors (scaled to what they are) are rejected.
    rounds : int
        How often it is solved.
    prior : dict of int to float64 array (terms, 2), optional
        Distortions of chips that were measured before (`awe.science.template`): they are departed from as a frame departs
        from its chip. Other chips are free, and start from the mean of the local solutions.

    Returns
    -------
    GlobalSolution
        Frames without a star in common with others or the reference keep their local linear solution.
    """
    common = _middle(plates)
    joint = _Joint(plates, common, degree, radius)
    start = _start(plates, degree, prior or {})
    coefficients, system = start, _Hierarchy(plates, degree, distortion_prior, set(prior or {}))
    for turn in range(rounds):
        turns = [_turn(plate.wcs, common) for plate in plates]
        position = joint.positions(coefficients)
        joint.reject(position, clip, first=turn == 0)
        step = system.solve(*joint.normal(position), [linear_map(c, p.shape) for c, p in zip(coefficients, plates, strict=True)], turns)
        coefficients = [c + s for c, s in zip(coefficients, step, strict=True)]
    position = joint.positions(coefficients)
    joint.reject(position, clip)
    residual, off = joint.residuals(position)
    wcs = [wcs_of(c, plate.wcs, plate.shape, degree) for c, plate in zip(coefficients, plates, strict=True)]
    return GlobalSolution(wcs, joint.frame, joint.source, joint.star, joint.used, residual, off,
                          _distortions(plates, coefficients))


def _middle(plates: Sequence[Plate]) -> tuple[float, float]:
    """Return the direction of the mean of the frames' centres."""
    centres = np.radians([plate.wcs.centre(plate.shape) for plate in plates])
    vector = np.mean([np.cos(centres[:, 1]) * np.cos(centres[:, 0]), np.cos(centres[:, 1]) * np.sin(centres[:, 0]),
                      np.sin(centres[:, 1])], axis=1)
    return (math.degrees(math.atan2(vector[1], vector[0])) % 360.0,
            math.degrees(math.atan2(vector[2], math.hypot(vector[0], vector[1]))))


def _turn(wcs: Wcs, common: tuple[float, float]) -> Floats:
    """Return the matrix (2, 2) of small steps on a frame's tangent plane to those on the common plane."""
    h = 1e-4
    steps = tpv.project(*tpv.deproject(np.array([-h, h, 0, 0]), np.array([0, 0, -h, h]), *wcs.crval), *common)
    return np.array([[(v[1] - v[0]) / (2 * h), (v[3] - v[2]) / (2 * h)] for v in steps])


def _start(plates: Sequence[Plate], degree: int, prior: dict[int, Floats]) -> list[Floats]:
    """Return the coefficients of each frame with the distortion of its chip: the prior, or the mean of the local solutions."""
    local = [plate_of(plate.wcs, plate.shape, degree) for plate in plates]
    mean = {**_distortions(plates, local), **{chip: given for chip, given in prior.items() if len(given) == len(local[0]) - LINEAR}}
    return [np.vstack([c[:LINEAR], mean[plate.chip] @ linear_map(c, plate.shape).T]) for c, plate in zip(local, plates, strict=True)]


def _distortions(plates: Sequence[Plate], coefficients: Sequence[Floats]) -> dict[int, Floats]:
    """Return the distortion of each chip in pixels: the mean of its frames, weighted by their matched stars."""
    total: dict[int, tuple[Floats, float]] = {}
    for plate, c in zip(plates, coefficients, strict=True):
        weight = 1.0 + np.count_nonzero(plate.star >= 0)
        own = distortion_of(c, plate.shape)
        there, sum_of_weights = total.get(plate.chip, (np.zeros_like(own), 0.0))
        total[plate.chip] = there + weight * own, sum_of_weights + weight
    return {chip: there / weight for chip, (there, weight) in total.items()}


class _Joint:
    """All observations of all stars on the common plane."""

    def __init__(self, plates: Sequence[Plate], common: tuple[float, float], degree: int, radius: float) -> None:
        self.plates, self.common = plates, common
        sizes = [len(plate.x) for plate in plates]
        frame = np.repeat(np.arange(len(plates)), sizes)
        source = np.concatenate([np.arange(size) for size in sizes])
        first = np.concatenate([self._plane(*plate.wcs.pixel_to_sky(plate.x, plate.y)) - plate.motion for plate in plates])
        star, self.count = associate(first, frame, np.concatenate([plate.star for plate in plates]), radius)
        keep = np.flatnonzero(star >= 0)
        self.frame, self.source, self.star = frame[keep], source[keep], star[keep]
        self.bounds = np.searchsorted(self.frame, np.arange(len(plates) + 1))
        at = [self.source[self.bounds[f]:self.bounds[f + 1]] for f in range(len(plates))]
        self.basis = [basis(p.x[i], p.y[i], p.shape, degree) for p, i in zip(plates, at, strict=True)]
        self.motion = np.concatenate([p.motion[i] for p, i in zip(plates, at, strict=True)])
        error = np.concatenate([np.hypot(p.error[i], FLOOR) * p.wcs.pixel_scale for p, i in zip(plates, at, strict=True)])
        self.weight = np.where(np.isfinite(error), np.nan_to_num(error, nan=1.0) ** -2, 0.0)
        place = np.concatenate([self._plane(p.ra[i], p.dec[i]) for p, i in zip(plates, at, strict=True)])
        spread = np.concatenate([np.hypot(np.nan_to_num(p.reference_error[i]), FLOOR * p.wcs.pixel_scale)
                                 for p, i in zip(plates, at, strict=True)])
        known = np.isfinite(place).all(axis=1)
        self.place, self.place_weight = np.full((self.count, 2), np.nan), np.zeros(self.count)
        self.place[self.star[known]], self.place_weight[self.star[known]] = place[known], spread[known] ** -2.0
        self.used = self.weight > 0
        self.trusted = self.place_weight > 0

    def _plane(self, ra: Floats, dec: Floats) -> Floats:
        return np.column_stack(tpv.project(ra, dec, *self.common)) * 3600.0

    def positions(self, coefficients: Sequence[Floats]) -> Floats:
        """Return where each observation is on the common plane, arcseconds, its star taken back to the epoch of the reference."""
        found = []
        for plate, matrix, c in zip(self.plates, self.basis, coefficients, strict=True):
            plane = np.asarray(matrix @ c / 3600.0)
            found.append(self._plane(*tpv.deproject(plane[:, 0], plane[:, 1], *plate.wcs.crval)))
        return np.asarray(np.concatenate(found) - self.motion)

    def means(self, position: Floats) -> tuple[Floats, Floats]:
        """Return the weighted mean place of each star and its weight."""
        w = self.weight * self.used
        total = np.bincount(self.star, w, self.count) + self.place_weight * self.trusted
        place = np.where(self.trusted[:, None], np.nan_to_num(self.place), 0.0) * self.place_weight[:, None]
        summed = np.column_stack([np.bincount(self.star, w * position[:, k], self.count) for k in (0, 1)]) + place
        return np.asarray(summed / np.maximum(total, 1e-300)[:, None]), total

    def residuals(self, position: Floats) -> tuple[Floats, Floats]:
        """Return the residuals from the mean places and from the reference places."""
        return position - self.means(position)[0][self.star], position - np.where(self.trusted[:, None], self.place, np.nan)[self.star]

    def reject(self, position: Floats, clip: float, *, first: bool = False) -> None:
        """Choose the observations and reference places that agree with the others; at first only gross errors go."""
        self.used = self.weight > 0
        self.trusted = self.place_weight > 0
        for _ in range(2):
            mean, total = self.means(position)
            alone = np.bincount(self.star, self.used, self.count)[self.star] + self.trusted[self.star] < 2
            share = np.clip(1.0 - self.weight / np.maximum(total[self.star], 1e-300), 0.01, 1.0)
            pulls = np.abs(position - mean[self.star]) * np.sqrt(self.weight / share)[:, None]
            count = self.used & ~alone
            scale = max(1.4826 * float(np.median(pulls[count])), 0.5) if count.any() else 1.0
            limit = (3.0 if first else 1.0) * clip * scale
            off = np.abs(np.nan_to_num(self.place) - mean) * np.sqrt(self.place_weight)[:, None]
            apart = np.sqrt(total / np.maximum(total - self.place_weight, 1e-300))[:, None]
            bad = (off * np.where(np.isfinite(apart), apart, 1.0) > limit).any(axis=1)
            self.trusted &= ~bad | (np.bincount(self.star, self.used, self.count) == 0)
            self.used &= (pulls <= limit).all(axis=1) & ~alone

    def normal(self, position: Floats) -> tuple[scipy.sparse.csr_array | Floats, Floats]:
        """Return the normal matrix (F k, F k) and right-hand side (F k, 2) for corrections of all frames, stars eliminated."""
        k, n = self.basis[0].shape[1], len(self.plates)
        w = self.weight * self.used
        mean, total = self.means(position)
        residual, root = mean[self.star] - position, 1.0 / np.sqrt(np.maximum(total, 1e-300))
        right, blocks, rows = np.zeros((n * k, 2)), [], []
        for f, matrix in enumerate(self.basis):
            part = slice(self.bounds[f], self.bounds[f + 1])
            weighted = matrix * w[part, None]
            right[f * k:(f + 1) * k] = np.einsum("ni,nj->ij", weighted, residual[part])
            blocks.append(np.einsum("ni,nj->ij", weighted, matrix))
            rows.append(weighted * root[self.star[part], None])
        if self.count * n * k <= DENSE:
            shared = np.zeros((self.count, n * k))
            for f, row in enumerate(rows):
                shared[self.star[self.bounds[f]:self.bounds[f + 1]], f * k:(f + 1) * k] = row
            left = -(shared.T @ shared)
            for f, block in enumerate(blocks):
                left[f * k:(f + 1) * k, f * k:(f + 1) * k] += block
            return left, right
        columns = (self.frame * k)[:, None] + np.arange(k)
        where = np.repeat(self.star, k), columns.ravel()
        shared_rows = scipy.sparse.csr_array((np.concatenate(rows).ravel(), where), shape=(self.count, n * k))
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr") - shared_rows.T @ shared_rows), right


class _Hierarchy:
    """Unknowns: linear terms of each frame, distortion of each chip (pixels), departures of each frame from it (pixels)."""

    def __init__(self, plates: Sequence[Plate], degree: int, departure: float, known: set[int]) -> None:
        self.plates, self.departure = plates, departure
        self.terms = (degree + 1) * (degree + 2) // 2
        self.higher = self.terms - LINEAR
        chips = sorted({plate.chip for plate in plates})
        self.chip = [chips.index(plate.chip) for plate in plates]
        self.chips = len(chips)
        self.known = [chip in known for chip in chips]

    def solve(self, left: scipy.sparse.csr_array | Floats, right: Floats, maps: Sequence[Floats], turns: Sequence[Floats]) -> list[Floats]:
        """Return the corrections (terms, 2) of each frame on its own tangent plane, arcseconds."""
        n, k = len(self.plates), self.terms
        to_common = self._map(maps, turns)
        both = scipy.sparse.block_diag([left, left], format="csr") if scipy.sparse.issparse(left) else np.kron(np.eye(2), left)
        matrix = to_common.T @ (both @ to_common)
        vector = to_common.T @ np.concatenate([right[:, 0], right[:, 1]])
        matrix = matrix.toarray() if scipy.sparse.issparse(matrix) and matrix.shape[0] <= DIRECT else matrix
        unknown = _solved(matrix, vector, self._prior(maps))
        step = np.column_stack(np.split(to_common @ unknown, 2)).reshape(n, k, 2)
        return [one @ np.linalg.inv(turn).T for one, turn in zip(step, turns, strict=True)]

    def _map(self, maps: Sequence[Floats], turns: Sequence[Floats]) -> scipy.sparse.csr_array:
        """Return the matrix from the unknowns to the coefficients of all frames on the common plane (x first, then y)."""
        n, k, h = len(self.plates), self.terms, self.higher
        free = 2 * LINEAR * n
        own = 0 if self.departure <= 0 else 2 * h * n
        rows, columns, values = [], [], []

        def put(row: Indices, column: Indices, value: float) -> None:
            rows.append(row)
            columns.append(column)
            values.append(np.full(len(row), value))
        low, high = np.arange(LINEAR), np.arange(h)
        for f, (to_plane, turn) in enumerate(zip(maps, turns, strict=True)):
            matrix = turn @ to_plane
            for axis in (0, 1):
                at = axis * n * k + f * k
                put(at + low, 2 * LINEAR * f + LINEAR * axis + low, 1.0)
                for along in (0, 1):
                    put(at + LINEAR + high, free + own + 2 * h * self.chip[f] + h * along + high, matrix[axis, along])
                    if own:
                        put(at + LINEAR + high, free + 2 * h * f + h * along + high, matrix[axis, along])
        shape = (2 * n * k, free + own + 2 * h * self.chips)
        return scipy.sparse.csr_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)

    def _prior(self, maps: Sequence[Floats]) -> Floats:
        """Return the weights of the unknowns being 0: departures have one, and chips whose distortion was known."""
        n, h = len(self.plates), self.higher
        scale = [math.sqrt(abs(float(np.linalg.det(one)))) for one in maps]
        own = [] if self.departure <= 0 else [np.full(2 * h, (s / self.departure) ** 2) for s in scale]
        tied = (float(np.median(scale)) / max(self.departure, 1e-4)) ** 2
        chips = [np.full(2 * h, tied if known else 0.0) for known in self.known]
        return np.concatenate([np.zeros(2 * LINEAR * n), *own, *chips])


def _solved(matrix: scipy.sparse.csr_array | Floats, vector: Floats, prior: Floats) -> Floats:
    """Return the solution of the normal equations with a prior, scaled to a unit diagonal."""
    diagonal = np.asarray(matrix.diagonal(), np.float64) + prior
    scale = 1.0 / np.sqrt(np.maximum(diagonal, LOOSE * max(float(diagonal.max(initial=0.0)), 1e-300)))
    loose = prior * scale ** 2 + 1e-10
    if scipy.sparse.issparse(matrix):
        rescale = scipy.sparse.diags_array(scale)
        scaled = rescale @ matrix @ rescale + scipy.sparse.diags_array(loose)
        return np.asarray(scipy.sparse.linalg.cg(scaled, vector * scale, rtol=1e-9, maxiter=4000)[0]) * scale
    scaled = np.asarray(matrix) * scale[:, None] * scale[None, :] + np.diag(loose)
    try:
        return np.asarray(scipy.linalg.cho_solve(scipy.linalg.cho_factor(scaled), vector * scale)) * scale
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(scaled, vector * scale, rcond=1e-12)[0]) * scale
