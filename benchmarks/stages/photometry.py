"""PSF magnitudes, zero points and depth, on fields drawn by GalSim whose PSF varies by 6 % from the middle to the corners.

Everything goes as in `PSFModel`: background, stars, model, detection with the model as matched filter, fits.  Magnitudes are compared with
the light that was drawn, to infinity; each field is visited twice, with other noise and a few pixels off.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.spatial import cKDTree
from scipy.special import erf

from awe.science.background import background
from awe.science.photometry import growth, radii_of, zero_point
from awe.science.psf import seeing
from awe.science.psfbuild import build_psf
from awe.science.psffit import PsfPhotometry, psf_photometry
from awe.science.psfmodel import PsfModel
from awe.science.sources import extract
from benchmarks.starfield import ZERO_POINT, StarField, draw
from stages.check import Check, fraction, measured, spread

Floats = NDArray[np.float64]
SIGNIFICANCE = 5.0
FAINTEST_FITTED = 10.0
"""Signal over noise from which magnitudes are compared: fainter ones that were found are found because noise made them brighter."""
BRIGHT = 200.0
ALONE = 20.0
"""Pixels within which a compared star has no other."""
CATALOGUE_ERROR, WRONG, CATALOGUES = 0.02, 0.05, 20
"""Magnitudes; the part of the entries that are wrong; catalogues that are drawn for each field."""
AROUND = 0.8
"""Magnitudes about the theoretical limit in which stars are drawn for the depth."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was found on a field and fitted, and the pairs of found and drawn stars that are alone."""

    field: StarField
    model: PsfModel
    found: PsfPhotometry
    ours: NDArray[np.intp]
    theirs: NDArray[np.intp]

    @property
    def snr(self) -> Floats:
        """Signal over noise of the pairs."""
        return np.asarray((self.found.flux / self.found.error)[self.ours])

    @property
    def off(self) -> Floats:
        """Measured less true magnitudes of the pairs."""
        return np.asarray(-2.5 * np.log10(self.found.flux[self.ours] / self.field.flux[self.theirs]))

    @property
    def error(self) -> Floats:
        """Stated errors of those magnitudes."""
        return 2.5 / np.log(10) / self.snr


def measure(*, quick: bool) -> list[Check]:
    """The checks of this stage."""
    shape, stars, seeds = ((700, 700), 200, (1,)) if quick else ((1600, 1600), 900, (1, 2, 3))
    visits = [[fitted(draw(shape, stars, 0, seed=seed, brightest=13.5, faintest=21.0, slope=0.1, visit=visit)) for visit in (1, 2)]
              for seed in seeds]
    return [*magnitudes([one for pair in visits for one in pair]), repeatability(visits), zero_points([pair[0] for pair in visits]),
            *depths(shape, stars)]


def prepared(field: StarField) -> tuple[NDArray[np.float32], NDArray[np.float32], PsfModel]:
    """The field without its background, the variance of the sky, and the PSF."""
    sky = background(field.data)
    noise = (sky.level + np.float32(field.read_noise**2)).astype(np.float32)
    first = extract(field.data, field.variance, sky=sky, threshold=SIGNIFICANCE)
    radii = radii_of(seeing(first).fwhm)
    bright = extract(field.data, field.variance, sky=sky, threshold=SIGNIFICANCE, radii=radii)
    plane = field.data - sky.level
    built = build_psf(plane, noise, 1.0, bright, growth(bright, radii))
    assert built.model is not None, built.reason
    return plane, noise, built.model


def kernel_of(model: PsfModel) -> NDArray[np.float32]:
    """The PSF in the middle, as matched filter."""
    return np.asarray(model.stamp(model.shape[1] / 2, model.shape[0] / 2, int(np.ceil(1.5 * model.fwhm))), np.float32)


def fitted(field: StarField) -> Fitted:
    """Find and fit everything."""
    plane, noise, model = prepared(field)
    sources = extract(plane, noise, threshold=SIGNIFICANCE, min_area=1, kernel=kernel_of(model))
    found = psf_photometry(plane, noise, sources["X_IMAGE"] - 1.0, sources["Y_IMAGE"] - 1.0, model, gain=1.0)
    drawn = np.column_stack([field.x, field.y])
    edge = np.min([field.x, field.y, field.data.shape[1] - 1 - field.x, field.data.shape[0] - 1 - field.y], axis=0)
    alone = (cKDTree(drawn).query(drawn, k=2)[0][:, 1] > ALONE) & (edge > ALONE)
    known = np.flatnonzero(np.isfinite(found.flux) & (found.flux > FAINTEST_FITTED * found.error))
    distance, nearest = cKDTree(drawn).query(np.column_stack([found.x, found.y])[known])
    pair = (distance < 1.0) & alone[nearest]
    return Fitted(field, model, found, known[pair], nearest[pair])


def magnitudes(fields: list[Fitted]) -> list[Check]:
    """Bias of bright stars; how wide the errors are in units of those that are stated, for all and for bright ones."""
    off, error, snr = (np.concatenate([getattr(one, name) for one in fields]) for name in ("off", "error", "snr"))
    bright = snr > BRIGHT
    bias = float(np.mean(off[bright]))
    shared = np.concatenate([np.full(len(one.off), np.average(one.off, weights=one.error**-2)) for one in fields])
    pulls = (off - shared) / error
    checks = [measured(f"PSF magnitudes: bias, SNR over {BRIGHT:g}", 1e3 * abs(bias), 1e3 * float(np.std(off[bright])) / bright.sum()**0.5,
                       int(bright.sum()), "stars", 5.0, "mmag")]
    for name, chosen in (("all", snr > 0), (f"SNR over {BRIGHT:g}", bright)):
        width, n = float(np.std(pulls[chosen], ddof=1)), int(chosen.sum())
        checks.append(measured(f"PSF magnitudes: width of pulls less 1, {name}", abs(width - 1), width / (2 * n)**0.5, n, "stars", 0.1))
    return checks


def repeatability(visits: list[list[Fitted]]) -> Check:
    """What bright stars differ by from visit to visit beyond their noise."""
    squares, noise = [], []
    for first, second in visits:
        _, a, b = np.intersect1d(first.theirs, second.theirs, return_indices=True)
        both = (first.snr[a] > BRIGHT) & (second.snr[b] > BRIGHT)
        difference = (first.off[a] - second.off[b])[both]
        squares.append((difference - np.median(difference))**2 / 2)
        noise.append((first.error[a]**2 + second.error[b]**2)[both] / 2)
    square = np.concatenate(squares)
    floor = float(np.mean(square) - np.mean(np.concatenate(noise)))
    error = float(np.std(square)) / len(square)**0.5
    value = max(floor, 0.0)**0.5
    return Check("PSF magnitudes: repeatability beyond noise", 1e3 * value, 1e3 * max(floor - 1.96 * error, 0.0)**0.5,
                 1e3 * max(floor + 1.96 * error, 0.0)**0.5, len(square), "stars seen twice", 5.0, "mmag")


def zero_points(fields: list[Fitted]) -> Check:
    """How far zero points are off against catalogues with their own errors, some of whose entries are wrong."""
    rng, off = np.random.default_rng(5), []
    for one in fields:
        true = ZERO_POINT - 2.5 * np.log10(one.field.flux[one.theirs])
        for _ in range(CATALOGUES):
            wrong = rng.random(len(true)) < WRONG
            catalogue = true + rng.normal(0, CATALOGUE_ERROR, len(true)) + np.where(wrong, rng.uniform(-1.5, 1.5, len(true)), 0)
            solution = zero_point(one.found.flux[one.ours], one.found.error[one.ours], catalogue, np.full(len(true), CATALOGUE_ERROR))
            off.append(1e3 * (solution.value - ZERO_POINT))
    rms = float(np.sqrt(np.mean(np.square(off))))
    return spread(f"zero point off, catalogue errors of {CATALOGUE_ERROR} mag, {WRONG:.0%} wrong: rms", rms, len(off), "catalogues", 5.0,
                  "mmag")


def depths(shape: tuple[int, int], stars: int) -> list[Check]:
    """Where half of the stars are found, beside the theory of matched filters; and what is found that is not there."""
    field = draw(shape, stars // 4, 0, seed=9, vary=0.0, brightest=14.0, faintest=18.0, slope=0.1)
    _, noise, model = prepared(field)
    middle = (shape[1] / 2, shape[0] / 2)
    sigma = float(np.sqrt(np.median(noise) * model.noise_pixels(*middle)))
    limit = ZERO_POINT - 2.5 * np.log10(SIGNIFICANCE * sigma)
    faint = draw(shape, stars, 0, seed=10, vary=0.0, brightest=limit - AROUND, faintest=limit + AROUND, slope=0.01)
    ways = (("PSF as matched filter, 5 sigma", {"threshold": SIGNIFICANCE, "min_area": 1, "kernel": kernel_of(model)}, 0.1),
            ("as SExtractor: 1.5 sigma on 5 pixels", {"threshold": 1.5, "min_area": 5, "filter_type": "conv"}, None))
    checks = []
    for name, options, tolerance in ways:
        found = extract(faint.data, faint.variance, **options)
        depth, error, n = half_found(faint, found["X_IMAGE"] - 1.0, found["Y_IMAGE"] - 1.0)
        checks.append(measured(f"50 % depth less theory: {name}", abs(depth - limit), error, n, "stars", tolerance, "mag"))
        near = cKDTree(np.column_stack([faint.x, faint.y])).query(np.column_stack([found["X_IMAGE"] - 1.0, found["Y_IMAGE"] - 1.0]))[0]
        checks.append(fraction(f"false detections: {name}", int((near > model.fwhm).sum()), len(found), "detections", 1.0))
    return checks


def half_found(field: StarField, x: Floats, y: Floats) -> tuple[float, float, int]:
    """The magnitude at which half of the drawn stars are found, its standard error, and how many are alone and count."""
    drawn, magnitude = np.column_stack([field.x, field.y]), ZERO_POINT - 2.5 * np.log10(field.flux)
    alone = cKDTree(drawn).query(drawn, k=2)[0][:, 1] > ALONE
    found = cKDTree(np.column_stack([x, y])).query(drawn)[0] < 2.0

    def step(m: Floats, half: float, width: float) -> Floats:
        return np.asarray(0.5 * (1 - erf((m - half) / width)))

    start = (float(np.median(magnitude)), 0.3)
    (half, _), covariance = curve_fit(step, magnitude[alone], found[alone].astype(float), start)
    return float(half), float(np.sqrt(covariance[0, 0])), int(alone.sum())
