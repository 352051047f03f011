"""What is wrong with a detector, and stays so: bias structure, response, hot and cold pixels."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from awe.simulate.camera import Camera, Chip
from awe.simulate.config import RunConfig
from awe.simulate.streams import Streams

Floats = npt.NDArray[np.float64]
Stored = npt.NDArray[np.float32]

PIXEL_RESPONSE = 0.01
VIGNETTING = 0.10


@dataclass(frozen=True)
class Detector:
    """Arrays of one chip, all (ny, nx) in the assembled orientation, kept in single precision to save memory."""

    bias: Stored
    """Counts above the level of the amplifier."""
    dark: Stored
    """Electrons per second, hot pixels included."""
    response: dict[str, Stored]
    """Relative sensitivity per filter, cold pixels included."""
    hot: npt.NDArray[np.bool_]
    cold: npt.NDArray[np.bool_]
    damage: Stored
    """What cold pixels keep of their sensitivity, above 0; 1 elsewhere."""


def build_detector(config: RunConfig, camera: Camera, chip: Chip, streams: Streams) -> Detector:
    """Return the state of one chip, which lasts the whole run."""
    rng = streams.rng("detector", chip.name)
    hot = rng.random(chip.shape) < config.hot_fraction
    cold = (rng.random(chip.shape) < config.cold_fraction) & ~hot
    dark = config.dark_rate * rng.uniform(0.9, 1.1, chip.shape)
    dark[hot] += np.exp(rng.uniform(np.log(5.0), np.log(800.0), int(hot.sum())))
    damage = np.ones(chip.shape)
    damage[cold] = rng.uniform(0.02, 0.6, int(cold.sum()))
    pixels = rng.normal(1.0, PIXEL_RESPONSE, chip.shape)
    vignetting = 1 - VIGNETTING * _radius_squared(chip) / camera.radius**2
    common = chip.efficiency * vignetting * pixels * damage
    response = {name: common * _dust(chip, streams.rng("dust", chip.name, name)) for name in config.filters}
    return Detector(
        _bias_structure(chip, rng).astype(np.float32), dark.astype(np.float32),
        {name: array.astype(np.float32) for name, array in response.items()}, hot, cold, damage.astype(np.float32),
    )


def _radius_squared(chip: Chip) -> Floats:
    y, x = np.mgrid[: chip.shape[0], : chip.shape[1]]
    return np.asarray((x - chip.x_axis) ** 2 + (y - chip.y_axis) ** 2, dtype=np.float64)


def _bias_structure(chip: Chip, rng: np.random.Generator) -> Floats:
    """A glow at the first columns, a slope along the rows read, and columns that stand out; in counts."""
    ny, nx = chip.shape
    bias = np.zeros(chip.shape)
    for amplifier in chip.amplifiers:
        _, _, x0, x1 = amplifier.position
        read_order = np.arange(x1 - x0)[::-1] if amplifier.flip_x else np.arange(x1 - x0)
        bias[:, x0:x1] += 8.0 * np.exp(-read_order / 40.0) + rng.uniform(2.0, 5.0) * np.arange(ny)[:, None] / ny
    bias += rng.normal(0.0, 0.4, nx)
    for column in rng.integers(0, nx, max(nx // 200, 1)):
        bias[int(rng.integers(0, ny)):, column] += rng.uniform(4.0, 15.0)
    return bias


def _dust(chip: Chip, rng: np.random.Generator) -> Floats:
    """Out-of-focus rings of dust that take a few per cent of the light."""
    y, x = np.mgrid[: chip.shape[0], : chip.shape[1]]
    shade = np.ones(chip.shape)
    for _ in range(max(chip.shape[0] * chip.shape[1] // 130_000, 1)):
        radius = rng.uniform(12.0, 30.0)
        distance = np.hypot(x - rng.uniform(0, chip.shape[1]), y - rng.uniform(0, chip.shape[0]))
        edge = scipy.special.expit((radius - distance) / 1.5) - scipy.special.expit((0.4 * radius - distance) / 1.5)
        shade *= 1 - rng.uniform(0.01, 0.04) * edge
    return shade
