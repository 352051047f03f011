"""Cosmic rays: pixels found, clean pixels lost, stars hurt, for stars of 2 to 5 pixels FWHM drawn by GalSim.

A pixel counts as hit where the charge of cosmic rays is above 5 sigma of the noise there (photons of sky and stars, read noise), and as
clean where there is none.  A star counts where it is not saturated and stands above 5 sigma in its central pixel; it is hurt where a
clean pixel within one FWHM of its centre is masked and none there is hit.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skyscene import Scene, scene

from awe.science.cosmic import cosmic_rays
from awe.science.mask import Bit
from stages.check import Check, fraction

SKY, NOISE, FULL_WELL = 400.0, 4.0, 90_000.0
WIDTHS = (2.0, 3.0, 4.0, 5.0)
RATE = 120.0
"""Events per million pixels: those of an exposure of a minute and a half."""


def measure(*, quick: bool) -> list[Check]:
    """The checks of this stage."""
    size = 768 if quick else 2560
    found: list[Check] = []
    total = np.zeros(8, np.int64)
    for number, fwhm in enumerate(WIDTHS):
        counts = judged(scene(size, size, fwhm, size * size // 2800, SKY, RATE, 100 + number))
        total += counts
        found.append(fraction(f"stars of {fwhm:g} pixels FWHM with a pixel wrongly masked within one FWHM", int(counts[4]), int(counts[5]),
                              "unsaturated stars", 0.1))
    return [fraction("pixels hit by cosmic rays above 5 sigma that are found", int(total[0]), int(total[1]), "pixels", 99.0, at_least=True),
            fraction("of these, where light of stars exceeds the noise", int(total[6]), int(total[7]), "pixels", None),
            fraction("clean pixels taken for hit", int(total[2]), int(total[3]), "pixels", 0.01), *found]


def judged(one: Scene) -> NDArray[np.int64]:
    """Pixels found, pixels hit, clean pixels masked, clean pixels, stars hurt, stars, pixels found on stars, and hit there."""
    rng = np.random.default_rng(7)
    data = (np.minimum(one.electrons, FULL_WELL) + rng.normal(0, NOISE, one.light.shape)).astype(np.float32)
    full = one.electrons >= FULL_WELL
    mask = np.where(full, np.uint16(Bit.SATURATED), np.uint16(0))
    noise = np.sqrt(one.light + NOISE**2)
    marked = cosmic_rays(data, NOISE, mask).mask != 0
    hit, clean = (one.hits > 5 * noise) & ~full, (one.hits == 0) & ~full
    hurt, stars = 0, 0
    for x, y in zip(one.x, one.y, strict=True):
        reach = int(one.fwhm)
        cy, cx = round(y), round(x)
        if not (reach < cy < data.shape[0] - reach - 1 and reach < cx < data.shape[1] - reach - 1):
            continue
        box = slice(cy - reach, cy + reach + 1), slice(cx - reach, cx + reach + 1)
        v, u = np.mgrid[box]
        near = np.hypot(v - y, u - x) <= one.fwhm
        peak = one.light[cy, cx] - SKY
        if full[box].any() or peak < 5 * noise[cy, cx]:
            continue
        stars += 1
        hurt += bool((marked & clean)[box][near].any() and not (one.hits > 0)[box][near].any())
    on_star = hit & (one.light > SKY + noise)
    return np.array([(marked & hit).sum(), hit.sum(), (marked & clean).sum(), clean.sum(), hurt, stars, (marked & on_star).sum(),
                     on_star.sum()])
