from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.nightskyflat import night_sky

SHAPE = (240, 320)


def test_large_scales_are_found_and_stars_are_not() -> None:
    rng = np.random.default_rng(21)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    true = 1.0 + 0.02 * (x - 160) / 160 - 0.015 * ((y - 120) / 120) ** 2
    frames = []
    for level in (800.0, 1500.0, 1100.0, 900.0, 1300.0):
        frame = level * true
        for _ in range(12):
            cy, cx = rng.uniform(0, 240), rng.uniform(0, 320)
            frame = frame + rng.uniform(300, 2e4) * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 2.5**2)
        frames.append(rng.poisson(frame).astype(float))
    found = night_sky(frames, [None] * 5)
    off = found.data / (true / np.median(true)) - 1.0
    assert np.std(off) < 0.0015 and np.abs(off).max() < 0.006
    assert (found.mask == 0).all() and np.median(found.data) == pytest.approx(1.0, abs=1e-4)


def test_a_sky_of_zero_is_refused() -> None:
    with pytest.raises(PermanentError, match="above 0"):
        night_sky([np.zeros(SHAPE)] * 3, [None] * 3)
