"""Zero points, the curve of growth, and what flux a zero point refers to.

Fluxes are brought to *total* fluxes: a circular aperture of some 1.5 FWHM times a correction from the curve of growth
of stars out to 5 FWHM (`growth`, `total_flux`). The light beyond is a fixed part of the whole for a given shape of the
PSF, whatever the seeing, and is absorbed by the zero point. Zero points follow

    m = ZP - 2.5 log10(counts / s) + c (colour - colour0) - k X

(Astro-WISE's convention): ZP is quoted at airmass 0 where the extinction k is applied, else it includes the atmosphere.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from awe.science import psf
from awe.science.spread import few, student

Floats = NDArray[np.float64]
RADII_FWHM: tuple[float, ...] = (0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
"""Radii of apertures for the curve of growth, in units of the FWHM."""
MAIN_APERTURE = 2
"""Place of the aperture in `RADII_FWHM` (1.5 FWHM) that total fluxes are made from."""
TYPICAL_FRACTION = 0.88
"""Part of the flux in the main aperture where no star tells: that of a Moffat profile with beta = 2.5."""
LINE = 6
"""Fewer stars do not make a line of contamination against faintness; their median has to do."""
ALIKE = 1e-3
"""How alike the ratios of two apertures of equal stars are at best, as pixels are finite."""
BRIGHTEST = 60
"""So many stars tell how alike the stars are: with 30 the figure changes by half from field to field, and fainter ones are contaminated."""
PLENTY, SURE_SNR = 20, 50.0
"""So many stars of at least this SNR are enough for a zero point."""
POGSON = 2.5 / math.log(10.0)


@dataclass(frozen=True, eq=False)
class ZeroPoint:
    """A photometric zero point.

    Parameters
    ----------
    value, error : float
        Magnitude of one count per second, and its standard error.
    scatter : float
        Robust standard deviation of the stars used, magnitudes.
    n : int
        Stars used; 0 and NaN values where there is no solution.
    colour_term, colour_term_error, colour0 : float
        c, its standard error (0 where it was given), and the colour at which it has no effect.
    extinction, airmass : float
        k and X as applied; NaN where the zero point includes the atmosphere.
    system, band : str
        AB or Vega; the band of the reference magnitudes.
    reason : str
        One line.
    used : intp array (n,)
        Indices of the stars used.
    residuals : float64 array (m,)
        Reference magnitude minus the solution's, of all stars; NaN where it cannot be computed.
    """

    value: float
    error: float
    scatter: float
    n: int
    colour_term: float = 0.0
    colour_term_error: float = 0.0
    colour0: float = 0.0
    extinction: float = math.nan
    airmass: float = math.nan
    system: str = "AB"
    band: str = ""
    reason: str = ""
    used: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    residuals: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def ok(self) -> bool:
        """Whether there is a solution."""
        return self.n > 0

    @property
    def at_airmass_zero(self) -> bool:
        """Whether extinction was applied, so that the value is that above the atmosphere."""
        return math.isfinite(self.extinction)

    def flux_scale(self, exptime: float, target: float = 30.0) -> float:
        """Return the factor that brings counts of `exptime` seconds to fluxes with the zero point `target`.

        Extinction at this frame's airmass is undone where the zero point is quoted above the atmosphere.
        """
        loss = self.extinction * self.airmass if self.at_airmass_zero else 0.0
        return float(10.0 ** (0.4 * (target - self.value + loss)) / exptime)


def zero_point(flux: Floats, error: Floats, magnitude: Floats, magnitude_error: Floats | None = None, *,
               exptime: float = 1.0, colour: Floats | None = None, colour0: float = 0.0,
               colour_term: float | None = None, extinction: float = math.nan, airmass: float = math.nan,
               system: str = "AB", band: str = "", limits: tuple[float, float] = (-math.inf, math.inf), clip: float = 3.0,
               least: int = 3, least_snr: float = 10.0) -> ZeroPoint:
    """Fit a zero point to stars with known magnitudes.

    Parameters
    ----------
    flux, error : float64 arrays (m,)
        Counts of unsaturated stars and their standard errors; not positive or not finite is left out.
    magnitude, magnitude_error : float64 arrays (m,)
        Reference magnitudes; errors of 0 where not given.
    exptime : float
        Seconds.
    colour : float64 array (m,), optional
        Of the reference; stars without (NaN) are left out where a colour term is used.
    colour0, colour_term : float
        Reference colour; a given c. Without one, and with colours, it is fitted if ten stars span 0.3 mag.
    extinction, airmass : float
        k (mag per airmass) and X; both finite to have the zero point above the atmosphere.
    system, band : str
        Of the magnitudes; kept.
    limits : (float, float)
        Brightest and faintest reference magnitude used.
    clip : float
        Rejection in standard deviations about the median; wrong entries of the catalogue fall here.
    least, least_snr
        Fewest stars, and least flux / error. Where at least `PLENTY` stars have `SURE_SNR`, fainter ones are left out: what
        else is in their apertures makes them too bright, all in the same direction.

    Returns
    -------
    ZeroPoint
        `ok` is false and the values NaN, with the reason, where too few stars are left.
    """
    flux, error, magnitude = (np.asarray(v, np.float64) for v in (flux, error, magnitude))
    ref_error = np.zeros_like(magnitude) if magnitude_error is None else np.nan_to_num(np.asarray(magnitude_error, float))
    with np.errstate(all="ignore"):
        instrumental = -2.5 * np.log10(flux / exptime)
        noise = np.hypot(POGSON * error / flux, ref_error)
        good = np.isfinite(instrumental) & np.isfinite(magnitude) & np.isfinite(noise) & (flux >= least_snr * error)
    good &= (magnitude >= limits[0]) & (magnitude <= limits[1])
    above = extinction * airmass if math.isfinite(extinction * airmass) else 0.0
    offset = magnitude - instrumental + above
    tint = np.zeros_like(offset)
    if colour is not None and colour_term != 0.0:
        tint = np.asarray(colour, np.float64) - colour0
        good &= np.isfinite(tint)
    bright = good & (flux >= SURE_SNR * error)
    index = np.flatnonzero(bright if np.count_nonzero(bright) >= PLENTY else good)
    if len(index) < least:
        nan = math.nan
        return ZeroPoint(nan, nan, nan, 0, system=system, band=band, reason=f"no zero point: {len(index)} usable stars of "
                         f"{len(flux)}, {least} are due", residuals=np.full(len(flux), nan))
    fitted = colour is not None and colour_term is None and len(index) >= 10 and float(np.ptp(tint[index])) >= 0.3
    slope = 0.0 if colour_term is None else colour_term
    value, slope, used, errors, scatter = _fit(offset, tint, noise, index, slope, fitted, clip)
    residuals = np.where(np.isfinite(offset), offset - value - slope * tint, np.nan)
    reached = extinction if math.isfinite(extinction * airmass) else math.nan
    return ZeroPoint(value, errors[0], scatter, len(used), slope, errors[1], colour0, reached, airmass, system, band,
                     f"{len(used)} of {len(index)} stars, scatter {scatter:.3f} mag", used, residuals)


def _fit(offset: Floats, tint: Floats, noise: Floats, index: NDArray[np.intp], slope: float, fitted: bool,
         clip: float) -> tuple[float, float, NDArray[np.intp], tuple[float, float], float]:
    """Return value, colour term, stars used, their errors and the scatter; intrinsic scatter is found on the way."""
    used, extra, value = index, 0.0, float(np.median((offset - slope * tint)[index]))
    errors, scatter = (math.nan, 0.0), math.nan
    for step in range(20):
        w = 1.0 / np.hypot(np.maximum(noise[used], 1e-4), extra)
        residual = offset[index] - slope * tint[index] - value
        if step:
            design = np.column_stack([np.ones(len(used)), tint[used]]) if fitted else np.ones((len(used), 1))
            target = offset[used] if fitted else offset[used] - slope * tint[used]
            normal = np.linalg.inv((design * w[:, None]).T @ (design * w[:, None]))
            solution = normal @ ((design * w[:, None]).T @ (target * w))
            value, slope = float(solution[0]), float(solution[1]) if fitted else slope
            residual = offset[index] - slope * tint[index] - value
            left = max(len(used) - (2 if fitted else 1), 1)
            chi2 = float(np.sum((w * (offset[used] - slope * tint[used] - value)) ** 2)) / left
            grown = max(few(left) * math.sqrt(chi2), 1.0)
            errors = (grown * float(np.sqrt(normal[0, 0])), grown * float(np.sqrt(normal[1, 1])) if fitted else 0.0)
        scatter = 1.4826 * float(np.median(np.abs(residual[np.isin(index, used)])))
        freedom = max(len(used) - (2 if fitted else 1), 1)
        taken = math.sqrt(len(used) / freedom)
        extra = _intrinsic(taken * (offset[used] - slope * tint[used] - value), noise[used])
        keep = index[np.abs(residual) <= student(clip, freedom) * np.hypot(np.maximum(noise[index], 1e-4), max(extra, 0.5 * scatter))]
        if len(keep) < 3 or (step > 1 and np.array_equal(keep, used)):
            break
        used = keep
    return value, slope, used, errors, scatter


def _about_zero(pulls: Floats) -> float:
    """Return the robust width of pulls whose mean is 0."""
    return 1.4826 * float(np.median(np.abs(pulls)))


def _densest_half(values: Floats) -> tuple[float, float]:
    """Return middle and width, as a standard deviation, of the shortest interval with half of the values.

    What is added to many of them in one direction moves the median and its deviations, and these hardly.
    """
    ordered = np.sort(values)
    half = len(ordered) // 2
    lengths = ordered[half:] - ordered[:len(ordered) - half]
    first = int(np.argmin(lengths))
    return float(ordered[first] + ordered[first + half]) / 2.0, float(lengths[first]) / 1.349


def _intrinsic(residual: Floats, noise: Floats, width: Callable[[Floats], float] = _about_zero) -> float:
    """Return the scatter that the errors do not explain, so that the pulls have a robust width of 1."""
    lower, upper, least = 0.0, 1.0, np.maximum(noise, 1e-4)
    if width(residual / least) <= 1.0:
        return 0.0
    for _ in range(30):
        middle = 0.5 * (lower + upper)
        wide = width(residual / np.hypot(least, middle)) > 1.0
        lower, upper = (middle, upper) if wide else (lower, middle)
    return 0.5 * (lower + upper)


@dataclass(frozen=True, eq=False)
class Growth:
    """The curve of growth of the stars of an image.

    Parameters
    ----------
    radii : tuple of float
        Pixels.
    fraction, error : float64 arrays (k,)
        Flux inside each radius over that inside the largest, and its standard error.
    scatter : float64 array (k,)
        By how much, relatively, the fraction differs from star to star beyond what their noise explains: a PSF that
        varies over the image, as that of a coadd does where the number of frames changes.
    nstars : int
        Stars that were used at the main aperture.
    """

    radii: tuple[float, ...]
    fraction: Floats
    error: Floats
    scatter: Floats
    nstars: int


def radii_of(fwhm: float) -> tuple[float, ...]:
    """Return the radii in pixels, for `awe.science.sources.extract`, that belong to a seeing in pixels."""
    return tuple(round(float(fwhm) * r, 3) for r in RADII_FWHM)


def growth(sources: NDArray[np.void], radii: Sequence[float]) -> Growth:
    """Measure the curve of growth.

    Parameters
    ----------
    sources : structured array
        From `extract` with the same `radii` (pixels, ascending).

    Returns
    -------
    Growth
        Built from the outside inward by the ratio of neighbouring apertures of isolated stars, each step with the stars that
        are bright enough for it; a fraction is NaN where fewer than three stars are. What is too faint to be found adds the
        same light to all rings, so the ratio falls with one over the flux; it is the intercept of that line, that of an
        infinitely bright star.
    """
    stars = psf.stars(sources)
    fraction, error = np.ones(len(radii)), np.zeros(len(radii))
    count, measured = 0, False
    for k in range(len(radii) - 2, -1, -1):
        inner, outer = (np.asarray(sources[f"FLUX_APER{j + 1}"][stars], np.float64) for j in (k, k + 1))
        spread = np.asarray(sources[f"FLUXERR_APER{k + 2}"][stars], np.float64)
        clean = np.asarray(sources[f"FRAC_APER{k + 2}"][stars]) < 0.02
        use = clean & (outer > 100.0 * spread) & (inner > 0)
        if np.count_nonzero(use) < 10:
            use = clean & (outer > 30.0 * spread) & (inner > 0)
        ratio = inner[use] / outer[use]
        if len(ratio) < 3:
            middle = _typical_step(radii, k)
            own = (1.0 - middle) / 2.0
        else:
            middle, own = _uncontaminated(ratio, 1.0 / outer[use])
            measured = True
        fraction[k] = fraction[k + 1] * middle
        error[k] = math.hypot(error[k + 1] / fraction[k + 1], own / middle) * fraction[k]
        count = len(ratio) if k == min(MAIN_APERTURE, len(radii) - 2) else count
    if not measured:
        fraction[:-1], error[:-1] = np.nan, np.nan
    scatter = np.array([variation(sources[stars], k, min(k + 2, len(radii) - 1)) for k in range(len(radii))])
    return Growth(tuple(float(r) for r in radii), fraction, error, scatter, count)


def _typical_step(radii: Sequence[float], k: int) -> float:
    """Return the light inside radius k over that inside the next, of a Moffat profile with an index of 3."""
    width = radii[min(MAIN_APERTURE, len(radii) - 1)] / RADII_FWHM[min(MAIN_APERTURE, len(radii) - 1)]
    inside = [1.0 - (1.0 + (r / (0.981 * width)) ** 2) ** -2 for r in (radii[k], radii[k + 1])]
    return inside[0] / inside[1]


def _uncontaminated(ratio: Floats, faintness: Floats) -> tuple[float, float]:
    """Return the ratio at a faintness of 0, and its standard error, by a straight line that outliers do not turn."""
    median = float(np.median(ratio))
    scatter = 1.4826 * float(np.median(np.abs(ratio - median)))
    if len(ratio) < LINE:
        return median, 1.2533 * scatter / math.sqrt(len(ratio))
    x = faintness / np.median(faintness)
    sigma = np.hypot(ALIKE, max(scatter, 1e-4) * x)
    good = np.ones(len(ratio), bool)
    for _ in range(8):
        design = np.column_stack([np.ones(np.count_nonzero(good)), x[good]]) / sigma[good, None]
        covariance = np.linalg.inv(design.T @ design)
        solution = covariance @ (design.T @ (ratio[good] / sigma[good]))
        pulls = (ratio - solution[0] - solution[1] * x) / sigma
        width = max(1.4826 * float(np.median(np.abs(pulls[good]))), 0.3)
        keep = np.abs(pulls) <= 3.0 * width
        if np.array_equal(keep, good) or np.count_nonzero(keep) < LINE:
            break
        good = keep
    return float(solution[0]), float(np.sqrt(covariance[0, 0])) * max(width, 0.5)


def variation(stars: NDArray[np.void], inner: int, outer: int, expected: Floats | None = None, known: Floats | None = None) -> float:
    """Return by how much the part of the light in an aperture differs from star to star for no known reason.

    Parameters
    ----------
    stars : structured array (n,)
        Isolated, unsaturated stars, from `extract`.
    inner, outer : int
        Places of the apertures whose ratio is looked at, from 0.
    expected : float64 array (n,), optional
        The part that is expected at each star, in any unit; 1 for all where not given.
    known : float64 array (n,), optional
        Relative errors of the part that are stated already; 0 where not given.

    Returns
    -------
    float
        Relative scatter beyond the noise of the ring between and the disc within, and beyond `known`, of the `BRIGHTEST` stars; from the
        half of them that are most alike, as neighbours make the part smaller, never larger. 0 where fewer than eight are bright enough.
    """
    a, b, noise_a, noise_b = (np.asarray(stars[name], np.float64) for name in (
        f"FLUX_APER{inner + 1}", f"FLUX_APER{outer + 1}", f"FLUXERR_APER{inner + 1}", f"FLUXERR_APER{outer + 1}"))
    use = (b > 100.0 * noise_b) & (a > 0) & (stars[f"FRAC_APER{outer + 1}"] < 0.02)
    if inner == outer or np.count_nonzero(use) < 8:
        return 0.0
    brightest = np.flatnonzero(use)[np.argsort(-b[use], kind="stable")[:BRIGHTEST]]
    a, b, noise_a, noise_b = (v[brightest] for v in (a, b, noise_a, noise_b))
    ratio = a / b
    ring = np.sqrt(np.maximum(noise_b ** 2 - noise_a ** 2, 0.0))
    own = np.hypot(ratio * ring / b, (1.0 - ratio) * noise_a / b) / ratio
    if known is not None:
        own = np.hypot(own, known[brightest])
    if expected is not None:
        ratio = ratio / expected[brightest]
    return _intrinsic(ratio / _densest_half(ratio)[0] - 1.0, own, lambda pulls: _densest_half(pulls)[1])


def total_flux(sources: NDArray[np.void], curve: Growth, aperture: int = MAIN_APERTURE) -> tuple[Floats, Floats]:
    """Return total fluxes of point sources and their standard errors, from one aperture and the curve of growth.

    The error is that of the aperture, scaled, and the star-to-star scatter of the correction; the common error of the
    correction (``curve.error``) is left out, as it moves all stars together and is absorbed by the zero point. NaN where
    the curve has no value there.
    """
    name = f"APER{aperture + 1}"
    flux, error = (np.asarray(sources[f"{kind}_{name}"], np.float64) / curve.fraction[aperture]
                   for kind in ("FLUX", "FLUXERR"))
    return flux, np.hypot(error, curve.scatter[aperture] * flux)


def empty_aperture_ratio(data: NDArray[np.generic], variance: NDArray[np.generic], occupied: NDArray[np.generic],
                         radius: float, *, count: int = 2000, seed: int = 1) -> tuple[float, int]:
    """Compare the scatter of sums over empty sky with what the variance plane says.

    Parameters
    ----------
    data, variance : arrays (ny, nx)
        Background-subtracted image and variance plane.
    occupied : array (ny, nx)
        Not zero where there are objects or bad pixels; apertures that touch one are not used.
    radius : float
        Of the apertures, pixels; rounded to whole pixels inside.
    count, seed : int
        Apertures tried, at places drawn from this seed.

    Returns
    -------
    (float, int)
        Robust scatter over expectation (1 where the errors are right; multiply flux errors by it), and the number of
        apertures; NaN where fewer than 30 are free.
    """
    image, var = np.nan_to_num(np.asarray(data, np.float64)), np.nan_to_num(np.asarray(variance, np.float64))
    taken = (np.asarray(occupied) != 0) | ~np.isfinite(np.asarray(data)) | ~(var > 0)
    half = int(math.ceil(radius))
    ny, nx = image.shape
    if min(ny, nx) < 2 * half + 2:
        return math.nan, 0
    rng = np.random.default_rng(seed)
    x, y = rng.integers(half, nx - half, count), rng.integers(half, ny - half, count)
    dy, dx = np.mgrid[-half:half + 1, -half:half + 1]
    disc = dx * dx + dy * dy <= radius * radius
    rows, columns = y[:, None] + dy[disc], x[:, None] + dx[disc]
    free = ~taken[rows, columns].any(axis=1)
    if np.count_nonzero(free) < 30:
        return math.nan, int(np.count_nonzero(free))
    pulls = image[rows, columns][free].sum(axis=1) / np.sqrt(var[rows, columns][free].sum(axis=1))
    return 1.4826 * float(np.median(np.abs(pulls - np.median(pulls)))), int(np.count_nonzero(free))
