"""Three nights of a camera of 32 chips: raw multi-extension files with a few pixels each, drawn with numpy alone.

=====  =================================================================================
night  what is particular
=====  =================================================================================
0      nothing
1      no darks; the lamp was off during one dome flat in r
2      the biases of chip C17 are saturated; biases are taken again after midnight
=====  =================================================================================

The bias level drifts from night to night, and is another for each amplifier.
"""
from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

#: Local noon, at which the first night begins: four hours behind UTC.
START = datetime.datetime(2026, 2, 10, 16, tzinfo=datetime.UTC)
CHIPS = tuple(f"C{number:02d}" for number in range(1, 33))
FAILING = "C17"
GAINS, READ_NOISES = (1.5, 2.0), (4.5, 6.0)
ROWS, COLUMNS, OVERSCAN = 40, 24, 8
DARK_RATE = 0.05
LAMP_OFF = "n1-dome-r-2"


def at(night: int, hours: float) -> datetime.datetime:
    """So many hours after local noon of a night."""
    return START + datetime.timedelta(days=night, hours=hours)


@dataclass(frozen=True)
class Frame:
    """One exposure of all chips."""

    name: str
    kind: str
    night: int
    when: datetime.datetime
    exptime: float = 0.0
    filter: str = ""


def frames() -> list[Frame]:
    """Everything that was taken, in order of time."""
    found = []
    for night in range(3):
        found += [Frame(f"n{night}-bias-{i}", "zero", night, at(night, 5 + i / 60)) for i in range(4)]
        if night != 1:
            found += [Frame(f"n{night}-dark-{i}", "dark", night, at(night, 5.5 + i / 10), 120.0) for i in range(3)]
        for band, hours in (("g", 6.0), ("r", 6.5)):
            found += [Frame(f"n{night}-dome-{band}-{i}", "dome", night, at(night, hours + i / 60), 5.0, band) for i in range(3)]
        if night == 2:
            found += [Frame(f"n{night}-again-{i}", "zero", night, at(night, 13 + i / 60)) for i in range(4)]
        for band, hours in (("g", 11.0), ("r", 15.0)):
            found.append(Frame(f"n{night}-sky-{band}", "sky", night, at(night, hours), 60.0, band))
    return sorted(found, key=lambda frame: frame.when)


def bias_level(frame: Frame, chip: int, amplifier: int) -> float:
    """ADU: it drifts, and moves when the biases are taken again."""
    return 300.0 + 4.0 * chip + 150.0 * amplifier + 20.0 * frame.night + (7.0 if "again" in frame.name else 0.0)


def write(folder: Path) -> list[Path]:
    """Write all raw files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_frame(frame, folder, np.random.default_rng(number)) for number, frame in enumerate(frames())]


def write_frame(frame: Frame, folder: Path, rng: np.random.Generator) -> Path:
    """Write one exposure."""
    primary = fits.PrimaryHDU()
    primary.header.update({"INSTRUME": "MOSAIC-32", "OBSTYPE": frame.kind, "EXPID": frame.name, "EXPTIME": frame.exptime,
                           "DATE-OBS": frame.when.strftime("%Y-%m-%dT%H:%M:%S.%f"), "RA": 150.0, "DEC": 2.0,
                           "OBJECT": "FIELD" if frame.kind == "sky" else frame.kind})
    if frame.filter:
        primary.header["FILTER"] = frame.filter
    hdus = [primary, *(fits.ImageHDU(pixels(frame, number, chip, rng), name=chip) for number, chip in enumerate(CHIPS, start=1))]
    path = folder / f"{frame.name}.fits"
    fits.HDUList(hdus).writeto(path)
    return path


def pixels(frame: Frame, number: int, chip: str, rng: np.random.Generator) -> np.ndarray:
    """One chip as it is read out: data of A, overscans of A and B, data of B."""
    if chip == FAILING and frame.kind == "zero" and frame.night == 2:
        return np.full((ROWS, 2 * (COLUMNS + OVERSCAN)), 65535, np.uint16)
    sides = [amplifier(frame, number, which, rng) for which in (0, 1)]
    joined = np.hstack([sides[0][0], sides[0][1], sides[1][1], sides[1][0]])
    return np.clip(np.round(joined), 0, 65535).astype(np.uint16)


def amplifier(frame: Frame, number: int, which: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Data and overscan of one amplifier, in ADU."""
    structure = np.linspace(0.0, 3.0, COLUMNS)[None, :] * (1 + which)
    level, noise = bias_level(frame, number, which), READ_NOISES[which] / GAINS[which]
    light = electrons(frame, which)
    data = level + structure + rng.poisson(light) / GAINS[which] + rng.normal(0.0, noise, (ROWS, COLUMNS))
    return data, level + rng.normal(0.0, noise, (ROWS, OVERSCAN))


def electrons(frame: Frame, which: int) -> np.ndarray:
    """What the pixels collect: dark current, and light through a response that rises along the rows."""
    response = np.linspace(0.95, 1.05, ROWS)[:, None] * np.ones((1, COLUMNS)) * (1.0, 1.02)[which]
    light = {"zero": 0.0, "dark": 0.0, "dome": 30000.0, "sky": 900.0}[frame.kind]
    return DARK_RATE * frame.exptime + response * (0.0 if frame.name == LAMP_OFF else light)
