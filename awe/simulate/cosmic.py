"""Cosmic rays: straight tracks of charge, most of them short."""
from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

STEP = 0.25
"""Pixels between the points of a track."""


def cosmic_rays(
    shape: tuple[int, int], seconds: float, rate: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the electrons that cosmic rays leave in an exposure, shape (ny, nx), zero elsewhere.

    `rate` is the number of events per second and million pixels. A track is `STEP`-spaced points of equal charge, each
    put into the pixel it falls in, so that edges are as sharp as in a real detector.
    """
    charge = np.zeros(shape)
    for _ in range(int(rng.poisson(rate * seconds * shape[0] * shape[1] / 1e6))):
        length = 1.0 + rng.exponential(6.0)
        angle = rng.uniform(0, 2 * math.pi)
        per_pixel = 400.0 * rng.lognormal(0.9, 0.7)
        along = np.arange(0.0, length, STEP)
        x = np.floor(rng.uniform(0, shape[1]) + along * math.cos(angle)).astype(int)
        y = np.floor(rng.uniform(0, shape[0]) + along * math.sin(angle)).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
        np.add.at(charge, (y[inside], x[inside]), per_pixel * STEP)
    return np.rint(charge)
