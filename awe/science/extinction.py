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


def from_fields(raw: Floats, error: Floats, airmass: Floats, *, group: NDArray[np.intp] | None = None, clip: float = 4.0) -> Extinction:
    """Fit a straight line to raw zero points at differing airmass.

    Parameters
    ----------
    raw, error, airmass : float64 arrays (n,)
        Raw zero points of stars or of fields (mag), standard errors, and airmasses; what is not finite is left out.
    group : intp array (n,), optional
        From 0: which detector each is of. Each has a line of its own, all with one slope; a detector with a single one tells nothing.
        The zero point is then the mean of theirs.
    clip : float
        Rejection in standard deviations about the line, the worst first.

    Returns
    -------
    Extinction
        None where fewer than two are left or airmasses span less than `LEAST_SPAN`. Errors grow with the scatter where that is larger
        than they say.
    """
    raw, error, airmass = (np.asarray(values, np.float64) for values in (raw, error, airmass))
    group = np.zeros(len(raw), np.intp) if group is None else np.asarray(group, np.intp)
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
        chi2 = float(np.sum(pulls**2)) / max(number - len(solution), 1)
        worst = int(np.argmax(np.abs(pulls)))
        if number <= 3 or abs(pulls[worst]) <= clip * max(1.0, 1.4826 * float(np.median(np.abs(pulls[good])))):
            break
        good[worst] = False
    share = np.append(np.full(len(detectors), 1.0 / len(detectors)), 0.0)
    spread, mean_spread = np.sqrt(np.array([covariance[-1, -1], share @ covariance @ share]) * max(chi2, 1.0))
    return Extinction(float(solution[-1]), float(spread), float(share @ solution), float(mean_spread), number,
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


def transformation(target: Floats, primary: Floats, secondary: Floats, tertiary: Floats, *, clip: float = 3.0,
                   least: int = 5) -> Transformation | None:
    """Fit a transformation between bands to stars with magnitudes in all of them; None where there are fewer than `least`."""
    offset = np.asarray(target, np.float64) - primary
    colour = np.asarray(secondary, np.float64) - tertiary
    good = np.isfinite(offset) & np.isfinite(colour)
    for _ in range(10):
        number = int(np.count_nonzero(good))
        if number < least or float(np.ptp(colour[good])) <= 0.0:
            return None
        middle = float(colour[good].mean())
        design = np.column_stack([np.ones(number), -(colour[good] - middle)])
        covariance = np.linalg.inv(design.T @ design)
        solution = covariance @ (design.T @ offset[good])
        residual = np.where(np.isfinite(offset + colour), offset - solution[0] + solution[1] * (colour - middle), np.inf)
        scatter = 1.4826 * float(np.median(np.abs(residual[good])))
        keep = np.abs(residual) <= clip * max(scatter, 1e-4)
        if np.array_equal(keep, good):
            break
        good = keep
    errors = np.sqrt(np.diag(covariance)) * max(float(np.std(residual[good], ddof=min(2, number - 1))), 1e-12)
    return Transformation(float(solution[1]), float(errors[1]), float(solution[0] + solution[1] * middle),
                          math.hypot(float(errors[0]), float(errors[1]) * middle), scatter, number,
                          (float(colour[good].min()), float(colour[good].max())))
