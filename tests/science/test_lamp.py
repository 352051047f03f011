from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.flat import Flat
from awe.science.lamp import without_lamp

SHAPE = (150, 260)


def flat(light: np.ndarray) -> Flat:
    """A dome flat of a chip whose columns respond differently, with a dead corner, under some light."""
    rng = np.random.default_rng(7)
    columns = 1.0 + 0.02 * rng.normal(size=SHAPE[1])
    mean = 20_000.0 * light * columns
    mask = np.zeros(SHAPE, np.uint16)
    mask[:20, :20] = 1
    data = np.where(mask != 0, 0.0, rng.normal(mean, mean**0.5 / 3)).astype(np.float32)
    return Flat(data, np.full(SHAPE, 2000.0, np.float32), mask, float(np.median(data)), (20_000.0,), 0)


def test_the_lamp_goes_and_the_pixels_stay() -> None:
    y, x = np.mgrid[-1:1:SHAPE[0] * 1j, -1:1:SHAPE[1] * 1j]
    lamp = 1.0 + 0.1 * x - 0.05 * y * y + 0.03 * x * y
    found, even = without_lamp(flat(lamp), 2), flat(np.ones(SHAPE))
    good = even.mask == 0
    ratio = (found.data / np.where(good, even.data, 1.0))[good]
    assert np.abs(ratio / np.median(ratio) - 1).mean() < 0.01
    slopes = np.polyfit(x[good], ratio, 1)
    assert abs(slopes[0]) < 0.002 < abs(np.polyfit(x[good], (flat(lamp).data / np.where(good, even.data, 1.0))[good], 1)[0])
    assert np.corrcoef(np.median(found.data, axis=0)[30:], np.median(even.data, axis=0)[30:])[0, 1] > 0.99
    assert found.variance[100, 5] > found.variance[100, 250], "where the lamp is faint more is made of less"


def test_what_cannot_be_told_is_refused() -> None:
    dead = flat(np.ones(SHAPE))
    dead.mask[:] = 1
    with pytest.raises(PermanentError, match="lower lamp_degree"):
        without_lamp(dead, 2)
