from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.particles import particle_events

NOISE = 5.0


def darks(number: int, hits: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(9)
    frames, places = [], []
    for _ in range(number):
        frame = rng.normal(0, NOISE, (300, 400))
        where = rng.permutation(300 * 400 // 100)[:hits]
        for one in where:
            y, x = divmod(int(one), 40)
            frame[10 * y + 3, 10 * x + 2:10 * x + 5] += 400.0
        frames.append(frame)
        places.append(where)
    return frames, places


def test_events_are_counted_once_each() -> None:
    frames, _ = darks(3, 25)
    found = particle_events(frames, [100.0] * 3, np.full(frames[0].shape, NOISE), [None] * 3)
    assert len(found.charges) == pytest.approx(75, abs=2)
    assert np.median(found.charges) == pytest.approx(1200, rel=0.02) and np.median(found.sizes) == 3
    assert found.rate == pytest.approx(25 / (100 * 0.12), rel=0.05)
    assert found.rate_error == pytest.approx(found.rate / len(found.charges) ** 0.5)


def test_what_stays_at_its_place_is_no_event() -> None:
    frames, _ = darks(3, 0)
    for frame in frames:
        frame[50, 50] += 1e4
    found = particle_events(frames, [100.0] * 3, np.full(frames[0].shape, NOISE), [None] * 3)
    assert len(found.charges) == 0 and found.rate == 0 and found.rate_error > 0


def test_nothing_to_look_at_is_refused() -> None:
    frames, _ = darks(1, 0)
    noise = np.full(frames[0].shape, NOISE)
    with pytest.raises(PermanentError, match="exposure times"):
        particle_events(frames, [0.0], noise, [None])
    with pytest.raises(PermanentError, match="masked"):
        particle_events(frames, [1.0], noise, [np.ones(noise.shape, bool)])
