"""Simulated lists of sources of overlapping frames, and of a reference catalogue: truth for measuring astrometry."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from awe.science.globalastrometry import Plate
from awe.science.referencestars import Reference
from awe.science.solution import Solution
from awe.science.wcs import Wcs

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Frame:
    """Sources of one frame (0-based pixels, errors in pixels), which stars they are, the header's WCS and the true one."""

    x: Floats
    y: Floats
    error: Floats
    flux: Floats
    star: np.ndarray[Any, np.dtype[np.intp]]
    header: Wcs
    true: Wcs


@dataclass(frozen=True)
class Sky:
    """True stars, and the catalogue that knows them with errors."""

    ra: Floats
    dec: Floats
    magnitude: Floats
    catalogue: Reference
    shape: tuple[int, int]
    frames: list[Frame]


def overlapping(frames: int = 8, stars: int = 3000, *, shape: tuple[int, int] = (4096, 2048), scale: float = 0.4, seed: int = 1,
                reference_error: float = 0.015, floor: float = 0.005, dither: float = 100.0) -> Sky:
    """Frames of one chip with a cubic distortion of 3 pixels in the corners; headers are TAN, off by about 2 arcsec."""
    rng = np.random.default_rng(seed)
    plain = Wcs.tangent(150.0, 2.0, scale, crpix=((shape[1] - 1) / 2, (shape[0] - 1) / 2))
    margin = 1.5 * dither / scale
    count = int(stars * (shape[1] + 2 * margin) * (shape[0] + 2 * margin) / (shape[0] * shape[1]))
    ra, dec = plain.pixel_to_sky(rng.uniform(-margin, shape[1] + margin, count), rng.uniform(-margin, shape[0] + margin, count))
    magnitude = 24.0 - rng.exponential(1.0 / (0.3 * math.log(10.0)), count)
    error = np.hypot(0.13 * 10.0 ** (0.4 * (magnitude - 24.0)), floor)
    catalogue = Reference(ra + rng.normal(0, reference_error / 3600, count) / np.cos(np.radians(dec)),
                          dec + rng.normal(0, reference_error / 3600, count), magnitude, np.full(count, reference_error))
    cubic = 3.0 * scale / 3600 / (math.hypot(*shape) * scale / 7200) ** 3
    lens = ((0.0, 1.0, 0.0, 0.0, 0.02, 0.01, 0.0, cubic, 0.0, cubic), (0.0, 1.0, 0.0, 0.0, 0.01, -0.02, 0.0, cubic, 0.0, cubic))
    made = []
    for _ in range(frames):
        true = Wcs(plain.crval, plain.crpix, plain.cd, *lens).moved(*rng.uniform(-dither, dither, 2), rng.uniform(-0.08, 0.08))
        x, y = true.sky_to_pixel(ra, dec)
        on = np.flatnonzero((x > 0) & (x < shape[1] - 1) & (y > 0) & (y < shape[0] - 1) & (rng.random(count) < 0.97))
        x, y = (v[on] + rng.normal(0, error[on]) for v in (x, y))
        header = Wcs(true.crval, plain.crpix, plain.cd).moved(*rng.normal(0, 2, 2))
        made.append(Frame(x, y, error[on], 10.0 ** (-0.4 * (magnitude[on] - 24.0)), on, header, true))
    return Sky(ra, dec, magnitude, catalogue, shape, made)


def plates(sky: Sky, solutions: list[Solution]) -> list[Plate]:
    """The frames with what their local solutions matched, as the global solution takes them."""
    found, known = [], sky.catalogue
    for frame, solution in zip(sky.frames, solutions, strict=True):
        star = np.full(len(frame.x), -1, np.intp)
        star[solution.pairs[:, 0]] = solution.pairs[:, 1]
        ra, dec, error = (np.where(star >= 0, values[star], np.nan) for values in (known.ra, known.dec, known.error))
        found.append(Plate(solution.wcs, sky.shape, 0, frame.x, frame.y, frame.error, star, ra, dec, error, np.zeros((len(star), 2))))
    return found


def errors(sky: Sky, solutions: list[Wcs]) -> Floats:
    """Milliarcseconds east and north by which each solution misplaces the stars of its frame, pixels without noise."""
    found = []
    for frame, wcs in zip(sky.frames, solutions, strict=True):
        ra, dec = sky.ra[frame.star], sky.dec[frame.star]
        there = wcs.pixel_to_sky(*frame.true.sky_to_pixel(ra, dec))
        found.append(np.column_stack([(there[0] - ra) * np.cos(np.radians(dec)), there[1] - dec]) * 3.6e6)
    return np.concatenate(found)
