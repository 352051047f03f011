"""Tracks: how much of them is masked, and how much else, on fields that GalSim drew.

A pixel belongs to a track where its light is above a tenth of that in its middle; tracks are as bright as the noise of one pixel and up to
twenty times as bright, 3 to 15 pixels wide, in any direction.
"""
from __future__ import annotations

import numpy as np
from skyscene import scene

from awe.science.tracks import tracks
from stages.check import Check, fraction

SKY, NOISE = 400.0, 4.0
BRIGHTNESS = (1.0, 1.5, 3.0, 20.0)
WIDTHS = (3.0, 5.0, 8.0, 15.0)


def measure(*, quick: bool) -> list[Check]:
    """The checks of this stage."""
    size = 768 if quick else 1536
    rng = np.random.default_rng(51)
    y, x = np.mgrid[:size, :size]
    masked = total = false = clean = spurious = frames = 0
    for number, fwhm in enumerate((2.0, 3.5, 5.0)):
        light = scene(size, size, fwhm, size * size // 2800, SKY, 0.0, 300 + number).light
        for width, brightness in zip(WIDTHS, rng.permutation(BRIGHTNESS), strict=True):
            angle = rng.uniform(0.0, np.pi)
            across = (x - rng.uniform(0.3, 0.7) * size) * np.cos(angle) + (y - rng.uniform(0.3, 0.7) * size) * np.sin(angle)
            height = brightness * (SKY + NOISE**2) ** 0.5
            track = height * np.exp(-0.5 * (across / (width / 2.355)) ** 2)
            found = tracks(noisy(light + track, rng)).mask != 0
            true, far = track > 0.1 * height, track < 1e-3 * height
            masked, total = masked + int((found & true).sum()), total + int(true.sum())
            false, clean = false + int((found & far).sum()), clean + int(far.sum())
        spurious, frames = spurious + len(tracks(noisy(light, rng)).tracks), frames + 1
    return [fraction("pixels of tracks that are masked", masked, total, "pixels", 95.0, at_least=True),
            fraction("pixels far from any track that are masked for one", false, clean, "pixels", None),
            fraction("frames without a track where one is seen", spurious, frames, "frames", 0.0)]


def noisy(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame in electrons."""
    return (rng.poisson(light) + rng.normal(0, NOISE, light.shape)).astype(np.float32)
