from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import FitsError, HeaderError, PermanentError
from awe.science import bands
from awe.science.amplifier import per_amplifier
from awe.science.assemble import Assembled, assemble
from awe.science.bias import master_bias
from awe.science.calibrate import Calibrated, calibrate, reweigh
from awe.science.coldpixels import cold_pixels
from awe.science.cosmic import cosmic_rays
from awe.science.dark import master_dark
from awe.science.flat import dome_flat, normalise, twilight_flat
from awe.science.gain import photon_transfer
from awe.science.hotpixels import hot_pixels
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.readnoise import read_noise

REAL = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
real = pytest.mark.skipif(not REAL.is_dir(), reason="no real data: set AWE_REAL_DATA or put it in ../shared/data")

GAINS, NOISES = (1.6, 2.1), (4.0, 6.0)
NY, NX, OVERSCAN = 300, 200, 30


def amplifiers(**changes: Any) -> list[dict[str, Any]]:
    """Two amplifiers side by side in one HDU, each with its overscan; the second is read from the right."""
    first = {"name": "A", "hdu": 1, "data": [0, NY, 0, NX], "overscan": [0, NY, NX, NX + OVERSCAN],
             "position": [0, NY, 0, NX], "saturation": 60000, **changes}
    middle = NX + OVERSCAN
    second = {"name": "B", "hdu": 1, "data": [0, NY, middle + OVERSCAN, 2 * middle],
              "overscan": [0, NY, middle, middle + OVERSCAN], "position": [0, NY, NX, 2 * NX], "flip_x": True,
              "saturation": 60000, **changes}
    return [first, second]


@dataclasses.dataclass
class Camera:
    """A simulated chip: electrons in, raw ADU out; numpy only, and none of the code under test."""

    rng: np.random.Generator

    def __post_init__(self) -> None:
        y, x = np.mgrid[-1:1:NY * 1j, -1:1:2 * NX * 1j]
        self.flat = (1 - 0.15 * (x * x + y * y)) * np.random.default_rng(5).normal(1, 0.01, x.shape)
        draw = np.random.default_rng(6)
        self.cold = draw.random(x.shape) < 1e-3
        self.flat[self.cold] *= draw.uniform(0.0, 0.6, int(self.cold.sum()))
        self.hot = draw.random(x.shape) < 2e-3
        self.rate = np.where(self.hot, draw.uniform(2.0, 60.0, x.shape), 0.02)
        self.bias = 3 * np.sin(np.arange(2 * NX) / 7.0)[None, :] * np.ones((NY, 1))

    def read(self, light: np.ndarray | float, time: float, hits: np.ndarray | float = 0.0) -> np.ndarray:
        """One raw frame of `light` electrons per pixel at response 1, and of `hits` electrons besides."""
        electrons = self.rng.poisson(light * self.flat + self.rate * time) + hits
        raw = np.zeros((NY, 2 * (NX + OVERSCAN)))
        for k, columns in enumerate((slice(0, NX), slice(NX, 2 * NX))):
            level = 1000 + 300 * k + np.linspace(0, 8, NY)[:, None]
            pixels = electrons[:, columns] / GAINS[k] + self.bias[:, columns]
            half = np.hstack([pixels[:, ::-1] if k else pixels, np.zeros((NY, OVERSCAN))])
            half += level + self.rng.normal(0, NOISES[k] / GAINS[k], half.shape)
            if k:
                half = np.roll(half, OVERSCAN, axis=1)
            raw[:, k * (NX + OVERSCAN):(k + 1) * (NX + OVERSCAN)] = half
        return np.clip(np.round(raw), 0, 65535).astype(np.uint16)


def assembled(raw: np.ndarray) -> Assembled:
    return assemble({1: raw}, amplifiers())


@dataclasses.dataclass
class Calibration:
    bias: Any
    dark: Any
    flat: Any
    hot: Any
    cold: Any
    gain: list[float]
    noise: list[float]

    def apply(self, raw: np.ndarray, time: float) -> Calibrated:
        frame = calibrate(assembled(raw), bias=self.bias.data, dark=self.dark.data, exptime=time, flat=self.flat.data,
                          gain=self.gain, read_noise=self.noise, bias_variance=self.bias.variance,
                          dark_variance=self.dark.variance, flat_variance=self.flat.variance,
                          masks=[self.bias.mask, self.dark.mask, self.hot.mask, self.cold.mask, self.flat.mask])
        rays = cosmic_rays(frame.data, per_amplifier(frame.read_noise, assembled(raw).amplifier_index), mask=frame.mask,
                           flat=self.flat.data)
        return reweigh(frame, rays.mask)


def made(camera: Camera) -> Calibration:
    """The whole calibration, measured from raw frames only."""
    biases = [assembled(camera.read(0.0, 0.0)) for _ in range(8)]
    index = biases[0].amplifier_index
    noise = read_noise([one.data for one in biases], index).read_noise
    bias = master_bias([one.data for one in biases], per_amplifier(noise, index))
    flats = [assembled(camera.read(30000.0, 5.0)).data - bias.data for _ in range(6)]
    gain = [one.gain for one in photon_transfer([(flats[0], flats[1]), (flats[2], flats[3])], index, noise)]
    gains = per_amplifier(gain, index)
    darks = [assembled(camera.read(0.0, 300.0)).data - bias.data for _ in range(5)]
    dark = master_dark(darks, [300.0] * 5, gains, per_amplifier(noise, index), bias.variance)
    flats = [one - dark.data * 5.0 / gains for one in flats]
    flat = dome_flat(flats, gains, per_amplifier(noise, index), calibration_variance=bias.variance)
    flat = normalise(flat, flat.level)
    hot = hot_pixels(dark.data, np.sqrt(dark.variance))
    cold = cold_pixels(flat.data, flat.variance, mask=hot.mask)
    return Calibration(bias, dark, flat, hot, cold, gain, [n * g for n, g in zip(noise, gain, strict=True)])


def sky_with_stars(rng: np.random.Generator, fwhm: float, sky: float = 400.0) -> np.ndarray:
    """Moffat stars on a sky, electrons."""
    y, x = np.mgrid[:NY, :2 * NX]
    light = np.full((NY, 2 * NX), sky)
    width = fwhm / (2 * (2 ** (1 / 3.5) - 1) ** 0.5)
    for k in range(60):
        j, i, flux = rng.uniform(0, NY), rng.uniform(0, 2 * NX), 10 ** (rng.uniform(3, 6) if k else 7.0)
        light += flux * 2.5 / (np.pi * width**2) / (1 + ((y - j) ** 2 + (x - i) ** 2) / width**2) ** 3.5
    return light


def rays(rng: np.random.Generator, number: int = 120) -> np.ndarray:
    hits = np.zeros((NY, 2 * NX))
    for _ in range(number):
        y, x, angle, charge = rng.uniform(0, NY), rng.uniform(0, 2 * NX), rng.uniform(0, np.pi), rng.uniform(300, 3000)
        for step in range(int(rng.choice([1, 2, 3, 6, 12]))):
            j, i = int(y + step * np.sin(angle)), int(x + step * np.cos(angle))
            if 0 <= j < NY and 0 <= i < 2 * NX:
                hits[j, i] += charge * rng.uniform(0.7, 1.3)
    return np.round(hits)


@pytest.fixture(scope="module")
def chain() -> tuple[Camera, Calibration]:
    camera = Camera(np.random.default_rng(1))
    return camera, made(camera)


def test_gain_and_read_noise_are_measured(chain: tuple[Camera, Calibration]) -> None:
    assert chain[1].gain == pytest.approx(GAINS, rel=0.03)
    assert chain[1].noise == pytest.approx(NOISES, rel=0.05)


@pytest.mark.parametrize("fwhm", [2.5, 3.5, 5.0])
def test_bad_pixels_are_found_and_good_ones_kept(chain: tuple[Camera, Calibration], fwhm: float) -> None:
    """The bar: >= 95 % of the pixels that deviate by more than 5 sigma found, <= 0.1 % of the others lost."""
    camera, calibration = chain
    rng = np.random.default_rng(int(fwhm * 10))
    light, hits, time = sky_with_stars(rng, fwhm), rays(rng), 300.0
    raw = camera.read(light, time, hits)
    frame = calibration.apply(raw, time)
    masked = frame.mask & np.uint16(NO_WEIGHT) != 0
    gain = np.where(np.arange(2 * NX) < NX, *GAINS)[None, :]
    noise = np.sqrt(light * camera.flat + np.where(gain == GAINS[0], *NOISES) ** 2)
    charge = (light * camera.flat + camera.rate * time + hits) / gain
    saturated = assembled(raw).saturated
    lost = np.where(camera.cold, light * (1 - camera.flat), 0.0)
    deviation = np.maximum(np.maximum(hits, np.where(camera.hot, camera.rate * time, 0.0)), lost) / noise
    bad = (deviation > 5) | saturated
    clean = (deviation < 1) & (charge < 55000)
    assert masked[bad].mean() >= 0.95
    assert masked[clean].mean() <= 1e-3
    assert saturated.sum() > 0 and (frame.mask[saturated] & Bit.SATURATED != 0).all()


def test_values_and_errors_are_right(chain: tuple[Camera, Calibration]) -> None:
    camera, calibration = chain
    light = np.full((NY, 2 * NX), 500.0)
    frame = calibration.apply(camera.read(light, 300.0), 300.0)
    good = frame.mask == 0
    scale = np.median(camera.flat)
    pull = (frame.data - 500 * scale) / np.sqrt(frame.variance)
    assert pull[good].std() == pytest.approx(1.0, abs=0.04)
    assert abs(pull[good].mean()) < 0.2, "an error of one percent in the measured gain"
    weighed = (frame.data - 500 * scale) * np.sqrt(frame.weight)
    assert weighed[good].std() == pytest.approx(1.0, abs=0.04)
    assert frame.sky == pytest.approx(500 * scale, rel=0.01)


def test_weight_has_no_source_noise_and_variance_has(chain: tuple[Camera, Calibration]) -> None:
    camera, calibration = chain
    light = np.full((NY, 2 * NX), 400.0)
    light[100:110, 100:110] = 40000
    frame = calibration.apply(camera.read(light, 60.0), 60.0)
    inside = frame.mask[100:110, 100:110] == 0
    assert np.median(frame.variance[100:110, 100:110][inside]) > 50 * np.median(frame.variance)
    assert np.median(frame.weight[100:110, 100:110][inside]) == pytest.approx(np.median(frame.weight[90:120, 90:120]), rel=0.1)


def test_same_bits_on_any_number_of_threads(chain: tuple[Camera, Calibration]) -> None:
    raw = chain[0].read(300.0, 100.0)
    results = []
    for number in (1, 2):
        bands.set_threads(number)
        frame = chain[1].apply(raw, 100.0)
        results.append([plane.tobytes() for plane in (frame.data, frame.variance, frame.weight, frame.mask)])
    bands.set_threads(None)
    assert results[0] == results[1]


def plain(raw: np.ndarray, **changes: Any) -> Assembled:
    ny, nx = raw.shape
    return assemble({1: raw}, [{"name": "A", "hdu": 1, "data": [0, ny, 0, nx], "position": [0, ny, 0, nx], "gain": 2.0,
                                "read_noise": 3.0, **changes}], overscan="none")


def test_arithmetic_of_one_pixel() -> None:
    raw = np.full((4, 5), 1100.0, np.float32)
    planes = {"bias": 100.0, "dark": 0.5, "flat": 0.8, "bias_variance": 0.25, "dark_variance": 1e-4, "flat_variance": 1e-4}
    frame = calibrate(plain(raw), exptime=40.0, **{name: np.full(raw.shape, value) for name, value in planes.items()})
    value = (2.0 * 1000 - 20) / 0.8
    assert np.allclose(frame.data, value)
    spread = 2000 + 9 + 4 * 0.25 + 1600 * 1e-4 + value**2 * 1e-4
    assert np.allclose(frame.variance, spread / 0.64)
    assert np.allclose(frame.weight, 0.64 / spread, rtol=1e-5), "the frame is all sky"


def test_pixels_without_a_value() -> None:
    raw = np.full((6, 7), 500.0, np.float32)
    raw[0, 0] = np.nan
    flat = np.ones(raw.shape, np.float32)
    flat[1, 1], flat[2, 2], flat[3, 3] = 0.0, np.nan, -1.0
    bias = np.zeros(raw.shape)
    bias[4, 4] = np.inf
    frame = calibrate(plain(raw), bias=bias, flat=flat, masks=[np.eye(6, 7, 6, dtype=bool), None])
    for plane in (frame.data, frame.variance, frame.weight):
        assert np.isfinite(plane).all()
    assert frame.mask[0, 0] == Bit.NO_DATA
    assert all(frame.mask[k, k] == Bit.BAD for k in (1, 2, 3, 4)) and frame.mask[0, 6] == Bit.BAD
    assert (frame.weight[frame.mask != 0] == 0).all() and (frame.weight[frame.mask == 0] > 0).all()
    assert frame.data[1, 1] == frame.sky == 1000.0


def test_nothing_good_at_all() -> None:
    frame = calibrate(plain(np.full((3, 4), np.nan, np.float32)))
    assert (frame.data == 0).all() and (frame.weight == 0).all() and frame.sky == 0


def test_inputs_are_left_alone() -> None:
    raw, flat, mask = np.full((3, 4), 100.0, np.float32), np.zeros((3, 4), np.float32), np.zeros((3, 4), np.uint16)
    one = plain(raw)
    before = one.data.copy()
    calibrate(one, flat=flat, masks=[mask])
    assert not mask.any() and not flat.any() and np.array_equal(one.data, before)


def test_refusals() -> None:
    raw = np.ones((3, 4), np.float32)
    with pytest.raises(FitsError, match="flat has shape"):
        calibrate(plain(raw), flat=np.ones((2, 2)))
    with pytest.raises(FitsError, match="mask has shape"):
        calibrate(plain(raw), masks=[np.ones((2, 2), np.uint16)])
    with pytest.raises(HeaderError, match="gain is unknown"):
        calibrate(plain(raw, gain=None))
    with pytest.raises(PermanentError, match="read noise is unknown"):
        calibrate(plain(raw, read_noise=None))
    with pytest.raises(PermanentError, match="exposure time"):
        calibrate(plain(raw), dark=raw, exptime=float("nan"))


@real
def test_nasa42_from_raw_to_reduced() -> None:
    folder = REAL / "nasa42_5945_a"
    description = [{"name": "A", "hdu": 0, "data": [0, 1370, 17, 1382], "overscan": [0, 1370, 1387, 1432],
                    "position": [0, 1370, 0, 1365], "saturation": 65000}]

    def load(path: Path) -> Assembled:
        return assemble({0: fits.getdata(path)}, description)

    zeros = [load(path).data for path in sorted((folder / "zero").iterdir())[:4]]
    noise = read_noise(zeros).read_noise
    assert noise[0] == pytest.approx(1.15, abs=0.1)
    bias = master_bias(zeros, noise[0])
    flats = [load(folder / "flat" / f"20190326.0{k}.fits.bz2").data - bias.data for k in (110, 112, 114)]
    gain = photon_transfer([(flats[0], flats[2])], read_noise=noise, highest=60000)[0]
    assert 0.9 < gain.scatter < 1.3 and 2.0 < gain.gain < 5.0
    flat = twilight_flat(flats, gain.gain, noise[0])
    flat = normalise(flat, flat.level)
    frame = calibrate(load(folder / "5945" / "20190326.0126.fits.bz2"), bias=bias.data, flat=flat.data, gain=[gain.gain],
                      read_noise=[noise[0] * gain.gain], bias_variance=bias.variance, flat_variance=flat.variance)
    middle = frame.data[400:1000, 400:1000]
    quiet = np.abs(middle - np.median(middle)) < 4 / np.sqrt(np.median(frame.weight))
    scatter = np.median(np.abs(np.diff(middle, axis=1))[quiet[:, 1:] & quiet[:, :-1]]) * 1.4826 / 2**0.5
    assert scatter == pytest.approx(1 / np.sqrt(np.median(frame.weight[400:1000, 400:1000])), rel=0.15)
