from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.shutter import shutter_delay


def flats(times: list[float]) -> tuple[list[np.ndarray], np.ndarray]:
    """Flats of an iris whose blades open from the middle, and the true delay."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:256, :320]
    delay = 0.05 - 0.03 * ((y - 128) ** 2 + (x - 160) ** 2) / 160**2
    response = 1.0 + 0.1 * (x - 160) / 160
    return [rng.poisson(3000.0 * response * (time + delay)).astype(float) for time in times], delay


def test_delay_is_found() -> None:
    times = [1.0, 2.0, 4.0, 8.0, 1.0]
    frames, true = flats(times)
    found = shutter_delay(frames, times, [None] * 5)
    blocks = true.reshape(8, 32, 10, 32).mean(axis=(1, 3))
    pull = (found.delay - blocks) / np.sqrt(found.variance)
    assert np.abs(found.delay - blocks).max() < 4e-3 and 0.4 < pull.std() < 2.5
    assert found.mean == pytest.approx(np.median(blocks), abs=1e-3)
    assert found.spread == pytest.approx(blocks.max() - blocks.min(), rel=0.25)


def test_times_alike_are_refused() -> None:
    frames, _ = flats([5.0, 5.0, 6.0])
    with pytest.raises(PermanentError, match="take some shorter ones"):
        shutter_delay(frames, [5.0, 5.0, 6.0], [None] * 3)


def test_two_times_leave_no_scatter() -> None:
    frames, _ = flats([1.0, 8.0])
    assert np.isnan(shutter_delay(frames, [1.0, 8.0], [None] * 2).variance).all()


def test_saturated_flats_are_left_out() -> None:
    times = [1.0, 2.0, 4.0, 8.0]
    frames, true = flats(times)
    masks = [None, None, None, frames[3] > 1000]
    found = shutter_delay(frames, times, masks)
    assert np.abs(found.delay - true.reshape(8, 32, 10, 32).mean(axis=(1, 3))).max() < 6e-3
    with pytest.raises(PermanentError, match="not saturated were exposed for no s"):
        shutter_delay(frames, times, [frame > 1000 for frame in frames])
