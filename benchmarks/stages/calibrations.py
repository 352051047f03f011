"""Master bias, master flat and maps of bad pixels against the detector that was simulated.

Noise is GalSim's: Gaussian read noise and photons.  Bias: ten frames through the overscan, with structure, drift and cosmic rays.  Flat:
five dome flats with a lamp pattern of 3 % and five twilight flats with the true illumination, joined; the tolerance is in units of what
the photons of the dome flats allow, and of the response after averaging 16 x 16 pixels.  Bad pixels: hot ones in the dark and cold ones in
the flat that deviate by more than 5 sigma of it, and such that scatter five times the read noise in the biases.
"""
from __future__ import annotations

from typing import Any

import galsim
import numpy as np
from numpy.typing import NDArray

from awe.science.assemble import assemble
from awe.science.bias import master_bias
from awe.science.coldpixels import cold_pixels
from awe.science.dark import master_dark
from awe.science.flat import dome_flat, master_flat, normalise, twilight_flat
from awe.science.hotpixels import hot_pixels
from awe.science.mask import Bit
from stages.check import Check, fraction, measured, spread

NOISE, GAIN, OVERSCAN = 2.5, 2.0, 48
BIASES, FLATS = 10, 5
LEVEL = 30_000.0
"""Electrons of a flat."""

Plane = NDArray[Any]


class Detector:
    """A chip: structure of the bias, response, bad pixels; gives raw frames and what is true of them."""

    def __init__(self, size: int) -> None:
        self.noise_of = galsim.BaseDeviate(41)
        rng = np.random.default_rng(42)
        self.rng = rng
        self.shape = (size, size)
        y, x = np.mgrid[-1:1:size * 1j, -1:1:size * 1j]
        self.bias = 6 * np.exp(-(x + 1) * 25) + 1.5 * y + rng.normal(0, 0.4, size)[None, :]
        self.response = (1 - 0.12 * (x * x + y * y)) * rng.normal(1, 0.01, self.shape)
        self.lamp = 1 + 0.03 * x - 0.02 * x * y
        self.cold = rng.random(self.shape) < 1e-3
        self.response[self.cold] *= rng.uniform(0.05, 0.7, int(self.cold.sum()))
        self.noisy = rng.random(self.shape) < 1e-3
        self.rate = np.where(rng.random(self.shape) < 1e-3, np.exp(rng.uniform(-3, 4, self.shape)), 0.0) + 0.01

    def read(self, electrons: Plane | float, *, hits: int = 0) -> Plane:
        """A raw frame of whole ADU, overscan on the right, with so many cosmic rays."""
        ny, nx = self.shape
        raw = galsim.ImageD(nx + OVERSCAN, ny)
        raw.addNoise(galsim.GaussianNoise(self.noise_of, sigma=NOISE))
        frame = raw.array + 1000 + np.cumsum(self.rng.normal(0, 0.05, ny))[:, None]
        light = galsim.ImageD(np.maximum(electrons, 0.0) * np.ones(self.shape))
        light.addNoise(galsim.PoissonNoise(self.noise_of))
        frame[:, :nx] += light.array / GAIN + self.bias
        frame[:, :nx][self.noisy] += self.rng.normal(0, 5 * NOISE, int(self.noisy.sum()))
        at = self.rng.integers(0, ny * nx, hits)
        frame[at // nx, at % nx] += self.rng.exponential(300, hits)
        return np.clip(np.rint(frame), 0, 65535).astype(np.uint16)

    def assembled(self, raw: Plane) -> Any:
        """The frame as the targets take it."""
        ny, nx = self.shape
        return assemble({0: raw}, [{"name": "A", "hdu": 0, "data": [0, ny, 0, nx], "position": [0, ny, 0, nx],
                                    "overscan": [0, ny, nx, nx + OVERSCAN]}])


def measure(*, quick: bool) -> list[Check]:
    """The checks of this stage."""
    chip = Detector(512 if quick else 1024)
    bias = master_bias([chip.assembled(chip.read(0.0, hits=chip.bias.size // 20_000)) for _ in range(BIASES)], NOISE, 3.0)
    return [*bias_checks(chip, bias), *flat_checks(chip, bias), *bad_pixel_checks(chip, bias)]


def bias_checks(chip: Detector, bias: Any) -> list[Check]:
    """Error of the master bias where pixels are not noisy."""
    rest = (bias.data - chip.bias)[~chip.noisy]
    found = float(np.std(rest)) / (NOISE / BIASES**0.5)
    return [spread("error of the master bias, in read noise / sqrt(N)", found, rest.size, "pixels", 1.1)]


def flat_checks(chip: Detector, bias: Any) -> list[Check]:
    """Error of the master flat per pixel and in squares, where pixels are not bad."""
    electrons = {kind: [(chip.assembled(chip.read(LEVEL * factor * lamp * chip.response)).data - bias.data) * GAIN for factor in factors]
                 for kind, lamp, factors in (("dome", chip.lamp, (1.0, 1.01, 0.99, 1.02, 0.98)),
                                             ("twilight", 1.0, (1.2, 1.0, 0.8, 0.7, 0.6)))}
    dome = dome_flat(electrons["dome"], 1.0, NOISE * GAIN)
    joined = master_flat(dome, twilight_flat(electrons["twilight"], 1.0, NOISE * GAIN))
    flat = normalise(joined, joined.level)
    good = ~(chip.cold | chip.noisy)
    truth = chip.response / np.median(chip.response[good])
    rest = np.where(good, flat.data / truth - 1, np.nan)
    rest -= np.nanmedian(rest)
    photons = 1 / np.sqrt(FLATS * LEVEL * chip.lamp * chip.response)
    side = chip.shape[0] // 16
    squares = np.nanmean(rest[:side * 16, :side * 16].reshape(side, 16, side, 16), axis=(1, 3))
    return [spread("error of the master flat, in that of its photons", float(np.nanstd(rest / photons)), int(good.sum()), "pixels", 1.1),
            spread("error of the master flat in squares of 16 x 16 pixels", 100 * float(np.std(squares)), squares.size, "squares", 0.05,
                   "%"),
            measured("largest of these", 100 * float(np.abs(squares).max()), 0.0, squares.size, "squares", None, "%")]


def bad_pixel_checks(chip: Detector, bias: Any) -> list[Check]:
    """Hot, cold and noisy pixels found, and good ones lost."""
    frames = [chip.assembled(chip.read(chip.rate * 300)).data - bias.data for _ in range(5)]
    dark = master_dark(frames, [300.0] * 5, GAIN, NOISE, bias.variance)
    flats = [(chip.assembled(chip.read(LEVEL * chip.lamp * chip.response)).data - bias.data) * GAIN for _ in range(FLATS)]
    flat = dome_flat(flats, 1.0, NOISE * GAIN)
    hot = hot_pixels(dark.data, np.sqrt(dark.variance)).mask != 0
    cold = cold_pixels(flat.data, flat.variance).mask != 0
    noisy = bias.mask & np.uint16(Bit.NOISY) != 0
    is_hot = chip.rate - 0.01 > 5 * np.sqrt(dark.variance)
    is_cold = chip.cold & (chip.response < 0.8 * np.median(chip.response))
    bad, marked = is_hot | is_cold | chip.noisy, hot | cold | noisy
    good = ~bad & ~chip.cold & (chip.rate < 0.02)
    parts = [fraction(f"{name} pixels that are found", int((found & true).sum()), int(true.sum()), "pixels", 95.0, at_least=True)
             for name, found, true in (("hot", hot, is_hot), ("cold", cold, is_cold), ("noisy", noisy, chip.noisy))]
    return [*parts, fraction("good pixels taken for bad", int((marked & good).sum()), int(good.sum()), "pixels", 0.1)]
