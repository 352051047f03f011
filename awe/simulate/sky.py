"""The true sky: stars and galaxies with positions, motions, magnitudes and shapes."""
from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from awe.simulate.band import BANDS
from awe.simulate.camera import Camera, mosaic_size
from awe.simulate.config import RunConfig
from awe.simulate.projection import from_plane
from awe.simulate.streams import Streams

Sources = npt.NDArray[np.void]
"""Structured array, one row per source; see `source_type`."""

GALAXY_LIMITS = (18.0, 24.0)
GALAXY_SLOPE = 0.35


def source_type(filters: tuple[str, ...]) -> np.dtype[np.void]:
    """Return the type of a row: number, type, ICRS degrees at the epoch of the run, mas/yr, AB magnitudes, shape.

    `radius` is the half-light radius in arcsec, `sersic` the index, `e1` and `e2` the reduced shear; 0 for stars.
    """
    fields: list[tuple[str, str]] = [
        ("number", "<i8"), ("type", "S6"), ("ra", "<f8"), ("dec", "<f8"), ("pmra", "<f8"), ("pmdec", "<f8"),
    ]
    fields += [(f"mag_{name}", "<f8") for name in filters]
    return np.dtype(fields + [("radius", "<f8"), ("sersic", "<f8"), ("e1", "<f8"), ("e2", "<f8")])


def make_sky(config: RunConfig, camera: Camera, field: tuple[float, float], streams: Streams) -> Sources:
    """Return every source that any science exposure of the run may see."""
    rng = streams.rng("sky")
    half_x, half_y = _half_size(config, camera)
    area = 4 * half_x * half_y * 3600
    stars, galaxies = rng.poisson(config.star_density * area), rng.poisson(config.galaxy_density * area)
    sources = np.zeros(stars + galaxies, dtype=source_type(config.filters))
    sources["number"] = np.arange(1, len(sources) + 1)
    xi, eta = rng.uniform(-half_x, half_x, len(sources)), rng.uniform(-half_y, half_y, len(sources))
    sources["ra"], sources["dec"] = from_plane(xi, eta, *field)
    _fill_stars(sources[:stars], rng, config)
    _fill_galaxies(sources[stars:], rng, config)
    return sources


def power_law(
    rng: np.random.Generator, slope: float, limits: tuple[float, float], size: int
) -> npt.NDArray[np.float64]:
    """Draw magnitudes whose number grows as 10^(slope mag) between `limits`."""
    low, high = (10.0 ** (slope * limit) for limit in limits)
    return np.asarray(np.log10(rng.uniform(low, high, size)) / slope)


def _half_size(config: RunConfig, camera: Camera) -> tuple[float, float]:
    """Half the width and height in degrees of the sky that is filled: the mosaic, dithered, off target and turned."""
    margin = config.dither + config.pointing_error + 20.0
    margin += camera.radius * config.pixel_scale * math.sin(math.radians(abs(config.rotation)))
    width, height = mosaic_size(config)
    return (width * config.pixel_scale / 2 + margin) / 3600, (height * config.pixel_scale / 2 + margin) / 3600


def _fill_stars(stars: Sources, rng: np.random.Generator, config: RunConfig) -> None:
    stars["type"] = b"star"
    magnitude = power_law(rng, config.star_slope, config.star_limits, len(stars))
    colour = np.clip(rng.normal(0.7, 0.35, len(stars)), 0.0, 1.6)
    stars["pmra"], stars["pmdec"] = rng.normal(0.0, 5.0, (2, len(stars)))
    _fill_magnitudes(stars, magnitude, colour, config)


def _fill_galaxies(galaxies: Sources, rng: np.random.Generator, config: RunConfig) -> None:
    count = len(galaxies)
    galaxies["type"] = b"galaxy"
    magnitude = power_law(rng, GALAXY_SLOPE, GALAXY_LIMITS, count)
    colour = np.clip(rng.normal(0.8, 0.3, count), 0.0, 2.0)
    galaxies["radius"] = 0.5 * 10 ** (-0.10 * (magnitude - 22.0)) * rng.lognormal(0.0, 0.25, count)
    galaxies["sersic"] = np.where(rng.random(count) < 0.7, 1.0, 2.5)
    shear, angle = np.minimum(np.abs(rng.normal(0.0, 0.2, count)), 0.5), rng.uniform(0, 2 * math.pi, count)
    galaxies["e1"], galaxies["e2"] = shear * np.cos(angle), shear * np.sin(angle)
    _fill_magnitudes(galaxies, magnitude, colour, config)


def _fill_magnitudes(
    sources: Sources, magnitude: npt.NDArray[np.float64], colour: npt.NDArray[np.float64], config: RunConfig
) -> None:
    for name in config.filters:
        sources[f"mag_{name}"] = magnitude + BANDS[name].colour_slope * colour
