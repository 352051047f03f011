"""Simulated star fields as lists of positions: sources of a frame, a header that is off, and a catalogue that is not perfect."""
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from awe.science.referencestars import Reference
from awe.science.wcs import Wcs

Floats = np.ndarray[Any, np.dtype[np.float64]]
Generator = np.random.Generator
SLOPE = 0.35
FAINTEST = 21.0
POINTING, ROTATION, SCALE = 60.0, 3.0, 0.01
"""By how much headers are off at most: arcsec, degrees, relative."""


@dataclass(frozen=True)
class StarField:
    """Sources (0-based pixels, errors in pixels), their fluxes, what the header says, what is true, and the catalogue."""

    x: Floats
    y: Floats
    error: Floats
    flux: Floats
    header: Wcs
    true: Wcs
    shape: tuple[int, int]
    catalogue: Reference
    stars: int
    is_contaminated: bool


def star_field(seed: int) -> StarField:
    """One field of 50 to 20,000 stars anywhere on the sky; every second catalogue is contaminated."""
    rng = np.random.default_rng(seed)
    stars = round(10 ** rng.uniform(math.log10(50), math.log10(20000)))
    shape = (int(rng.choice([1024, 2048, 4096])), int(rng.choice([1024, 2048]))) if stars < 3000 else (4096, 2048)
    true = true_wcs(rng, shape)
    ny, nx = shape
    margin = 2 * POINTING / true.pixel_scale + 0.2 * max(shape)
    total = int(stars * (nx + 2 * margin) * (ny + 2 * margin) / (nx * ny))
    x, y = rng.uniform(-margin, nx + margin, total), rng.uniform(-margin, ny + margin, total)
    magnitude = FAINTEST - rng.exponential(1 / (SLOPE * math.log(10)), total)
    catalogue = seen_by_others(rng, true, x, y, magnitude, margin, shape, bool(seed % 2))
    return StarField(*detected(rng, x, y, magnitude, shape), wrong_header(rng, true, shape), true, shape, catalogue, stars, bool(seed % 2))


def true_wcs(rng: Generator, shape: tuple[int, int]) -> Wcs:
    """A distorted WCS of either parity: up to 4 pixels of cubic distortion in the corners, and half a pixel of quadratic."""
    scale = float(rng.choice([0.25, 0.4, 0.6, 1.0]))
    dec = float(np.clip(np.degrees(np.arcsin(rng.uniform(-1, 1))), -85, 85))
    axis = (shape[1] - 1) / 2 + rng.choice([0.0, rng.uniform(-1, 1) * shape[1]])
    wcs = Wcs.tangent(rng.uniform(0, 360), dec, scale, crpix=(axis, (shape[0] - 1) / 2), rotation=rng.uniform(-180, 180),
                      parity=int(rng.choice([1, -1])))
    corner, pixel = math.hypot(*shape) * scale / 7200, scale / 3600
    cubic = float(rng.uniform(0, 4)) * pixel / corner ** 3
    square = rng.uniform(-0.5, 0.5, 6) * pixel / corner ** 2
    return replace(wcs, pv1=(0.0, 1.0, 0.0, 0.0, *map(float, square[:3]), cubic, 0.0, cubic),
                   pv2=(0.0, 1.0, 0.0, 0.0, *map(float, square[3:]), cubic, 0.0, cubic))


def wrong_header(rng: Generator, true: Wcs, shape: tuple[int, int]) -> Wcs:
    """A plain TAN that is off in pointing, rotation and scale about the middle of the frame, and half the time mirrored."""
    turn, size = math.radians(rng.uniform(-ROTATION, ROTATION)), 1 + rng.uniform(-SCALE, SCALE)
    matrix = size * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = matrix @ np.diag([rng.choice([-1.0, 1.0]), 1.0])
    middle, angle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2]), rng.uniform(0, 2 * math.pi)
    shift = POINTING * math.sqrt(rng.random()) / true.pixel_scale * np.array([math.cos(angle), math.sin(angle)])
    return Wcs(true.crval, true.crpix, true.cd).affine(matrix, middle - matrix @ middle + shift)


def detected(rng: Generator, x: Floats, y: Floats, magnitude: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats, Floats, Floats]:
    """What is found on the frame: most stars, sometimes not the brightest, and 3 % that are nothing."""
    error = np.clip(0.14 * 10 ** (0.4 * (magnitude - FAINTEST)), 0.01, 0.4)
    seen = (x > 0) & (x < shape[1] - 1) & (y > 0) & (y < shape[0] - 1) & (rng.random(len(x)) < np.where(magnitude > 20, 0.8, 0.97))
    seen &= magnitude > magnitude.min() + rng.choice([0.0, 1.0])
    flux = 10 ** (-0.4 * (magnitude + rng.normal(0, 0.15, len(x))))
    nothing = int(rng.poisson(0.03 * seen.sum()))
    return (np.append(x[seen] + rng.normal(0, error[seen]), rng.uniform(0, shape[1], nothing)),
            np.append(y[seen] + rng.normal(0, error[seen]), rng.uniform(0, shape[0], nothing)),
            np.append(error[seen], np.full(nothing, 0.1)), np.append(flux[seen], rng.choice(flux[seen], nothing)))


def seen_by_others(rng: Generator, true: Wcs, x: Floats, y: Floats, magnitude: Floats, margin: float, shape: tuple[int, int],
                   is_contaminated: bool) -> Reference:
    """The catalogue: in another band, with errors of 20 mas; contaminated, a quarter is elsewhere, faint stars lack, 15 % are double."""
    count, mas = len(x), 0.02 / 3600
    keep = rng.random(count) < 0.97
    if is_contaminated:
        keep &= rng.random(count) > 0.6 * (magnitude > 20.0)
        wrong = rng.random(count) < 0.25
        x = np.where(wrong, rng.uniform(-margin, shape[1] + margin, count), x)
        y = np.where(wrong, rng.uniform(-margin, shape[0] + margin, count), y)
    ra, dec = true.pixel_to_sky(x, y)
    ra, dec = ra + rng.normal(0, mas, count) / np.cos(np.radians(dec)), dec + rng.normal(0, mas, count)
    other = magnitude + rng.normal(0, 0.3, count)
    if is_contaminated:
        twin = np.flatnonzero(rng.random(count) < 0.15)
        angle, radius = rng.uniform(0, 2 * math.pi, len(twin)), rng.uniform(0.5, 6.0, len(twin)) / 3600
        ra = np.append(ra, ra[twin] + radius * np.cos(angle) / np.cos(np.radians(dec[twin])))
        dec = np.append(dec, dec[twin] + radius * np.sin(angle))
        other, keep = np.append(other, other[twin] + rng.uniform(-0.5, 2.0, len(twin))), np.append(keep, keep[twin])
    return Reference(ra[keep] % 360, dec[keep], other[keep], np.full(int(keep.sum()), 0.02))


def of_another(field: StarField, other: StarField) -> Reference:
    """The catalogue of another field, laid over this one."""
    x, y = other.true.sky_to_pixel(other.catalogue.ra, other.catalogue.dec)
    ra, dec = field.true.pixel_to_sky(x * field.shape[1] / other.shape[1], y * field.shape[0] / other.shape[0])
    good = np.isfinite(ra) & np.isfinite(dec)
    return Reference(ra[good], dec[good], np.asarray(other.catalogue.magnitude)[good], np.full(int(good.sum()), 0.02))


def off_by(field: StarField, wcs: Wcs) -> float:
    """The rms distance in pixels, over the frame, of a WCS from the truth."""
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, field.shape[1] - 1, 12), np.linspace(0, field.shape[0] - 1, 12)))
    (ra, dec), (ra0, dec0) = wcs.pixel_to_sky(x, y), field.true.pixel_to_sky(x, y)
    east = ((ra - ra0 + 180) % 360 - 180) * np.cos(np.radians(dec0))
    return float(np.sqrt(np.mean(east ** 2 + (dec - dec0) ** 2))) * 3600 / field.true.pixel_scale
