from __future__ import annotations

import numpy as np
import pytest

from awe.science.amplifier import Amplifier
from awe.science.crosstalk import crosstalk, without_crosstalk

NOISE, TRUE = 5.0, np.array([[0.0, 8e-4], [-3e-4, 0.0]])
AMPLIFIERS = [Amplifier("L", 0, (0, 200, 0, 150), (0, 200, 0, 150), overscan=(0, 200, 150, 160)),
              Amplifier("R", 0, (0, 200, 170, 320), (0, 200, 150, 300), overscan=(0, 200, 160, 170))]


def frame(rng: np.random.Generator) -> np.ndarray:
    """Stars on two amplifiers read at both ends, and what each adds to the other."""
    y, x = np.mgrid[:200, :300]
    sky = np.full((200, 300), 300.0)
    for _ in range(14):
        cy, cx = rng.uniform(5, 195), rng.uniform(5, 295)
        sky += rng.uniform(8e3, 4e4) * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 2.5**2)
    left, right = sky[:, :150] - 300.0, sky[:, 150:][:, ::-1] - 300.0
    pixels = np.concatenate([left + TRUE[0, 1] * right, (right + TRUE[1, 0] * left)[:, ::-1]], axis=1) + 300.0
    return pixels + rng.normal(0, NOISE, pixels.shape)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [frame(rng) for _ in range(4)]


def test_coefficients_are_found_within_their_errors(frames: list[np.ndarray]) -> None:
    found = crosstalk(frames, [None] * 4, AMPLIFIERS)
    pull = (found.coefficients - TRUE)[~np.eye(2, dtype=bool)] / found.errors[~np.eye(2, dtype=bool)]
    assert np.abs(pull).max() < 4.0
    assert found.errors[0, 1] < 1e-4 and (found.n_pixels[0, 1] > 100)


def test_what_is_subtracted_is_gone(frames: list[np.ndarray]) -> None:
    clean = [without_crosstalk(one, AMPLIFIERS, TRUE) for one in frames]
    again = crosstalk(clean, [None] * 4, AMPLIFIERS)
    off = ~np.eye(2, dtype=bool)
    assert (np.abs(again.coefficients[off]) < 4 * again.errors[off]).all()
    assert np.median(clean[0]) == pytest.approx(np.median(frames[0]), abs=0.1)


def test_nothing_bright_is_nothing_measured() -> None:
    rng = np.random.default_rng(4)
    found = crosstalk([rng.normal(0, NOISE, (200, 300))], [None], AMPLIFIERS)
    assert np.isnan(found.coefficients[0, 1]) and found.coefficients[0, 0] == 0
    assert np.array_equal(without_crosstalk(frame(rng), AMPLIFIERS, found.coefficients),
                          without_crosstalk(frame(np.random.default_rng(4)), AMPLIFIERS, found.coefficients)) is False


def test_masked_aggressors_take_no_part(frames: list[np.ndarray]) -> None:
    masks = [one > 2000 for one in frames]
    assert np.isnan(crosstalk(frames, masks, AMPLIFIERS).coefficients[0, 1])
