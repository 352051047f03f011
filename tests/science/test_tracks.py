"""Tracks: found whatever their direction and width, masked in their width, and not seen where there are none."""
from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from awe.errors import FitsError
from awe.science import tracks as tracks_module
from awe.science.mask import Bit
from awe.science.tracks import tracks

SHAPE = (500, 640)


def sky(seed: int, stars: int = 120) -> np.ndarray:
    """Noise of 10 about a level of 100 with a gradient, and stars of 3 pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    image = rng.normal(100, 10, SHAPE) + 0.05 * x
    for _ in range(stars):
        cy, cx = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        box = slice(max(0, int(cy) - 12), int(cy) + 13), slice(max(0, int(cx) - 12), int(cx) + 13)
        image[box] += 10 ** rng.uniform(1.5, 4) * np.exp(-((y[box] - cy) ** 2 + (x[box] - cx) ** 2) / (2 * 1.3**2))
    return image


def line(angle: float, width: float, height: float, ends: tuple[float, float] = (-1e9, 1e9)) -> np.ndarray:
    """A track through a point near the middle, `angle` in degrees from the x axis."""
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = (x - 330) * cos + (y - 240) * sin, (y - 240) * cos - (x - 330) * sin
    return height * np.exp(-0.5 * (across / (width / 2.355)) ** 2) * ((along > ends[0]) & (along < ends[1]))


@pytest.mark.parametrize(("angle", "width", "height"), [(12, 3, 15), (57, 4, 40), (88, 3, 500), (121, 12, 25), (169, 5, 20)])
def test_masks_a_track_in_its_width(angle: float, width: float, height: float) -> None:
    light = line(angle, width, height)
    found = tracks(sky(angle) + light)
    assert len(found.tracks) == 1
    masked = found.mask == Bit.SATELLITE
    assert masked[light > 0.1 * height].mean() > 0.95
    assert masked[light < 1e-4 * height].mean() < 0.005


def test_two_tracks_and_one_that_ends() -> None:
    first, second = line(30, 4, 40), line(140, 4, 40, ends=(-1e9, 60.0))
    found = tracks(sky(2) + first + second)
    assert len(found.tracks) == 2
    masked = found.mask != 0
    assert masked[(first > 4) | (second > 4)].mean() > 0.95
    beyond = line(140, 4, 40, ends=(160.0, 1e9)) > 4
    assert masked[beyond].mean() < 0.1, "the second ends inside the frame"


@pytest.mark.parametrize("seed", range(3))
def test_nothing_where_there_is_none(seed: int) -> None:
    assert tracks(sky(seed, 400)).tracks == ()


@pytest.mark.parametrize("seed", (0, 4))
def test_rows_that_drift_together_are_no_tracks(seed: int) -> None:
    drift = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, SHAPE), (2, 100))
    assert tracks(sky(seed) + 3.0 / drift.std() * drift).tracks == ()


def test_columns_of_the_detector_and_nothing_at_all_are_no_tracks() -> None:
    image = sky(7)
    image[:, 200:203] += 60
    assert tracks(image).tracks == ()
    assert tracks(np.full((300, 300), np.nan)).tracks == ()
    assert tracks(np.full((300, 300), 5.0)).tracks == ()
    assert tracks(np.zeros((20, 30))).tracks == ()
    with pytest.raises(FitsError, match="mask of its shape"):
        tracks(np.zeros((20, 30)), np.zeros((20, 31)))


def test_a_faint_row_of_sources_is_no_track_and_a_bright_one_that_flashes_is():
    even, uneven = np.array([12.0, 13.0, 11.0, 12.5, 14.0, 12.0]), np.array([4.0, 16.0, 89.0, 9.5, 5.0, 16.0])
    assert tracks_module._is_even(even, 1.8) and not tracks_module._is_even(uneven, 1.8)
    assert tracks_module._is_even(10.0 * uneven, 1.8)
