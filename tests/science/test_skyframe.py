from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.mask import Bit
from awe.science.skyframe import neighbours, sky_frame

SHAPE = (160, 200)


def dithers(number: int = 9) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames with the same fixed pattern, a sky level that drifts, and stars that move from frame to frame."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    pattern = 20 * np.sin(x / 30.0) + rng.normal(0, 5, SHAPE)
    stars = rng.uniform(-20, 220, (40, 2))
    frames = []
    for k in range(number):
        dy, dx = rng.uniform(-15, 15, 2)
        frame = 5000 + 40 * k + pattern + rng.normal(0, 10, SHAPE)
        for j, i in stars:
            r2 = (y - j - dy) ** 2 + (x - i - dx) ** 2
            frame += 2000 / (1 + r2 / 4.0) ** 2.5
        frames.append(frame.astype(np.float32))
    return frames, pattern


def test_sky_has_pattern_but_no_stars() -> None:
    frames, pattern = dithers()
    skies = sky_frame(frames, window=8)
    for k, sky in enumerate(skies):
        rest = sky.data - sky.level - (pattern - np.median(pattern))
        assert abs(np.median(rest)) < 1.5
        assert rest.std() < 1.6 * 10 / 8**0.5
        assert sky.level == pytest.approx(5000 + 40 * k + np.median(pattern), abs=4)
        assert k not in sky.neighbours and len(sky.neighbours) == 8
    assert np.median(skies[4].variance) == pytest.approx(1.57 * 100 / 8, rel=0.5)


def test_scaled_and_unmatched() -> None:
    frames, _ = dithers(5)
    scaled = sky_frame([frame * (1 + 0.1 * k) for k, frame in enumerate(frames)], match="scale", which=[2])[0]
    assert np.median(scaled.data) == pytest.approx(scaled.level, rel=1e-3)
    plain = sky_frame(frames, match="none", which=[0])[0]
    assert np.median(plain.data) > plain.level + 50


def test_pixels_that_no_neighbour_has() -> None:
    frames, _ = dithers(4)
    masks = [np.zeros(SHAPE, np.uint16) for _ in frames]
    for mask in masks:
        mask[3, 4] = Bit.BAD
    sky = sky_frame(frames, masks)[1]
    assert sky.mask[3, 4] == Bit.NO_DATA and np.isfinite(sky.data).all() and np.isfinite(sky.variance).all()


def test_neighbours_are_the_nearest() -> None:
    assert neighbours(9, 4, 4) == (2, 3, 5, 6)
    assert neighbours(9, 0, 3) == (1, 2, 3)
    assert neighbours(3, 1, 8) == (0, 2)


def test_refusals() -> None:
    frames, _ = dithers(2)
    with pytest.raises(PermanentError, match="two or more"):
        sky_frame(frames[:1])
    with pytest.raises(PermanentError, match="unknown"):
        sky_frame(frames, match="guess")
    with pytest.raises(PermanentError, match="no good pixel"):
        sky_frame([frames[0], np.full(SHAPE, np.nan, np.float32)])
