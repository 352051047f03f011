from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.flat import Flat, dome_flat, master_flat, mosaic_level, normalise, twilight_flat
from awe.science.mask import Bit

SHAPE = (256, 320)
GAIN = 2.0


def response(tilt: float = 0.0) -> np.ndarray:
    """Pixel-to-pixel structure of 1 %, vignetting, a cold column, and a tilt of the light."""
    y, x = np.mgrid[-1:1:256j, -1:1:320j]
    pixels = np.random.default_rng(0).normal(1, 0.01, SHAPE)
    pixels[:, 77] *= 0.6
    return pixels * (1 - 0.1 * (x * x + y * y)) * (1 + tilt * x)


def exposures(levels: tuple[float, ...], tilt: float = 0.0, stars: bool = False) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    frames = []
    for level in levels:
        light = level * response(tilt)
        if stars:
            for _ in range(8):
                j, i = rng.uniform(10, 246), rng.uniform(10, 310)
                light = light + 0.2 * level * np.exp(-((y - j) ** 2 + (x - i) ** 2) / 6.0)
        frames.append((rng.poisson(light * GAIN) / GAIN + rng.normal(0, 3, SHAPE)).astype(np.float32))
    return frames


def normal(flat: Flat) -> Flat:
    return normalise(flat, flat.level)


def truth(tilt: float = 0.0) -> np.ndarray:
    exact = response(tilt)
    return exact / np.median(exact)


def test_dome_flat_reaches_the_photon_limit() -> None:
    levels = (20000.0, 24000.0, 18000.0, 22000.0, 21000.0)
    frames = exposures(levels)
    frames[2][50:60, 50:90] += 5000
    found = normal(dome_flat(frames, gain=GAIN, read_noise=3.0))
    error = found.data / truth() - 1
    limit = (1 / (sum(levels) * GAIN)) ** 0.5
    assert error.std() < 1.1 * limit
    pull = (found.data - truth()) / np.sqrt(found.variance)
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    binned = error.reshape(16, 16, 20, 16).mean(axis=(1, 3))
    assert binned.std() < 5e-4
    assert found.levels == pytest.approx(levels, rel=0.12)


def test_gain_is_measured_where_it_is_unknown() -> None:
    frames = exposures((20000.0, 21000.0, 20500.0))
    frames[0][10, 10] += 20000
    found = dome_flat(frames, read_noise=3.0)
    assert found.data[10, 10] < 1.05 * found.level
    assert found.n_outliers < 20


def test_twilight_flat_has_no_stars() -> None:
    frames = exposures((30000.0, 22000.0, 15000.0, 10000.0, 8000.0), stars=True)
    found = normal(twilight_flat(frames, gain=GAIN, read_noise=3.0))
    error = (found.data - truth()) / np.sqrt(found.variance)
    assert abs(np.median(error)) < 0.3
    assert (np.abs(error) > 6).sum() < 5
    assert found.n_outliers > 100


def test_master_flat_takes_each_frequency_from_the_better() -> None:
    dome = dome_flat(exposures((20000.0,) * 8, tilt=0.05), gain=GAIN, read_noise=3.0)
    twilight = twilight_flat(exposures((15000.0,) * 3), gain=GAIN, read_noise=3.0)
    both = normal(master_flat(dome, twilight, scale=24.0))
    error = both.data / truth() - 1
    assert np.abs(error.reshape(16, 16, 20, 16).mean(axis=(1, 3))).max() < 1.2e-3, "the light of the twilight"
    limit = (1 / (8 * 20000 * GAIN)) ** 0.5
    assert (error - error.mean()).std() < 1.3 * limit, "the noise of the dome flat"
    assert np.median(np.sqrt(both.variance)) == pytest.approx(limit, rel=0.1)
    assert np.abs(error[:, 77]).mean() < 3 * limit, "a cold column does not leak"
    assert master_flat(dome, twilight, "dome") is dome
    assert master_flat(None, twilight, "twilight") is twilight


def test_masked_and_dead_pixels() -> None:
    frames = exposures((20000.0,) * 3)
    masks = [np.zeros(SHAPE, np.uint16) for _ in frames]
    for mask in masks:
        mask[5, 5] = Bit.SATURATED
    for one in frames:
        one[6, 6] = -4.0
    found = normal(dome_flat(frames, gain=GAIN, read_noise=3.0, masks=masks))
    assert found.mask[5, 5] == Bit.NO_DATA and found.mask[6, 6] & Bit.BAD
    assert found.data[5, 5] == 1 and found.data[6, 6] == 1
    assert np.isfinite(found.data).all() and np.isfinite(found.variance).all()


def test_chips_of_a_mosaic_share_one_level() -> None:
    bright = dome_flat(exposures((20000.0,) * 3), gain=GAIN)
    faint = dome_flat(exposures((10000.0,) * 3), gain=GAIN)
    level = mosaic_level([bright, faint])
    flats = [normalise(one, level) for one in (bright, faint)]
    assert flats[0].level / flats[1].level == pytest.approx(2.0, rel=0.01)
    assert np.median(np.concatenate([one.data.ravel() for one in flats])) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("make", [dome_flat, twilight_flat])
def test_a_dark_flat_is_refused(make: Any) -> None:
    with pytest.raises(PermanentError, match="flat 2 of 2"):
        make([np.full((20, 20), 100.0), np.zeros((20, 20))])


def test_other_refusals() -> None:
    flat = dome_flat(exposures((20000.0,) * 2), gain=GAIN)
    with pytest.raises(PermanentError, match="needs a twilight flat"):
        master_flat(flat, None)
    with pytest.raises(PermanentError, match="unknown"):
        master_flat(flat, flat, "sky")
    with pytest.raises(PermanentError, match="no light"):
        normalise(flat, 0.0)


def test_the_step_between_amplifiers_is_not_in_the_flat() -> None:
    gain = np.where(np.arange(SHAPE[1]) < 160, 1.5, 2.5)[None, :] * np.ones((SHAPE[0], 1))
    frames = [frame * GAIN / gain for frame in exposures((20000.0,) * 4)]
    found = normal(dome_flat(frames, gain=gain, read_noise=3.0))
    assert (found.data / truth()).std() < 2 * (1 / (4 * 20000 * GAIN)) ** 0.5


def test_a_dead_half_is_bad_and_not_blown_up() -> None:
    rng = np.random.default_rng(12)
    frames = [rng.poisson(20_000, (120, 160)).astype(np.float32) for _ in range(4)]
    for one in frames:
        one[:, 100:] = rng.normal(0, 5, (120, 60))
    flat = dome_flat(frames, 1.0, 5.0)
    found = normalise(flat, flat.level)
    assert (found.mask[:, 100:] & Bit.BAD != 0).all()
    assert (found.mask[:, :100] == 0).all()
    assert found.data[:, :100].mean() == pytest.approx(1.0, abs=0.01) and (found.data[:, 100:] == 1.0).all()
