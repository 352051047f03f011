"""From electrons in the pixels to raw counts: full well, gain, bias, drift along the rows, noise, converter."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from awe.simulate.camera import Amplifier, Chip
from awe.simulate.detector import Detector

Counts = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float64]


def read_out(
    electrons: Floats, chip: Chip, detector: Detector, full_well: float, rng: np.random.Generator
) -> dict[int, Counts]:
    """Return the raw image of every HDU of a chip by HDU index, prescan and overscan included.

    `electrons` are whole electrons collected per pixel, shape (ny, nx) in the assembled orientation.
    """
    raws = {hdu: np.zeros(chip.hdu_shape(hdu), dtype=np.uint16) for hdu in chip.hdus}
    full = np.minimum(electrons, full_well)
    for amplifier in chip.amplifiers:
        _, _, x0, x1 = amplifier.position
        counts = full[:, x0:x1] / amplifier.gain + detector.bias[:, x0:x1]
        if amplifier.flip_x:
            counts = counts[:, ::-1]
        drift = _drift(chip.shape[0], rng)[:, None]
        raw = raws[amplifier.hdu]
        for section, light in ((amplifier.prescan, None), (amplifier.data, counts), (amplifier.overscan, None)):
            _digitise(raw, section, light, amplifier, drift, rng)
    return raws


def assembled(raws: dict[int, Counts], chip: Chip) -> Counts:
    """Return the light-sensitive pixels of a chip in one piece, shape (ny, nx), still raw counts."""
    image = np.zeros(chip.shape, dtype=np.uint16)
    for amplifier in chip.amplifiers:
        y0, y1, x0, x1 = amplifier.data
        data = raws[amplifier.hdu][y0:y1, x0:x1]
        image[:, amplifier.position[2]:amplifier.position[3]] = data[:, ::-1] if amplifier.flip_x else data
    return image


def per_amplifier(chip: Chip, attribute: str) -> Floats:
    """Return a number of the amplifiers (gain, read_noise, saturation) spread over the pixels, shape (1, nx)."""
    values = np.zeros((1, chip.shape[1]))
    for amplifier in chip.amplifiers:
        values[:, amplifier.position[2]:amplifier.position[3]] = getattr(amplifier, attribute)
    return values


def _drift(rows: int, rng: np.random.Generator) -> Floats:
    """Counts by which the level wanders while the rows are read: an offset per exposure and a slow walk."""
    walk = np.cumsum(rng.normal(0.0, 0.08, rows))
    return np.asarray(rng.normal(0.0, 2.0) + walk - walk.mean())


def _digitise(
    raw: Counts, section: tuple[int, int, int, int], light: Floats | None, amplifier: Amplifier, drift: Floats,
    rng: np.random.Generator,
) -> None:
    y0, y1, x0, x1 = section
    noise = rng.normal(0.0, amplifier.read_noise / amplifier.gain, (y1 - y0, x1 - x0))
    level = amplifier.bias_level + drift + noise
    raw[y0:y1, x0:x1] = np.clip(np.rint(level if light is None else level + light), 0, 65535).astype(np.uint16)
