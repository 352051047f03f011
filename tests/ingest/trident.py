"""An odd camera with three chips, known to `awe` by one TOML file alone, and raw frames of it with known response.

Chip a is read by two amplifiers into two HDUs, one of them upside down; chip b by four into one HDU, two of them mirrored; chip c
stands on its head, in an HDU without a name. Kind, filter and speed are numbers, the exposure time is sexagesimal and the clock
shows the end of the exposure. There are two readout modes, whose sections differ and stand in the headers.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

TOML = """
[instrument]
name = "trident"
utc_offset = 9.5
pixel_scale = 0.4
overscan = "constant"
date_is = "end"

[match]
CONTROL = "Neptune*"
NCCDS = 3

[header]
date_obs = {keyword = "NIGHT", date = "yyyymmdd", time = "UTSHUT"}
exptime = {keyword = "EXPO", sexagesimal = "degrees", scale = 3600}
object = {keyword = "TARGET", replace = ["_", " "]}
filter = {keyword = "WHEEL", map = {"1" = "g", "2" = "r"}}
exposure = {join = ["NIGHT", "SEQ"], with = "-"}
binning = {join = ["BINX", "BINY"], with = "x"}
readout_mode = {join = [{join = ["BINX", "BINY"], with = "x"}, {keyword = "RATE", map = {"100" = "slow", "400" = "fast"}}], with = "-"}
purpose = {keyword = "KIND", map = {"0" = "bias", "2" = "domeflat", "3" = "science", "9" = "skip"}}

[[chip]]
name = "a"
size = [128, 96]

[[chip.amplifier]]
name = "low"
hdu = "A_LOW"
data = "DSEC"
overscan = "OSEC"
position = "CSEC"
gain = "GAIN"

[[chip.amplifier]]
name = "high"
hdu = "A_HIGH"
data = "DSEC"
prescan = "PSEC"
overscan = "OSEC"
position = "CSEC"
gain = "GAIN"

[[chip]]
name = "b"
hdu = "B"
size = [128, 96]

[[chip.amplifier]]
name = "1"
data = "DSEC1"
overscan = "OSEC1"
position = "CSEC1"

[[chip.amplifier]]
name = "2"
data = "DSEC2"
overscan = "OSEC2"
position = "CSEC2"

[[chip.amplifier]]
name = "3"
data = "DSEC3"
overscan = "OSEC3"
position = "CSEC3"

[[chip.amplifier]]
name = "4"
data = "DSEC4"
overscan = "OSEC4"
position = "CSEC4"

[[chip]]
name = "c"
hdu = 3
size = [128, 96]
data = "DSEC"
overscan = "OSEC"
flip = "xy"
gain = 1.5

[[filter]]
name = "g"

[[filter]]
name = "r"
"""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Amplifier:
    """Boxes are 0-based and half-open (y0, y1, x0, x1); the flips are those of the data on their way to the chip."""

    hdu: str
    data: Box
    overscan: Box
    position: Box
    flip_y: bool
    flip_x: bool
    gain: float
    level: float


def amplifiers(chip: str, binning: int) -> list[Amplifier]:
    """How a chip is read."""
    ny, nx = 96 // binning, 128 // binning
    hy, hx = ny // 2, nx // 2
    if chip == "a":
        return [Amplifier("A_LOW", (0, hy, 0, nx), (0, hy, nx, nx + 16), (0, hy, 0, nx), False, False, 1.2, 500.0),
                Amplifier("A_HIGH", (0, hy, 8, nx + 8), (0, hy, nx + 8, nx + 24), (hy, ny, 0, nx), True, False, 2.4, 800.0)]
    if chip == "b":
        flips = [(False, False), (False, True), (True, False), (True, True)]
        return [Amplifier("B", (y, y + hy, x + 32 * (x > 0), x + hx + 32 * (x > 0)), (y, y + hy, hx + 16 * (x > 0), hx + 16 + 16 * (x > 0)),
                          (y, y + hy, x, x + hx), *flip, gain, level)
                for (y, x), flip, gain, level in zip([(0, 0), (0, hx), (hy, 0), (hy, hx)], flips, (1.0, 1.4, 1.8, 2.2),
                                                     (1000.0, 1100.0, 1200.0, 1300.0), strict=True)]
    return [Amplifier("C", (0, ny, 12, nx + 12), (0, ny, 0, 12), (0, ny, 0, nx), True, True, 1.5, 300.0)]


CHIPS = ("a", "b", "c")
SHAPES = {"A_LOW": (0, 48, 16, 128), "A_HIGH": (0, 48, 24, 128), "B": (0, 96, 32, 128), "C": (0, 96, 12, 128)}


def text(box: Box, flip_y: bool = False, flip_x: bool = False) -> str:
    """A box as headers write it; run backwards where it is flipped."""
    y0, y1, x0, x1 = box
    x, y = (x0 + 1, x1), (y0 + 1, y1)
    x, y = (x[::-1] if flip_x else x), (y[::-1] if flip_y else y)
    return f"[{x[0]}:{x[1]},{y[0]}:{y[1]}]"


def response(chip: str, binning: int) -> np.ndarray:
    """How much of the light each pixel sees."""
    ny, nx = 96 // binning, 128 // binning
    rng = np.random.default_rng([ord(chip), binning])
    y, x = np.mgrid[:ny, :nx] * binning
    return (0.8 + 0.2 * CHIPS.index(chip)) * (1 + 0.1 * np.sin(x / 40) - 0.002 * (y - 48)) * rng.normal(1, 0.01, (ny, nx))


def structure(chip: str, binning: int) -> np.ndarray:
    """What the bias adds to the level, ADU."""
    ny, nx = 96 // binning, 128 // binning
    return 8.0 * np.exp(-np.arange(nx) / (30 / binning))[None, :] + np.zeros((ny, 1)) + CHIPS.index(chip)


def expose(path: Path, kind: int, number: int, light: float, *, binning: int = 1, wheel: int = 2, stars: bool = False) -> Path:
    """Write a raw frame of so many electrons in each pixel of response 1."""
    rng = np.random.default_rng([number, kind, binning, wheel])
    raw = {name: np.zeros((high // binning, wide // binning + extra)) for name, (_, high, extra, wide) in SHAPES.items()}
    headers: dict[str, fits.Header] = {name: fits.Header() for name in raw}
    for chip in CHIPS:
        sky = light * response(chip, binning)
        if stars:
            sky = sky + field(sky.shape, binning)
        electrons = rng.poisson(np.maximum(sky, 0))
        for k, one in enumerate(amplifiers(chip, binning)):
            py0, py1, px0, px1 = one.position
            adu = (electrons / one.gain + structure(chip, binning))[py0:py1, px0:px1]
            y0, y1, x0, x1 = one.data
            block = raw[one.hdu][y0:y1, :] if chip != "b" else raw[one.hdu][y0:y1, (0 if px0 == 0 else 64 // binning + 16):
                                                                            (64 // binning + 16 if px0 == 0 else None)]
            block += one.level + rng.normal(0, 3, block.shape)
            raw[one.hdu][y0:y1, x0:x1] += adu[::-1 if one.flip_y else 1, ::-1 if one.flip_x else 1]
            tag = str(k + 1) if chip == "b" else ""
            # where the TOML states the flip, the section runs forwards
            flips = (False, False) if chip == "c" else (one.flip_y, one.flip_x)
            headers[one.hdu].update({f"DSEC{tag}": text(one.data), f"OSEC{tag}": text(one.overscan),
                                     f"CSEC{tag}": text(one.position, *flips)})
            if one.hdu == "A_HIGH":
                headers[one.hdu]["PSEC"] = text((y0, y1, 0, 8))
            if chip == "a":
                headers[one.hdu]["GAIN"] = one.gain
    primary = fits.PrimaryHDU()
    primary.header.update({"CONTROL": "Neptune 4.2", "NCCDS": 3, "NIGHT": 20230605, "UTSHUT": f"{13 + number // 60}:{number % 60:02d}:15.5",
                           "EXPO": "00:00:00" if kind == 0 else "00:00:30", "TARGET": "NGC_55", "WHEEL": wheel, "SEQ": number,
                           "BINX": binning, "BINY": binning, "RATE": 400 if binning == 2 else 100, "KIND": kind})
    hdus = [primary]
    for name in ("B", "A_HIGH", "C", "A_LOW"):
        hdus.append(fits.ImageHDU(np.rint(raw[name]).astype(np.uint16), headers[name], name=None if name == "C" else name))
    fits.HDUList(hdus).writeto(path)
    return path


def field(shape: tuple[int, int], binning: int) -> np.ndarray:
    """A few stars, electrons."""
    y, x = np.mgrid[:shape[0], :shape[1]] * binning
    return sum(2000.0 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 3.0**2)) for x0, y0 in ((20, 70), (60, 30), (100, 60), (90, 20)))


def by_hand(path: Path, chip: str, binning: int) -> np.ndarray:
    """A chip as a person with numpy puts it together: mean of the overscan subtracted, ADU."""
    image = np.full((96 // binning, 128 // binning), np.nan)
    with fits.open(path) as hdus:
        for one in amplifiers(chip, binning):
            raw = hdus[3 if one.hdu == "C" else one.hdu].data.astype(float)
            y0, y1, x0, x1 = one.data
            v0, v1, u0, u1 = one.overscan
            pixels = raw[y0:y1, x0:x1] - raw[v0:v1, u0:u1].mean()
            pixels = pixels[::-1] if one.flip_y else pixels
            p0, p1, q0, q1 = one.position
            image[p0:p1, q0:q1] = pixels[:, ::-1] if one.flip_x else pixels
    return image
