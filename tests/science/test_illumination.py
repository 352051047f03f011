"""A known response is found from stars, against a catalogue and against themselves; what tells nothing is refused."""
from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.illumination import Illumination, illumination

SHAPE = (200, 300)


def true(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The response to stars: 8 % from the middle to a corner, and a slope."""
    u, v = x / 149.5 - 1.0, y / 99.5 - 1.0
    return 1.0 - 0.04 * (u * u + v * v) + 0.02 * u


def observe(stars: int, frames: int, dither: float, seed: int = 1, wrong: float = 0.05) -> dict[str, np.ndarray]:
    """Measured magnitudes of stars on dithered frames, each with a zero point of its own; some are wrong by much."""
    rng = np.random.default_rng(seed)
    sky = rng.uniform((-100, -100), (400, 300), (stars, 2))
    magnitude = rng.uniform(15, 19, stars)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "y", "known", "free", "error", "frame", "star")}
    for number in range(frames):
        x, y = (sky + rng.uniform(-dither, dither, 2) * (number > 0)).T
        seen = (x >= 0) & (x < 300) & (y >= 0) & (y < 200)
        error = 0.003 + 0.02 * 10 ** (0.4 * (magnitude[seen] - 19))
        measured = magnitude[seen] - 2.5 * np.log10(true(x[seen], y[seen])) + 0.1 * number + rng.normal(0, error)
        measured += np.where(rng.random(len(measured)) < wrong, -0.5, 0.0)
        for name, values in zip(columns, (x[seen], y[seen], magnitude[seen] - measured, -measured, error, np.full(seen.sum(), number),
                                          np.flatnonzero(seen)), strict=True):
            columns[name].append(values)
    return {name: np.concatenate(values) for name, values in columns.items()}


def error_of(found: Illumination, is_free: bool) -> np.ndarray:
    """Found over true response, whose median is 1; stars compared with themselves do not tell the slope."""
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    truth = true(x, y) * (1.0 - 0.02 * (x / 149.5 - 1.0) if is_free else 1.0)
    return found.data / (truth / np.median(truth)) - 1.0


@pytest.mark.parametrize("is_free", [False, True])
def test_the_response_is_found(is_free: bool) -> None:
    seen = observe(400, 6, 60.0)
    found = illumination(seen["x"], seen["y"], seen["free" if is_free else "known"], seen["error"], seen["frame"], SHAPE,
                         star=seen["star"] if is_free else None)
    assert np.abs(error_of(found, is_free)).max() < 0.008
    assert np.abs(error_of(found, is_free) / found.variance**0.5).mean() < 2.0
    assert found.after < 0.012 and found.after < 0.5 * found.before
    assert 0.7 < found.used.mean() < 0.97, "what is wrong by much is left out, and takes some of the same star along"


def test_what_tells_nothing_is_refused() -> None:
    seen = observe(100, 3, 0.0)
    with pytest.raises(PermanentError, match="not dithered"):
        illumination(seen["x"], seen["y"], seen["free"], seen["error"], seen["frame"], SHAPE, star=seen["star"])
    few = observe(10, 1, 0.0)
    with pytest.raises(PermanentError, match="more exposures"):
        illumination(few["x"], few["y"], few["known"], few["error"], few["frame"], SHAPE, order=3)


def test_no_illumination_gives_one() -> None:
    seen = observe(400, 4, 60.0, seed=3)
    flat = seen["known"] - 2.5 * np.log10(true(seen["x"], seen["y"]))
    found = illumination(seen["x"], seen["y"], flat, seen["error"], seen["frame"], SHAPE)
    assert np.abs(found.data - 1.0).max() < 0.006 and np.median(found.data) == pytest.approx(1.0)
