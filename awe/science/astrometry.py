"""The astrometric solution of one frame against a reference list.

Sources and reference stars are laid on a common tangent plane by the nominal WCS, matched blindly (`awe.science.match`),
and a polynomial is fitted with growing degree and shrinking radius (weighted least squares, outliers beyond 3 sigma
rejected). The degree is the one that predicts stars best that were not used in the fit (five-fold), so a frame with few
stars keeps its nominal distortion and gets a linear correction. The result is a TPV WCS in ICRS.

A solution is believed where the pairs of the blind match are more than chance makes, where those of the fit are too, and
where they are spread over the frame as sources and reference stars are.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from awe.science import tpv
from awe.science.match import ANYWHERE, Bounds, Match, log10_poisson_tail, match
from awe.science.platefit import Plate, Stars, terms
from awe.science.referencestars import Reference
from awe.science.solution import FEW_SOURCES, NO_COVERAGE, NO_MATCH, SOLVED, Solution
from awe.science.wcs import Wcs, as_matrix

__all__ = ["FEW_SOURCES", "NO_COVERAGE", "NO_MATCH", "SOLVED", "Reference", "Solution", "field_radius", "solve"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]
DOUBTFUL = 0.3
"""Pixels that are added to the error of positions of which something is known to be wrong."""
CHANCE = -3.0
"""log10 of the pairs as many by chance at which those of the fit are still believed."""
CELLS = 3
"""The frame is looked at in so many parts along each axis."""
COVERED = 0.5
"""Stars must be matched in this part of the frame."""


def solve(x: Floats, y: Floats, flux: Floats, wcs: Wcs, reference: Reference, *, shape: Sequence[int],
          error: Floats | None = None, doubtful: Bools | None = None, degree: int = 3, epoch: float | None = None,
          bounds: Bounds = ANYWHERE, tolerance: float | None = None, least: int = 5, clip: float = 3.0) -> Solution:
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
    doubtful : bool array (n,), optional
        Sources that serve for the match, and hardly for the fit: saturated, blended or at the border.
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
    found, pointed = _blind(x, y, flux, wcs, ra[index], dec[index], np.asarray(reference.magnitude)[index], shape,
                            bounds, tolerance, least)
    if not found.ok:
        few = "too few" in found.reason
        return Solution(FEW_SOURCES if few else NO_MATCH, found.reason, wcs, log_chance=found.log_chance)
    noise = np.zeros(len(x)) if error is None else np.nan_to_num(np.asarray(error, np.float64), nan=0.0) * wcs.pixel_scale
    bad = np.zeros(len(x), bool) if doubtful is None else np.asarray(doubtful, bool)
    stars = Stars(x, y, np.where(bad, np.hypot(noise, DOUBTFUL * wcs.pixel_scale), noise), ra[index], dec[index],
                  np.zeros(len(index)) if reference.error is None else np.nan_to_num(np.asarray(reference.error, np.float64))[index])
    plate = Plate(stars, pointed, min(degree, 5))
    fitted = _refined(plate, wcs, degree, tolerance, least, clip)
    if fitted is None:
        return Solution(NO_MATCH, f"no match: the blind match ({found.reason}) did not survive the fit", wcs, log_chance=found.log_chance)
    return _judged(plate, *fitted, wcs, found, index, shape, bad)


def field_radius(wcs: Wcs, shape: Sequence[int]) -> float:
    """Return the largest distance of the border of a frame from its middle, degrees."""
    border = wcs.footprint(shape, per_side=2)
    return float(np.max(_separation(border[:, 0], border[:, 1], *wcs.centre(shape))))


def _around(ra: Floats, dec: Floats, wcs: Wcs, shape: Sequence[int], bounds: Bounds) -> Bools:
    """Return which reference stars can be on the frame."""
    return np.asarray(_separation(ra, dec, *wcs.centre(shape)) <= field_radius(wcs, shape) * (1 + bounds.scale) + bounds.offset / 3600.0)


def _separation(ra: Floats, dec: Floats, ra0: float, dec0: float) -> Floats:
    a, d = np.radians(ra - ra0) / 2.0, np.radians(dec - dec0) / 2.0
    h = np.sin(d) ** 2 + np.cos(np.radians(dec)) * math.cos(math.radians(dec0)) * np.sin(a) ** 2
    return np.asarray(2.0 * np.degrees(np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0)))))


def _blind(x: Floats, y: Floats, flux: Floats, wcs: Wcs, ra: Floats, dec: Floats, magnitude: Floats,
           shape: Sequence[int], bounds: Bounds, tolerance: float, least: int) -> tuple[Match, Wcs]:
    """Return the blind match and the nominal WCS corrected by its similarity, with the tangent point moved along."""
    source = np.column_stack(wcs.pixel_to_plane(x, y)) * 3600.0
    target = np.column_stack(tpv.project(ra, dec, *wcs.crval)) * 3600.0
    east, north = wcs.pixel_to_plane((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    found = match(source, flux, target, magnitude, bounds=bounds, middle=(3600.0 * float(east), 3600.0 * float(north)),
                  tolerance=tolerance, least=least)
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
        pv1, pv2 = tpv.mix(wcs.pv1, wcs.pv2, matrix)
        moved = replace(wcs, pv1=pv1, pv2=pv2)
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


def _refined(plate: Plate, nominal: Wcs, degree: int, tolerance: float, least: int,
             clip: float) -> tuple[Floats, Indices, int, float, float] | None:
    """Grow the degree, shrink the radius, choose by stars held out: coefficients, pairs, degree, their rms, last radius."""
    radius, predicted = 2.0 * tolerance, plate.nominal
    best: tuple[Floats, Indices, int, float, float] | None = None
    for wanted in range(1, min(degree, 5) + 1):
        due = max(least, 4 * terms(wanted)) if wanted > 1 else least
        pairs, coefficients = np.zeros((0, 2), np.intp), np.zeros((0, 2))
        for _ in range(4 if wanted == 1 else 2):
            before, pairs = pairs, plate.pairs(predicted, radius)
            if len(pairs) < due:
                break
            pairs, coefficients = plate.clipped(wanted, pairs, clip)
            predicted = plate.predicted(wanted, coefficients)
            scatter = 1.4826 * float(np.median(np.abs(plate.residuals(wanted, pairs, coefficients))))
            radius = min(radius, max(5.0 * scatter, 0.7 * nominal.pixel_scale, 0.1))
            if np.array_equal(before, pairs):
                break
        if len(pairs) < due:
            break
        rms = plate.holdout(wanted, pairs) if wanted > 1 or len(pairs) >= terms(1) + 5 else scatter
        if best is None or rms < 0.99 * best[3]:
            best = coefficients, pairs, wanted, rms, radius
        predicted = plate.predicted(best[2], best[0])
    return best


def _judged(plate: Plate, coefficients: Floats, pairs: Indices, degree: int, holdout: float, radius: float, nominal: Wcs,
            found: Match, index: Indices, shape: Sequence[int], doubtful: Bools) -> Solution:
    """Return the solution where its pairs are more than chance makes and are spread over the frame; else why not."""
    wcs = plate.wcs(degree, coefficients)
    possible, matched = _counts(plate, wcs, pairs, shape)
    coverage = _coverage(possible, matched)
    chance = _log_chance(plate, wcs, pairs, radius, shape)
    if chance > CHANCE:
        return Solution(NO_MATCH, f"no match: {len(pairs)} stars agree within {radius:.2f} arcsec, as many as chance would have it; "
                        "a wrong pointing, scale or catalogue?", nominal, log_chance=found.log_chance, coverage=coverage)
    if coverage < COVERED:
        return Solution(NO_MATCH, f"no match: the {len(pairs)} stars that agree cover {100 * coverage:.0f} % of the frame, "
                        f"{100 * COVERED:.0f} % are due; a wrong distortion, scale or catalogue?", nominal,
                        log_chance=found.log_chance, coverage=coverage)
    residuals = _residuals(plate.stars, pairs, wcs)
    rms, mean = np.sqrt(np.mean(residuals ** 2, axis=0)), residuals.mean(axis=0)
    old, new = nominal.centre(shape), wcs.centre(shape)
    east = ((new[0] - old[0] + 180.0) % 360.0 - 180.0) * math.cos(math.radians(old[1])) * 3600.0
    out = np.column_stack([pairs[:, 0], index[pairs[:, 1]]])
    return Solution(SOLVED, f"{len(pairs)} stars, degree {degree}, rms {rms[0]:.3f} and {rms[1]:.3f} arcsec; {found.reason}",
                    wcs, len(pairs), degree, float(rms[0]), float(rms[1]), float(mean[0]), float(mean[1]), holdout,
                    (east, (new[1] - old[1]) * 3600.0), -found.rotation, found.scale, found.parity, out, residuals,
                    found.log_chance, int(np.count_nonzero(~doubtful[pairs[:, 0]])), coverage)


def _counts(plate: Plate, wcs: Wcs, pairs: Indices, shape: Sequence[int]) -> tuple[Floats, Floats]:
    """Return, of each part of the frame, how many stars could be matched there (sources or reference stars) and how many were."""
    stars = plate.stars
    x, y = wcs.sky_to_pixel(stars.ra, stars.dec)
    sources, references = _per_cell(stars.x, stars.y, shape), _per_cell(x, y, shape)
    return np.minimum(sources, references), _per_cell(stars.x[pairs[:, 0]], stars.y[pairs[:, 0]], shape)


def _per_cell(x: Floats, y: Floats, shape: Sequence[int]) -> Floats:
    """Return how many positions fall into each of the parts of a frame."""
    column, row = (np.floor((v + 0.5) * CELLS / n) for v, n in ((x, shape[1]), (y, shape[0])))
    inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS)
    cell = (row[inside] * CELLS + column[inside]).astype(np.intp)
    return np.bincount(cell, minlength=CELLS * CELLS).astype(np.float64)


def _coverage(possible: Floats, matched: Floats) -> float:
    """Return the part of the frame where stars were matched at least a quarter as often as where most were, less 2 sigma."""
    total = float(possible.sum())
    rich = possible >= min(5.0, float(possible.max(initial=0.0)))
    if not total:
        return 0.0
    expected = possible * float(np.quantile(matched[rich] / possible[rich], 0.8, method="higher"))
    fine = (matched >= 0.25 * expected - 2.0 * np.sqrt(0.25 * expected)) & ((matched > 0) | (expected < 5.0))
    return float(possible[fine].sum()) / total


def _log_chance(plate: Plate, wcs: Wcs, pairs: Indices, radius: float, shape: Sequence[int]) -> float:
    """Return log10 of the chance that as many unrelated stars agree within the last radius, given what the fit can adapt."""
    stars = plate.stars
    x, y = wcs.sky_to_pixel(stars.ra, stars.dec)
    on = (x > -0.5) & (x < shape[1] - 0.5) & (y > -0.5) & (y < shape[0] - 0.5)
    pixels = math.pi * (radius / wcs.pixel_scale) ** 2
    sources, references = _per_cell(stars.x, stars.y, shape), _per_cell(x[on], y[on], shape)
    area = float(shape[0] * shape[1]) / len(sources)
    expected = float(np.sum(sources * np.minimum(references * pixels / area, 1.0)))
    free = max(len(pairs) - 2, 0)
    return log10_poisson_tail(free, max(expected, 0.01))


def _residuals(stars: Stars, pairs: Indices, wcs: Wcs) -> Floats:
    """Return reference minus solution, arcseconds east and north."""
    ra, dec = wcs.pixel_to_sky(stars.x[pairs[:, 0]], stars.y[pairs[:, 0]])
    dra = (stars.ra[pairs[:, 1]] - ra + 180.0) % 360.0 - 180.0
    return np.column_stack([dra * np.cos(np.radians(dec)), stars.dec[pairs[:, 1]] - dec]) * 3600.0
