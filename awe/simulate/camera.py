"""The simulated camera `simcam`: its chips, their amplifiers, and where everything lies in a raw file.

Sections are 0-based and half-open, ``[y0, y1, x0, x1]``. Chips at even places (ccd50) come in one HDU with two
amplifiers side by side, those at odd places (ccd53) in two HDUs of one amplifier, the second read from the right.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

from awe.simulate.config import GAP, RunConfig
from awe.simulate.streams import Streams

Section = tuple[int, int, int, int]


@dataclass(frozen=True)
class Amplifier:
    """One amplifier: where its pixels are in the raw file and in the chip, and how it turns electrons into counts."""

    name: str
    hdu: int
    data: Section
    overscan: Section
    prescan: Section
    position: Section
    flip_x: bool
    gain: float
    """Electrons per count."""
    read_noise: float
    """Electrons."""
    bias_level: float
    """Counts."""
    saturation: float
    """Raw counts above which the full well or the converter is reached."""


@dataclass(frozen=True)
class Chip:
    """One detector: nominal place in the mosaic, small errors of mounting, and amplifiers.

    `x_axis` and `y_axis` are the 0-based pixel coordinates of the optical axis in the chip.
    """

    name: str
    shape: tuple[int, int]
    amplifiers: tuple[Amplifier, ...]
    mosaic_x: int
    mosaic_y: int
    x_axis: float
    y_axis: float
    shift: tuple[float, float]
    rotation: float
    efficiency: float

    @property
    def hdus(self) -> tuple[int, ...]:
        """Indices of the HDUs that hold this chip, in order."""
        return tuple(sorted({amplifier.hdu for amplifier in self.amplifiers}))

    def hdu_shape(self, hdu: int) -> tuple[int, int]:
        """Return (ny, nx) of the raw image in `hdu`, prescan and overscan included."""
        sections = [s for a in self.amplifiers if a.hdu == hdu for s in (a.data, a.overscan, a.prescan)]
        return max(s[1] for s in sections), max(s[3] for s in sections)


@dataclass(frozen=True)
class Camera:
    """All chips, and the radius in pixels from the optical axis to the farthest corner."""

    chips: tuple[Chip, ...]
    radius: float


def mosaic_size(config: RunConfig) -> tuple[int, int]:
    """Return width and height in pixels of the whole mosaic, about twice as many chips wide as high."""
    columns = _columns(config)
    rows = math.ceil(config.chips / columns)
    return columns * (config.width + GAP) - GAP, rows * (config.height + GAP) - GAP


def build_camera(config: RunConfig, streams: Streams) -> Camera:
    """Return the camera of a run; amplifiers and mounting differ with the seed."""
    width, height = mosaic_size(config)
    chips = []
    hdu = 1
    for index in range(config.chips):
        chip = _build_chip(config, streams, index, (_columns(config), width, height), hdu)
        hdu = chip.hdus[-1] + 1
        chips.append(chip)
    return Camera(tuple(chips), math.hypot(width, height) / 2)


def chip_name(index: int) -> str:
    """Return the name of the chip at a place: ccd50, ccd53, ccd54, ccd55, ..."""
    return "ccd50" if index == 0 else f"ccd{52 + index}"


def _columns(config: RunConfig) -> int:
    return math.ceil(math.sqrt(2 * config.chips))


def _build_chip(config: RunConfig, streams: Streams, index: int, layout: tuple[int, int, int], hdu: int) -> Chip:
    columns, width, height = layout
    rng = streams.rng("chip", index)
    row, column = divmod(index, columns)
    x, y = column * (config.width + GAP), row * (config.height + GAP)
    split = round(config.width * float(rng.uniform(0.40, 0.46)))
    amplifiers = tuple(
        _build_amplifier(config, streams, index, letter, x0, x1, hdu)
        for letter, x0, x1 in (("A", 0, split), ("B", split, config.width))
    )
    dx, dy, turn = rng.normal(0.0, [1.5, 1.5, 0.03])
    return Chip(
        name=chip_name(index), shape=(config.height, config.width), amplifiers=amplifiers, mosaic_x=x, mosaic_y=y,
        x_axis=(width - 1) / 2 - x, y_axis=(height - 1) / 2 - y, shift=(float(dx), float(dy)), rotation=float(turn),
        efficiency=float(rng.uniform(0.94, 1.0)),
    )


def _build_amplifier(
    config: RunConfig, streams: Streams, index: int, letter: str, x0: int, x1: int, hdu: int
) -> Amplifier:
    second = letter == "B"
    rng = streams.rng("amplifier", index, letter)
    gain = float(rng.uniform(1.75, 2.0) if second else rng.uniform(1.45, 1.7))
    read_noise = float(rng.uniform(5.2, 6.5) if second else rng.uniform(4.0, 5.0))
    bias_level = float(rng.uniform(1250, 1500) if second else rng.uniform(900, 1150))
    one_hdu = index % 2 == 0
    data, overscan, prescan = (_side_by_side if one_hdu else _alone)(config, x0, x1)
    return Amplifier(
        name=letter, hdu=hdu + (1 if second and not one_hdu else 0), data=data, overscan=overscan, prescan=prescan,
        position=(0, config.height, x0, x1), flip_x=second and not one_hdu, gain=gain, read_noise=read_noise,
        bias_level=bias_level, saturation=float(math.floor(min(65000.0, bias_level + 0.97 * config.full_well / gain))),
    )


def _side_by_side(config: RunConfig, x0: int, x1: int) -> tuple[Section, Section, Section]:
    """Prescan, overscan, both data sections, overscan, prescan: the light-sensitive part stays in one piece."""
    ny, edge = config.height, config.prescan + config.overscan
    data = (0, ny, edge + x0, edge + x1)
    if x0 == 0:
        return data, (0, ny, config.prescan, edge), (0, ny, 0, config.prescan)
    end = edge + x1
    return data, (0, ny, end, end + config.overscan), (0, ny, end + config.overscan, end + edge)


def _alone(config: RunConfig, x0: int, x1: int) -> tuple[Section, Section, Section]:
    """Prescan, data, overscan, in the order of reading."""
    ny, start, end = config.height, config.prescan, config.prescan + x1 - x0
    return (0, ny, start, end), (0, ny, end, end + config.overscan), (0, ny, 0, start)
