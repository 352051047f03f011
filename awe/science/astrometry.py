"""The astrometric solution of one frame against a reference list.

Sources and reference stars are laid on a common tangent plane by the nominal WCS, matched blindly (`awe.science.match`),
and a polynomial is fitted with growing degree and shrinking radius (weighted least squares, outliers beyond 3 sigma
rejected). The degree is the one that predicts stars best that were not used in the fit (five-fold), so a frame with few
stars keeps its nominal distortion and gets a linear correction. The result is a TPV WCS in ICRS.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from awe.science import tpv
from awe.science.match import ANYWHERE, Bounds, Match, match, mutual_pairs
from awe.science.wcs import Wcs, as_matrix

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
FOLDS = 5
SOLVED, NO_COVERAGE, NO_MATCH, FEW_SOURCES = "solved", "outside coverage", "no match", "too few sources"
"""The outcomes of `solve`."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Reference stars.

    Parameters
    ----------
    ra, dec : float64 arrays (m,)
        ICRS degrees at `epoch`.
    magnitude : float64 array (m,)
        In any band; NaN for unknown.
    error : float64 array (m,), optional
        Standard error per axis, arcseconds; 0 where not given.
    pm_ra, pm_dec : float64 arrays (m,), optional
        Proper motions in mas per year, the first with cos(dec) in it; NaN counts as 0.
    epoch : float
        Julian year of the positions.
    """

    ra: Floats
    dec: Floats
    magnitude: Floats
    error: Floats | None = None
    pm_ra: Floats | None = None
    pm_dec: Floats | None = None
    epoch: float = 2000.0

    def at(self, epoch: float | None) -> tuple[Floats, Floats]:
        """Return right ascension and declination, degrees, moved to a Julian year; as they are for None."""
        ra, dec = np.asarray(self.ra, np.float64), np.asarray(self.dec, np.float64)
        if epoch is None or self.pm_ra is None or self.pm_dec is None:
            return ra, dec
        years = (epoch - self.epoch) / 3.6e6
        cos = np.maximum(np.cos(np.radians(dec)), 1e-6)
        return (np.mod(ra + np.nan_to_num(np.asarray(self.pm_ra, np.float64)) * years / cos, 360.0),
                dec + np.nan_to_num(np.asarray(self.pm_dec, np.float64)) * years)


@dataclass(frozen=True, eq=False)
class Solution:
    """An astrometric solution, or the reason why there is none.

    Parameters
    ----------
    status : str
        ``solved``, ``outside coverage``, ``no match`` or ``too few sources``.
    reason : str
        One line.
    wcs : Wcs
        The solution; the nominal WCS where there is none.
    n_matched : int
        Stars used in the fit.
    degree : int
        Of the polynomial; 1 is a linear correction of the nominal WCS.
    rms_ra, rms_dec : float
        Of the residuals of the stars used, arcseconds (reference minus solution; right ascension times cos(dec)).
    mean_ra, mean_dec : float
        Their means, arcseconds.
    holdout_rms : float
        Of stars predicted by fits without them, per axis, arcseconds.
    offset : (float, float)
        Displacement found at the middle of the frame, arcseconds east and north.
    rotation, scale, parity
        Degrees (position angle, north through east), relative scale and parity of the solution with respect to the
        nominal WCS.
    pairs : intp array (n, 2)
        Index of source and reference star of the stars used.
    residuals : float64 array (n, 2)
        Arcseconds, as rms_ra and rms_dec.
    log_chance : float
        log10 of the false matches expected; see `awe.science.match.Match`.
    """

    status: str
    reason: str
    wcs: Wcs
    n_matched: int = 0
    degree: int = 0
    rms_ra: float = math.nan
    rms_dec: float = math.nan
    mean_ra: float = math.nan
    mean_dec: float = math.nan
    holdout_rms: float = math.nan
    offset: tuple[float, float] = (math.nan, math.nan)
    rotation: float = math.nan
    scale: float = math.nan
    parity: int = 1
    pairs: Indices = field(default_factory=lambda: np.zeros((0, 2), np.intp))
    residuals: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    log_chance: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a solution."""
        return self.status == SOLVED


def solve(x: Floats, y: Floats, flux: Floats, wcs: Wcs, reference: Reference, *, shape: Sequence[int],
          error: Floats | None = None, degree: int = 3, epoch: float | None = None, bounds: Bounds = ANYWHERE,
          tolerance: float | None = None, least: int = 5, clip: float = 3.0) -> Solution:
    """Solve the astrometry of a frame.

    Parameters
    ----------
    x, y : float64 arrays (n,)
        0-based pixel positions of the sources.
    flux : float64 array (n,)
        Their fluxes; only the order matters.
    wcs : Wcs
        Nominal: from the header, or `Wcs.tangent` of a pointing and a pixel scale.
    reference : Reference
        Stars over the frame and around it.
    shape : (int, int)
        (ny, nx) of the frame.
    error : float64 array (n,), optional
        Standard error of the positions per axis, pixels.
    degree : int
        Largest degree of the polynomial, 1 to 5; lowered where the stars do not support it.
    epoch : float, optional
        Julian year of the exposure, for proper motions.
    bounds : Bounds
        How far the nominal WCS may be off (arcsec, degrees, relative scale, parities).
    tolerance : float, optional
        Largest distance of pairs in the blind match, arcseconds; by default 3 pixels, at least 1.5 arcseconds.
    least : int
        Fewer matched stars are no solution.
    clip : float
        Rejection in standard deviations.

    Returns
    -------
    Solution
        Never a guess: where the match is not significant its status is not ``solved`` and the WCS is the nominal one.
    """
    x, y, flux = (np.asarray(v, np.float64) for v in (x, y, flux))
    good = np.isfinite(x) & np.isfinite(y)
    if np.count_nonzero(good) < least:
        return Solution(FEW_SOURCES, f"too few sources: {np.count_nonzero(good)} on the frame, {least} are due", wcs)
    ra, dec = reference.at(epoch)
    around = _around(ra, dec, wcs, shape, bounds)
    if np.count_nonzero(around) < least:
        centre = wcs.centre(shape)
        return Solution(NO_COVERAGE, f"outside coverage: {np.count_nonzero(around)} reference stars near ra {centre[0]:.4f} "
                        f"dec {centre[1]:.4f}, {least} are due; ingest a reference catalogue that covers it", wcs)
    tolerance = max(3.0 * wcs.pixel_scale, 1.5) if tolerance is None else tolerance
    index = np.flatnonzero(around)
    found, pointed = _blind(x, y, flux, wcs, ra[index], dec[index], np.asarray(reference.magnitude)[index], bounds,
                            tolerance, least)
    if not found.ok:
        few = "too few" in found.reason
        return Solution(FEW_SOURCES if few else NO_MATCH, found.reason, wcs, log_chance=found.log_chance)
    noise = np.zeros(len(x)) if error is None else np.nan_to_num(np.asarray(error, np.float64), nan=0.0) * wcs.pixel_scale
    stars = _Stars(x, y, noise, ra[index], dec[index],
                   np.zeros(len(index)) if reference.error is None else np.asarray(reference.error, np.float64)[index])
    return _refined(stars, pointed, wcs, found, index, shape, degree, tolerance, least, clip)


@dataclass(frozen=True, eq=False)
class _Stars:
    """Sources (pixels, error in arcsec) and reference stars (degrees, error in arcsec)."""

    x: Floats
    y: Floats
    noise: Floats
    ra: Floats
    dec: Floats
    error: Floats


def _around(ra: Floats, dec: Floats, wcs: Wcs, shape: Sequence[int], bounds: Bounds) -> NDArray[np.bool_]:
    """Return which reference stars can be on the frame."""
    border = wcs.footprint(shape, per_side=2)
    centre = wcs.centre(shape)
    size = max(_separation(border[:, 0], border[:, 1], *centre)) * (1 + bounds.scale)
    return np.asarray(_separation(ra, dec, *centre) <= size + bounds.offset / 3600.0)


def _separation(ra: Floats, dec: Floats, ra0: float, dec0: float) -> Floats:
    a, d = np.radians(ra - ra0) / 2.0, np.radians(dec - dec0) / 2.0
    h = np.sin(d) ** 2 + np.cos(np.radians(dec)) * math.cos(math.radians(dec0)) * np.sin(a) ** 2
    return np.asarray(2.0 * np.degrees(np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0)))))


def _blind(x: Floats, y: Floats, flux: Floats, wcs: Wcs, ra: Floats, dec: Floats, magnitude: Floats,
           bounds: Bounds, tolerance: float, least: int) -> tuple[Match, Wcs]:
    """Return the blind match and the nominal WCS corrected by its similarity, with the tangent point moved along."""
    source = np.column_stack(wcs.pixel_to_plane(x, y)) * 3600.0
    target = np.column_stack(tpv.project(ra, dec, *wcs.crval)) * 3600.0
    found = match(source, flux, target, magnitude, bounds=bounds, tolerance=tolerance, least=least)
    return found, (_corrected(wcs, found.matrix, found.shift / 3600.0) if found.ok else wcs)


def _corrected(wcs: Wcs, matrix: Floats, shift: Floats) -> Wcs:
    """Return the WCS whose plane coordinates are ``matrix @ old + shift`` (degrees), on a tangent point moved along.

    The linear part is exact; the tangent point follows the shift, which removes all but the second order of the
    difference between the two tangent planes.
    """
    if not (wcs.pv1 or wcs.pv2):
        cd = matrix @ np.array(wcs.cd)
        moved = replace(wcs, cd=as_matrix(cd))
    else:
        moved = _mixed(wcs, matrix)
    ra, dec = tpv.deproject(shift[0], shift[1], *wcs.crval)
    # north at the new tangent point is turned against the north of the old plane
    rho = 1e-3
    xi, eta = tpv.project(*tpv.deproject(0.0, rho, float(ra), float(dec)), *wcs.crval)
    angle = math.degrees(math.atan2(float(xi) - shift[0], float(eta) - shift[1]))
    moved = replace(moved, crval=(float(ra) % 360.0, float(dec)))
    if moved.pv1 or moved.pv2:
        pv1, pv2 = tpv.rotate(moved.pv1, moved.pv2, -angle)
        return replace(moved, pv1=pv1, pv2=pv2)
    return replace(moved, cd=as_matrix(tpv.turn(-angle) @ np.array(moved.cd)))


def _mixed(wcs: Wcs, matrix: Floats, shift: Floats | None = None) -> Wcs:
    """Return the WCS with PV polynomials replaced by ``matrix @ polynomials + shift``; exact."""
    pv1, pv2 = tpv.mix(wcs.pv1, wcs.pv2, matrix, shift)
    return replace(wcs, pv1=pv1, pv2=pv2)


def _refined(stars: _Stars, pointed: Wcs, nominal: Wcs, found: Match, index: Indices, shape: Sequence[int], degree: int,
             tolerance: float, least: int, clip: float) -> Solution:
    """Grow the degree, shrink the radius, choose by stars held out."""
    wcs, radius = pointed, 2.0 * tolerance
    best, best_rms = None, math.inf
    for wanted in range(1, min(degree, 5) + 1):
        chosen = _Model(pointed, wanted)
        pairs = np.zeros((0, 2), np.intp)
        for _ in range(4):
            pairs = _pairs(stars, wcs, radius)
            if len(pairs) < max(least, 2 * chosen.terms if wanted > 1 else least):
                break
            pairs, wcs = _clipped(stars, pairs, chosen, clip)
            scatter = _scatter(stars, pairs, wcs)
            radius = min(radius, max(5.0 * scatter, 0.7 * nominal.pixel_scale, 0.1))
        if len(pairs) < max(least, 2 * chosen.terms if wanted > 1 else least):
            break
        rms = _holdout(stars, pairs, chosen)
        if best is None or rms < 0.99 * best_rms:
            best, best_rms = (wcs, pairs, wanted), rms
        wcs = best[0]
    if best is None:
        return Solution(NO_MATCH, f"no match: the blind match ({found.reason}) did not survive the fit", nominal,
                        log_chance=found.log_chance)
    return _solution(stars, *best, best_rms, nominal, found, index, shape)


@dataclass(frozen=True)
class _Model:
    """What is fitted: degree 1 corrects the pointed WCS linearly, higher ones are polynomials of the pixels."""

    start: Wcs
    degree: int

    @property
    def terms(self) -> int:
        """Coefficients per axis."""
        return (self.degree + 1) * (self.degree + 2) // 2

    def fit(self, x: Floats, y: Floats, ra: Floats, dec: Floats, weight: Floats) -> Wcs:
        """Return the WCS that carries the pixels to the sky best."""
        start = self.start
        xi, eta = tpv.project(ra, dec, *start.crval)
        if self.degree == 1:
            u, v = start.pixel_to_plane(x, y)
            design = np.column_stack([np.ones_like(u), u, v]) * weight[:, None]
            cx, cy = (np.linalg.lstsq(design, t * weight, rcond=None)[0] for t in (xi, eta))
            return _corrected_exactly(start, np.array([cx[1:], cy[1:]]), np.array([cx[0], cy[0]]))
        (a, b), (c, d) = start.cd
        dx, dy = x - start.crpix[0], y - start.crpix[1]
        pv1, pv2 = tpv.fit(a * dx + b * dy, c * dx + d * dy, xi, eta, self.degree, weight)
        return replace(start, pv1=pv1, pv2=pv2)


def _corrected_exactly(wcs: Wcs, matrix: Floats, shift: Floats) -> Wcs:
    """Return the WCS whose plane coordinates are ``matrix @ old + shift`` with the same tangent point."""
    if wcs.pv1 or wcs.pv2:
        return _mixed(wcs, matrix, shift)
    cd = matrix @ np.array(wcs.cd)
    step = np.linalg.solve(cd, shift)
    return replace(wcs, cd=as_matrix(cd), crpix=(wcs.crpix[0] - float(step[0]), wcs.crpix[1] - float(step[1])))


def _pairs(stars: _Stars, wcs: Wcs, radius: float) -> Indices:
    ra, dec = wcs.pixel_to_sky(stars.x, stars.y)
    a = np.column_stack(tpv.project(ra, dec, *wcs.crval)) * 3600.0
    b = np.column_stack(tpv.project(stars.ra, stars.dec, *wcs.crval)) * 3600.0
    inside = np.flatnonzero(np.isfinite(b).all(axis=1))
    pairs = mutual_pairs(a, b[inside], radius)
    pairs[:, 1] = inside[pairs[:, 1]]
    return pairs


def _residuals(stars: _Stars, pairs: Indices, wcs: Wcs) -> Floats:
    """Return reference minus solution, arcseconds east and north."""
    ra, dec = wcs.pixel_to_sky(stars.x[pairs[:, 0]], stars.y[pairs[:, 0]])
    dra = (stars.ra[pairs[:, 1]] - ra + 180.0) % 360.0 - 180.0
    return np.column_stack([dra * np.cos(np.radians(dec)), stars.dec[pairs[:, 1]] - dec]) * 3600.0


def _scatter(stars: _Stars, pairs: Indices, wcs: Wcs) -> float:
    """Return a robust standard deviation per axis."""
    residuals = _residuals(stars, pairs, wcs)
    return 1.4826 * float(np.median(np.abs(residuals))) if len(pairs) else math.inf


def _weights(stars: _Stars, pairs: Indices, floor: float) -> Floats:
    """Return one over the standard error per axis, with a floor (arcseconds) that no formal error undercuts."""
    return 1.0 / np.sqrt(stars.noise[pairs[:, 0]] ** 2 + stars.error[pairs[:, 1]] ** 2 + floor ** 2)


def _clipped(stars: _Stars, pairs: Indices, model: _Model, clip: float) -> tuple[Indices, Wcs]:
    """Fit, reject beyond `clip` scaled standard errors, until nothing changes."""
    floor = 0.03 * model.start.pixel_scale
    kept, wcs = pairs, model.start
    for _ in range(10):
        weight = _weights(stars, kept, floor)
        wcs = model.fit(stars.x[kept[:, 0]], stars.y[kept[:, 0]], stars.ra[kept[:, 1]], stars.dec[kept[:, 1]], weight)
        pulls = np.abs(_residuals(stars, pairs, wcs)) * _weights(stars, pairs, floor)[:, None]
        inside = np.isin(pairs[:, 0], kept[:, 0])
        scale = max(1.4826 * float(np.median(pulls[inside])), 0.5)
        again = pairs[(pulls <= clip * scale).all(axis=1)]
        if len(again) < max(model.terms, 4) or np.array_equal(again, kept):
            break
        kept = again
    return kept, wcs


def _holdout(stars: _Stars, pairs: Indices, model: _Model) -> float:
    """Return the rms per axis, arcseconds, of stars predicted by fits that did not use them; robust."""
    if len(pairs) < model.terms + FOLDS:
        return math.inf if model.degree > 1 else _scatter(stars, pairs, model.start)
    weight = _weights(stars, pairs, 0.03 * model.start.pixel_scale)
    fold = np.arange(len(pairs)) % FOLDS
    residuals = np.zeros((len(pairs), 2))
    for k in range(FOLDS):
        use, test = pairs[fold != k], pairs[fold == k]
        wcs = model.fit(stars.x[use[:, 0]], stars.y[use[:, 0]], stars.ra[use[:, 1]], stars.dec[use[:, 1]],
                        weight[fold != k])
        residuals[fold == k] = _residuals(stars, test, wcs)
    scaled = residuals * weight[:, None]
    return float(np.sqrt(np.mean(np.clip(scaled, -10, 10) ** 2)) * np.sqrt(np.mean(weight ** -2.0)))


def _solution(stars: _Stars, wcs: Wcs, pairs: Indices, degree: int, holdout: float, nominal: Wcs, found: Match,
              index: Indices, shape: Sequence[int]) -> Solution:
    residuals = _residuals(stars, pairs, wcs)
    rms, mean = np.sqrt(np.mean(residuals ** 2, axis=0)), residuals.mean(axis=0)
    old, new = nominal.centre(shape), wcs.centre(shape)
    east = ((new[0] - old[0] + 180.0) % 360.0 - 180.0) * math.cos(math.radians(old[1])) * 3600.0
    out = np.column_stack([pairs[:, 0], index[pairs[:, 1]]])
    return Solution(SOLVED, f"{len(pairs)} stars, degree {degree}, rms {rms[0]:.3f} and {rms[1]:.3f} arcsec; {found.reason}",
                    wcs, len(pairs), degree, float(rms[0]), float(rms[1]), float(mean[0]), float(mean[1]), holdout,
                    (east, (new[1] - old[1]) * 3600.0), -found.rotation, found.scale, found.parity, out, residuals,
                    found.log_chance)
