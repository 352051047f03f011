from __future__ import annotations

import numpy as np
import pytest

from awe.science.amplifier import Amplifier
from awe.science.cte import parallel_inefficiency, serial_inefficiency

BIAS, NOISE, SIGNAL = 1000.0, 3.0, 20_000.0


def flat(rng: np.random.Generator, inefficiency: float, mirrored: bool = False) -> np.ndarray:
    """A flat read along rows and columns, whose last pixels leave charge behind."""
    raw = np.full((140, 230), BIAS)
    raw[:120, :200] += SIGNAL
    raw[:120, 200] += SIGNAL * 200 * inefficiency * 0.8
    raw[:120, 201] += SIGNAL * 200 * inefficiency * 0.2
    raw[120, :200] += SIGNAL * 120 * inefficiency
    raw += rng.normal(0, NOISE, raw.shape)
    return raw[:, ::-1] if mirrored else raw


def amplifier(mirrored: bool = False) -> Amplifier:
    columns = ((30, 230), (0, 30)) if mirrored else ((0, 200), (200, 230))
    return Amplifier("A", 0, (0, 120, *columns[0]), (0, 120, 0, 200), overscan=(0, 120, *columns[1]),
                     overscan_y=(120, 140, *columns[0]))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("true", [0.0, 1e-6, 5e-5])
def test_deferred_charge_is_found(true: float, mirrored: bool) -> None:
    rng = np.random.default_rng(6)
    raws = [flat(rng, true, mirrored) for _ in range(3)]
    for measure in (serial_inefficiency, parallel_inefficiency):
        found = measure(raws, amplifier(mirrored))
        assert abs(found.inefficiency - true) < 4 * found.error
        assert found.error < 4e-7 and found.signal == pytest.approx(SIGNAL, rel=1e-3) and len(found.tail) == 4


def test_without_overscan_nothing_is_said() -> None:
    rng = np.random.default_rng(6)
    bare = Amplifier("A", 0, (0, 120, 0, 200), (0, 120, 0, 200))
    apart = Amplifier("A", 0, (0, 120, 0, 200), (0, 120, 0, 200), overscan=(0, 120, 205, 230))
    for one in (bare, apart):
        assert np.isnan(serial_inefficiency([flat(rng, 1e-5)], one).inefficiency)


def test_without_light_nothing_is_said() -> None:
    rng = np.random.default_rng(6)
    assert np.isnan(serial_inefficiency([np.full((140, 230), BIAS) + rng.normal(0, NOISE, (140, 230))], amplifier()).inefficiency)
