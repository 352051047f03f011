"""How accurate astrometry is: blind matching on simulated fields, and positions of stars on frames drawn by GalSim.

A field is solved where the solution is within a pixel (rms over the frame) of the truth, and a solution is wrong where it is
reported and is off by more than two; a catalogue of another field has to be refused. On the drawn frames (1 arcsec a pixel) the
bright stars are compared that the fit did not use; with the global solution, stars that several frames share.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from starfields import of_another, off_by, star_field

from awe.science.astrometry import solve
from awe.science.globalastrometry import Plate, solve_global
from awe.science.match import mutual_pairs
from awe.science.referencestars import Reference
from awe.science.residuals import binned, spread
from awe.science.sources import extract
from awe.science.wcs import Wcs
from awe.simulate.drawing import Painter
from stages.check import Check, fraction, measured
from stages.check import spread as rms

SHAPE = (1024, 1024)
SEEING, SKY, ZERO = 2.0, 400.0, 26.0
LENS = ((0.0, 1.0, 0.0, 0.0, 0.002, 0.001, 0.0, 0.02, 0.0, 0.02), (0.0, 1.0, 0.0, 0.0, 0.001, -0.002, 0.0, 0.02, 0.0, 0.02))


def measure(*, quick: bool) -> list[Check]:
    """The checks of this stage."""
    return fields(24 if quick else 1000, 4 if quick else 200) + frames(3 if quick else 8)


def fields(count: int, foreign: int) -> list[Check]:
    """Blind matching."""
    solved, wrong = 0, 0
    for seed in range(count):
        field = star_field(seed)
        found = solve(field.x, field.y, field.flux, field.header, field.catalogue, shape=field.shape, error=field.error)
        off = off_by(field, found.wcs)
        solved, wrong = solved + (found.ok and off <= 1.0), wrong + (found.ok and off > 2.0)
    believed = 0
    for seed in range(foreign):
        field = star_field(seed)
        found = solve(field.x, field.y, field.flux, field.header, of_another(field, star_field(seed + 100_000)), shape=field.shape,
                      error=field.error)
        believed += found.ok
    return [fraction("fields solved, off by 60 arcsec and 3 deg, either parity", solved, count, "fields of 50 to 20,000 stars", 99.0,
                     at_least=True),
            fraction("wrong solutions reported as good", wrong, count, "fields", 0.0),
            fraction("catalogues of another field believed", believed, foreign, "fields", 0.0)]


def drawn(rng: np.random.Generator, wcs: Wcs, ra: Any, dec: Any, magnitude: Any) -> Any:
    """The source list of one frame, its pixels drawn by GalSim with photon noise."""
    painter = Painter(SEEING, (0.02, -0.01), 1.0)
    x, y = wcs.sky_to_pixel(ra, dec)
    light = painter.draw(SHAPE, x, y, 10 ** (-0.4 * (magnitude - ZERO)) * 60.0)
    data = rng.poisson(light + SKY) + rng.normal(0, 5.0, SHAPE)
    return extract(data.astype(np.float32), gain=1.0, threshold=2.0)


def frames(count: int, stars: int = 1600) -> list[Check]:
    """Positions on drawn frames: local solutions, then the global one."""
    rng = np.random.default_rng(5)
    plain = Wcs.tangent(200.0, 35.0, 1.0, crpix=(511.5, 511.5))
    ra, dec = plain.pixel_to_sky(*rng.uniform(-100, 1124, (2, stars)))
    magnitude = 22.0 - rng.exponential(1 / (0.3 * np.log(10)), stars)
    held = rng.random(stars) < 0.3
    tested = held & (magnitude < 20.0)
    error = 0.010
    known = Reference(ra + rng.normal(0, error / 3600, stars) / np.cos(np.radians(dec)), dec + rng.normal(0, error / 3600, stars),
                      magnitude, np.full(stars, error))
    fit = Reference(*(np.asarray(v)[~held] for v in (known.ra, known.dec, known.magnitude, known.error)))
    plates, residuals, where = [], [], []
    for _ in range(count):
        true = Wcs(plain.crval, plain.crpix, plain.cd, *LENS).moved(*rng.uniform(-40, 40, 2), rng.uniform(-1, 1))
        found = drawn(rng, true, ra, dec, magnitude)
        x, y, noise = found["XWIN_IMAGE"] - 1.0, found["YWIN_IMAGE"] - 1.0, np.sqrt(found["ERRX2WIN_IMAGE"])
        doubtful = (found["FLAGS"] & 0b101111) != 0
        header = Wcs(true.crval, true.crpix, true.cd).moved(*rng.normal(0, 10, 2), rng.normal(0, 0.5))
        local = solve(x, y, found["FLUX_AUTO"], header, fit, shape=SHAPE, error=noise, doubtful=doubtful)
        bright = np.flatnonzero(~doubtful & (found["SNR_WIN"] > 50))
        there = np.column_stack(true.sky_to_pixel(*np.where(tested, (ra, dec), np.nan)))
        source, star = mutual_pairs(np.column_stack([x, y])[bright], np.nan_to_num(there, nan=-1e6), 1.5).T
        a, d = local.wcs.pixel_to_sky(x[bright[source]], y[bright[source]])
        residuals.append(np.column_stack([(a - ra[star]) * np.cos(np.radians(d)), d - dec[star]]) * 3.6e6)
        where.append(np.column_stack([x[bright[source]], y[bright[source]]]))
        best = bright[found["SNR_WIN"][bright] > 100]
        plates.append(plate(local.wcs, x[best], y[best], noise[best], known, local))
    off, pixels = np.concatenate(residuals), np.concatenate(where)
    local_spread = spread(off)
    systematic, _, cells = binned(*pixels.T, off, np.zeros(len(off), np.intp), SHAPE, cells=3)
    solution = solve_global(plates, distortion_prior=0.01)
    shared = solution.used & (np.bincount(solution.star[solution.used], minlength=int(solution.star.max()) + 1)[solution.star] > 1)
    overlap = spread(1000.0 * solution.residual[shared])
    what, error = f"bright stars of {count} frames, not used in the fit", max(local_spread.sigma) / len(off) ** 0.5
    return [rms("residual per axis, the larger", max(local_spread.sigma), len(off), what, 30.0, "mas"),
            measured("bias, the larger axis", float(np.max(np.abs(local_spread.mean))), error, len(off), what, 5.0, "mas"),
            measured("systematic residual by position", systematic, error, cells, "cells", 20.0, "mas"),
            rms("overlap residual, global", overlap.rms, overlap.count, "observations of bright stars", 10.0, "mas")]


def plate(wcs: Wcs, x: Any, y: Any, noise: Any, known: Reference, local: Any) -> Plate:
    """One frame as the global solution takes it."""
    ra, dec = wcs.pixel_to_sky(x, y)
    a, b = (np.column_stack([v[0] * np.cos(np.radians(35.0)), v[1]]) * 3600 for v in ((ra, dec), (known.ra, known.dec)))
    pairs = mutual_pairs(a, b, max(5 * local.rms_ra, 0.2))
    star = np.full(len(x), -1, np.intp)
    star[pairs[:, 0]] = pairs[:, 1]
    at = [np.where(star >= 0, np.asarray(v)[star], np.nan) for v in (known.ra, known.dec, known.error)]
    return Plate(wcs, SHAPE, 0, x, y, noise, star, *at, np.zeros((len(x), 2)))
