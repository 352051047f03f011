"""562 and 565: extinction of the atmosphere by four methods, and transformations between bands.

With instrumental magnitudes of counts per second, m = ZP + instrumental + c (colour - colour0) - k X, so that a raw zero point, magnitude
less instrumental magnitude, is ZP - k X at the airmass X. The four methods are those of Astro-WISE: two fields of standards at different
airmass, a standing coefficient, one field with a known zero point, and a standard curve scaled by the night's report.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe.science.spread import clustered, few, student

Floats = NDArray[np.float64]

LEAST_SPAN = 0.2
"""Airmasses that differ by less tell no extinction."""


@dataclass(frozen=True)
class Extinction:
    """An extinction coefficient in magnitudes per airmass, its standard error, the zero point above the atmosphere where it was fitted.

    `value` is NaN, with a reason, where there is none.
    """

    value: float
    error: float
    zero_point: float
    zero_point_error: float
    n: int
    reason: str

    @property
    def ok(self) -> bool:
        """Whether there is a coefficient."""
        return math.isfinite(self.value)


def from_fields(raw: Floats, error: Floats, airmass: Floats, *, group: NDArray[np.intp] | None = None,
                exposure: NDArray[np.intp] | None = None, clip: float = 4.0) -> Extinction:
    """Fit a straight line to raw zero points at differing airmass.

    Parameters
    ----------
    raw, error, airmass : float64 arrays (n,)
        Raw zero points of stars or of fields (mag), standard errors, and airmasses; what is not finite is left out.
    group : intp array (n,), optional
        From 0: which detector each is of. Each has a line of its own, all with one slope; a detector with a single one tells nothing.
        The zero point is then the mean of theirs.
    exposure : intp array (n,), optional
        From 0: which are of one exposure, and share what the air did during it.
    clip : float
        Rejection in standard deviations about the line, the worst first; further for few values.

    Returns
    -------
    Extinction
        None where fewer than two are left or airmasses span less than `LEAST_SPAN`. Errors grow with the scatter, also of exposures,
        where that is larger than they say; measured on few, so that they hold 68 %.
    """
    raw, error, airmass = (np.asarray(values, np.float64) for values in (raw, error, airmass))
    group = np.zeros(len(raw), np.intp) if group is None else np.asarray(group, np.intp)
    exposure = np.arange(len(raw)) if exposure is None else np.asarray(exposure, np.intp)
    good = np.isfinite(raw) & np.isfinite(airmass) & np.isfinite(error) & (error > 0) & (airmass >= 1.0)
    while True:
        number = int(np.count_nonzero(good))
        detectors, place = np.unique(group[good], return_inverse=True)
        span = max((float(np.ptp(airmass[good & (group == one)])) for one in detectors), default=0.0)
        if number < 2 or span < LEAST_SPAN:
            return _none(f"no extinction: {number} raw zero points over {span:.2f} airmass, 2 over {LEAST_SPAN:g} are due")
        design = np.column_stack([np.eye(len(detectors))[place], -airmass[good]])
        weighted = design / error[good, None]
        covariance = np.linalg.inv(weighted.T @ weighted)
        solution = covariance @ (weighted.T @ (raw[good] / error[good]))
        pulls = np.zeros(len(raw))
        pulls[good] = (raw[good] - design @ solution) / error[good]
        freedom = max(number - len(solution), 1)
        worst, width = int(np.argmax(np.abs(pulls))), 1.4826 * float(np.median(np.abs(pulls[good]))) * math.sqrt(number / freedom)
        if number <= 3 or abs(pulls[worst]) <= max(clip, student(clip, freedom) * width):
            break
        good[worst] = False
    share = np.append(np.full(len(detectors), 1.0 / len(detectors)), 0.0)
    chi2 = float(np.sum(pulls**2)) / freedom
    together = len(np.unique(exposure[good])) - 2
    spreads = [covariance, covariance * chi2 * few(freedom) ** 2]
    if together > 0:
        spreads.append(clustered(weighted, pulls[good], exposure[good]) * few(together) ** 2)
    spread, mean_spread = (math.sqrt(max(float(which @ one @ which) for one in spreads)) for which in (np.eye(len(solution))[-1], share))
    return Extinction(float(solution[-1]), spread, float(share @ solution), mean_spread, number,
                      f"{number} raw zero points over {span:.2f} airmass")


def standing(value: float, error: float) -> Extinction:
    """Return a default coefficient, as one of the others."""
    return Extinction(value, error, math.nan, math.nan, 0, "a standing coefficient")


def from_known_zero_point(raw: float, raw_error: float, airmass: float, zero_point: float, zero_point_error: float) -> Extinction:
    """Return the coefficient that explains one field's raw zero point by a zero point known above the atmosphere."""
    if not (math.isfinite(raw + zero_point) and airmass >= 1.0):
        return _none(f"no extinction: a raw zero point of {raw:g} at airmass {airmass:g} and one of {zero_point:g} above the atmosphere")
    return Extinction((zero_point - raw) / airmass, math.hypot(raw_error, zero_point_error) / airmass, zero_point, zero_point_error, 1,
                      "one field with a known zero point")


def from_report(wavelengths: Floats, curve: Floats, wanted: float, reported_at: float, reported: float, error: float) -> Extinction:
    """Scale a standard curve so that it goes through a night's report, and read it at another wavelength.

    Parameters
    ----------
    wavelengths, curve : float64 arrays (m,)
        The standard curve (any one unit of wavelength, ascending; mag per airmass).
    wanted, reported_at : float
        Wavelengths that are asked for, and of the report.
    reported, error : float
        The report, and its standard error.
    """
    inside = wavelengths[0] <= min(wanted, reported_at) and max(wanted, reported_at) <= wavelengths[-1]
    at_report = float(np.interp(reported_at, wavelengths, curve))
    if not inside or at_report <= 0:
        return _none(f"no extinction: the curve from {wavelengths[0]:g} to {wavelengths[-1]:g} lacks {wanted:g} or {reported_at:g}")
    factor = float(np.interp(wanted, wavelengths, curve)) / at_report
    return Extinction(reported * factor, error * factor, math.nan, math.nan, 0, "a standard curve, scaled by the night's report")


def _none(reason: str) -> Extinction:
    return Extinction(math.nan, math.nan, math.nan, math.nan, 0, reason)


@dataclass(frozen=True)
class Transformation:
    """M(target) = M(primary) - term (M(secondary) - M(tertiary)) + constant, with errors, and the colours it was fitted on."""

    term: float
    term_error: float
    constant: float
    constant_error: float
    scatter: float
    n: int
    colours: tuple[float, float]

    def apply(self, primary: Floats, secondary: Floats, tertiary: Floats) -> Floats:
        """Return magnitudes in the target band; NaN where the colour is beyond those that it was fitted on."""
        colour = np.asarray(secondary, np.float64) - np.asarray(tertiary, np.float64)
        known = (colour >= self.colours[0]) & (colour <= self.colours[1])
        return np.asarray(np.where(known, primary - self.term * colour + self.constant, np.nan), np.float64)


def transformation(target: Floats, primary: Floats, secondary: Floats, tertiary: Floats, *, clip: float = 3.0, least: int = 5,
                   frame: NDArray[np.intp] | None = None, star: NDArray[np.intp] | None = None) -> Transformation | None:
    """Fit a transformation between bands to stars with magnitudes in all of them.

    Parameters
    ----------
    target, primary, secondary, tertiary : float64 arrays (n,)
        Magnitudes.
    clip : float
        Rejection in standard deviations about the line; further for few stars.
    least : int
        Fewest stars.
    frame : intp array (n,), optional
        From 0: which share a constant that was fitted to them, so that only differences within one tell the term.
    star : intp array (n,), optional
        From 0: which are of one star, and share the errors of its magnitudes in the catalogue.

    Returns
    -------
    Transformation or None
        None where fewer than `least` are left, or all are of one colour. Errors are those of the scatter, by the residuals of stars where
        these scatter more than single values tell; where few tell it, so that they hold 68 %.
    """
    offset = np.asarray(target, np.float64) - primary
    colour = np.asarray(secondary, np.float64) - tertiary
    frame = np.zeros(len(offset), np.intp) if frame is None else np.asarray(frame, np.intp)
    star = np.arange(len(offset)) if star is None else np.asarray(star, np.intp)
    known = np.isfinite(offset) & np.isfinite(colour)
    good = known.copy()
    for _ in range(10):
        number = int(np.count_nonzero(good))
        freedom = max(number - len(np.unique(frame[good])) - 1, 1)
        x = colour - _means(colour, frame, good)
        square = float(np.sum(x[good] ** 2))
        if number < least or not square > 0.0:
            return None
        slope = float(np.sum(x[good] * (offset - _means(offset, frame, good))[good])) / square
        middle = float(colour[good].mean())
        level = offset - slope * colour
        constant = float(level[good].mean())
        residual = np.where(known, level - _means(level, frame, good), np.inf)
        residual[~np.isfinite(residual)] = np.inf
        scatter = 1.4826 * float(np.median(np.abs(residual[good])))
        keep = np.abs(residual) <= student(clip, freedom) * max(scatter * math.sqrt(number / freedom), 1e-4)
        if np.array_equal(keep, good):
            break
        good = keep
    variance = max(float(np.sum(residual[good] ** 2)) / freedom, 1e-24)
    spreads = [variance / square * few(freedom) ** 2]
    together = len(np.unique(star[good])) - 2
    if together > 0:
        grown = number / freedom if together < number - 2 else 1.0
        spreads.append(float(clustered(x[good, None], residual[good], star[good])[0, 0]) * grown * few(together) ** 2)
    error = math.sqrt(max(spreads))
    return Transformation(-slope, error, constant, math.hypot(math.sqrt(variance / number), error * middle), scatter, number,
                          (float(colour[good].min()), float(colour[good].max())))


def _means(values: Floats, frame: NDArray[np.intp], good: NDArray[np.bool_]) -> Floats:
    """Return for each value the mean of the good ones of its frame; NaN where there is none."""
    number = np.bincount(frame[good], minlength=int(frame.max(initial=-1)) + 1)
    total = np.bincount(frame[good], values[good], minlength=len(number))
    return np.asarray(np.divide(total, number, out=np.full(len(number), np.nan), where=number > 0)[frame], np.float64)
