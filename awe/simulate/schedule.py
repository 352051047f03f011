"""The plan of the run: which exposures are taken in which order, and under which conditions."""
from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import numpy as np

from awe.simulate.band import BANDS
from awe.simulate.config import RunConfig
from awe.simulate.exposure import Conditions, Exposure, Kind
from awe.simulate.projection import from_plane
from awe.simulate.streams import Streams

LATITUDE = -24.6
LONGITUDE = -70.4
UTC_OFFSET = -4.0
"""Hours to add to UTC to have the local time of the observatory."""
READOUT = 25.0
"""Seconds from the end of one exposure to the start of the next."""
FIRST_OBJECT = 22.0
"""Local hour at which the science exposures begin."""


def choose_field(config: RunConfig, streams: Streams) -> tuple[float, float]:
    """Return RA and Dec of the field: as configured, or drawn such that it is high when the first exposure starts."""
    if config.field is not None:
        return config.field
    rng = streams.rng("field")
    sidereal = _sidereal_degrees(_local(config, 0, FIRST_OBJECT))
    return float((sidereal + rng.uniform(-15, 15)) % 360), float(LATITUDE + rng.uniform(-25, 25))


def make_schedule(config: RunConfig, field: tuple[float, float], streams: Streams) -> list[Exposure]:
    """Return every exposure of the run in the order in which it is taken."""
    conditions = _draw_conditions(config, field, streams)
    return [exposure for night in range(config.nights) for exposure in _night(config, night, conditions, streams)]


def mean_epoch(exposures: list[Exposure]) -> float:
    """Return the Julian year in the middle of the run: the epoch of the true positions."""
    middle = exposures[0].start + (exposures[-1].start - exposures[0].start) / 2
    return round(2000.0 + (middle - datetime(2000, 1, 1, 12, tzinfo=UTC)) / timedelta(days=365.25), 3)


def _night(
    config: RunConfig, night: int, conditions: dict[tuple[int, str, int], Conditions], streams: Streams
) -> Iterator[Exposure]:
    """Calibrations in the afternoon, flats at dusk, the field at night, darks at dawn; all before the next noon."""
    per_filter = config.domes + config.twilights + config.exposures
    per_night = config.biases + config.darks + len(config.filters) * per_filter
    number = night * per_night
    blocks: list[tuple[Kind, float, str | None, int, float]] = [("bias", 14.0, None, config.biases, 0.0)]
    blocks += [("dome flat", 15.0, name, config.domes, 6.0) for name in config.filters]
    blocks += [("twilight flat", 18.5, name, config.twilights, 5.0) for name in config.filters]
    blocks += [("object", FIRST_OBJECT, name, config.exposures, config.exposure_time) for name in config.filters]
    blocks += [("dark", 30.0, None, config.darks, config.dark_time)]
    clock = _local(config, night, 0.0)
    for kind, hour, name, count, seconds in blocks:
        clock = max(clock, _local(config, night, hour))
        for index in range(count):
            number += 1
            if kind == "dome flat":
                seconds = config.dome_times[index % len(config.dome_times)]
            where = conditions[night, name or "", index] if kind == "object" else None
            if where is not None:
                where = _with_airmass(where, clock + timedelta(seconds=seconds / 2))
            yield Exposure(
                number=number, kind=kind, night=night, start=clock, exposure_time=seconds, filter=name,
                object=config.field_name if kind == "object" else kind.upper(),
                level=_level(kind, index, count, streams.rng("level", night, kind, name, index)) * _share(config, kind, seconds),
                conditions=where,
            )
            clock += timedelta(seconds=math.ceil(seconds + READOUT))


def _level(kind: Kind, index: int, count: int, rng: np.random.Generator) -> float:
    """Electrons per pixel of a flat: the lamp warms up a little, dusk fades while exposure times do not follow."""
    if kind not in ("dome flat", "twilight flat"):
        return 0.0
    drift = 0.04 * index / count if kind == "dome flat" else -0.35 * index / count
    return float(45_000 * (1 + drift) * rng.normal(1.0, 0.004))


def _share(config: RunConfig, kind: Kind, seconds: float) -> float:
    """The part of the light of its longest exposure that a flat has: that of dome flats goes with the time."""
    return seconds / max(config.dome_times) if kind == "dome flat" else 1.0


def _draw_conditions(
    config: RunConfig, field: tuple[float, float], streams: Streams
) -> dict[tuple[int, str, int], Conditions]:
    """Every range asked for (seeing, clouds, sky) is spanned fully in each filter, in random order."""
    keys = [(night, index) for night in range(config.nights) for index in range(config.exposures)]
    drawn = {}
    for name in config.filters:
        rng = streams.rng("conditions", name)
        steps = np.linspace(0, 1, max(len(keys), 1))
        seeing, cloud, sky = (rng.permutation(steps) for _ in range(3))
        for place, (night, index) in enumerate(keys):
            turned = place == min(1, len(keys) - 1) and name == config.filters[0]
            drawn[night, name, index] = _one_condition(
                config, name, field, rng, (seeing[place], cloud[place], sky[place]), turned)
    return drawn


def _one_condition(
    config: RunConfig, name: str, field: tuple[float, float], rng: np.random.Generator,
    steps: tuple[float, float, float], turned: bool,
) -> Conditions:
    wanted = _offset(field, config.dither * math.sqrt(rng.uniform(0.2, 1.0)), rng.uniform(0, 2 * math.pi))
    pointing = _offset(wanted, config.pointing_error * rng.uniform(0.7, 1.0), rng.uniform(0, 2 * math.pi))
    seeing, cloud, sky = steps
    band = BANDS[name]
    dark_sky = 10 ** (-0.4 * (band.sky - band.zero_point)) * config.pixel_scale**2
    shear = rng.normal(0.0, 0.015, 2)
    return Conditions(
        wanted=wanted, pointing=pointing, rotation=config.rotation if turned else float(rng.normal(0.0, 0.02)),
        seeing=float(config.seeing * (1 + (config.worst_seeing - 1) * seeing)),
        ellipticity=(float(shear[0]), float(shear[1])),
        transparency=float(10 ** (-0.4 * config.worst_transparency * cloud)),
        sky=float(dark_sky * (1 + (config.worst_sky - 1) * sky)), airmass=1.0,
    )


def _with_airmass(where: Conditions, when: datetime) -> Conditions:
    """Return the same conditions at the airmass of the field, at most 3."""
    ra, dec = where.pointing
    hour_angle = math.radians(_sidereal_degrees(when) - ra)
    d, latitude = math.radians(dec), math.radians(LATITUDE)
    height = math.sin(d) * math.sin(latitude) + math.cos(d) * math.cos(latitude) * math.cos(hour_angle)
    return Conditions(**(vars(where) | {"airmass": round(1.0 / max(height, 1 / 3), 4)}))


def _offset(centre: tuple[float, float], arcsec: float, angle: float) -> tuple[float, float]:
    ra, dec = from_plane(arcsec / 3600 * math.cos(angle), arcsec / 3600 * math.sin(angle), *centre)
    return float(ra), float(dec)


def _local(config: RunConfig, night: int, hour: float) -> datetime:
    """Return the UTC of an hour of local time, counted from midnight before the night; hours may pass 24."""
    midnight = datetime.combine(config.first_night, time(), UTC) + timedelta(days=night)
    return midnight + timedelta(hours=hour - UTC_OFFSET)


def _sidereal_degrees(when: datetime) -> float:
    """Mean sidereal time of the observatory, good to a second of time (IAU 1982, linear term)."""
    days = (when - datetime(2000, 1, 1, 12, tzinfo=UTC)) / timedelta(days=1)
    return (280.46061837 + 360.98564736629 * days + LONGITUDE) % 360.0
