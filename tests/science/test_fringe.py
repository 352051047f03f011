from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.fringe import fringe_frame, fringe_scale

SHAPE = (256, 256)


def pattern() -> np.ndarray:
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    return 0.02 * np.sin(2 * np.pi * (x + 0.4 * y + 6 * np.sin(y / 25)) / 20.0)


def frames(number: int) -> tuple[list[np.ndarray], list[float]]:
    """Dithered frames with stars, a sky of their own each, and the pattern in proportion to it."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    levels = [float(rng.uniform(2000, 6000)) for _ in range(number)]
    found = []
    for level in levels:
        frame = level * (1.0 + pattern() + 0.01 * x / SHAPE[1])
        for _ in range(15):
            cy, cx = rng.uniform(0, 256, 2)
            frame = frame + rng.uniform(500, 3e4) * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 2.0**2)
        found.append(frame + rng.normal(0, 1, SHAPE) * np.sqrt(frame))
    return found, levels


def test_pattern_and_scale_are_found() -> None:
    stack, levels = frames(7)
    found = fringe_frame(stack, [None] * 7, levels)
    true = pattern()
    assert np.corrcoef(found.data.ravel(), true.ravel())[0, 1] > 0.85
    slope = float((found.data * true).sum() / (true**2).sum())
    assert slope == pytest.approx(1.0, abs=0.05)
    assert found.amplitude == pytest.approx(np.std(true), rel=0.25)
    scale = fringe_scale(stack[0], found.data)
    assert scale.scale * slope == pytest.approx(levels[0], rel=0.08) and scale.error < 0.02 * levels[0]


def test_no_fringes_give_no_amplitude_and_no_scale() -> None:
    rng = np.random.default_rng(2)
    plain = [3000.0 + rng.normal(0, 50, SHAPE) for _ in range(6)]
    found = fringe_frame(plain, [None] * 6, [3000.0] * 6)
    assert found.amplitude < 2e-3
    scale = fringe_scale(3000.0 + rng.normal(0, 50, SHAPE), pattern())
    assert abs(scale.scale) < 5 * scale.error
    assert fringe_scale(plain[0], np.zeros(SHAPE)).n_pixels == 0


def test_too_little_is_refused() -> None:
    stack, levels = frames(2)
    with pytest.raises(PermanentError, match="three or more"):
        fringe_frame(stack, [None] * 2, levels)
    with pytest.raises(PermanentError, match="sky above 0"):
        fringe_frame([*stack, stack[0]], [None] * 3, [*levels, 0.0])
