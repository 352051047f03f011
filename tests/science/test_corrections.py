"""Corrections that are made where the instrument file asks: cross talk before linearity, a further flat, a scaled pattern."""
from __future__ import annotations

import numpy as np
import pytest

from awe.science.amplifier import Amplifier
from awe.science.assemble import assemble
from awe.science.calibrate import calibrate, divide, subtract
from awe.science.crosstalk import polluted
from awe.science.fringe import fringe_scale
from awe.science.mask import Bit

SHAPE, BEND = (120, 160), 2e-6
TALK = np.array([[0.0, 2e-3], [-1e-3, 0.0]])
LEFT = Amplifier("L", 0, (0, 120, 0, 80), (0, 120, 0, 80), overscan=(0, 120, 80, 90), gain=2.0, read_noise=6.0, linearity=(1.0, BEND))
RIGHT = Amplifier("R", 0, (0, 120, 100, 180), (0, 120, 80, 160), overscan=(0, 120, 90, 100), gain=2.0, read_noise=6.0,
                  linearity=(1.0, BEND))


def light(seed: int = 1) -> np.ndarray:
    """Bright stars on nothing, ADU."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    return sum(rng.uniform(1e4, 5e4) * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 3.0**2)
               for cy, cx in rng.uniform((10, 10), (110, 150), (8, 2)))


def read(true: np.ndarray) -> np.ndarray:
    """The raw file: bent by the amplifiers, then mixed on the way out, which both do at opposite ends; overscan between them."""
    bent = (np.sqrt(1 + 4 * BEND * true) - 1) / (2 * BEND)
    left, right = bent[:, :80], bent[:, 80:][:, ::-1]
    mixed = left + TALK[0, 1] * right, (right + TALK[1, 0] * left)[:, ::-1]
    return 500.0 + np.concatenate([mixed[0], np.zeros((120, 20)), mixed[1]], axis=1)


@pytest.mark.parametrize("turned", [False, True])
def test_cross_talk_is_taken_off_before_linearity(turned: bool) -> None:
    true, amplifiers = light(), [LEFT, RIGHT]
    raw = read(true)
    if turned:
        amplifiers = [Amplifier(one.name, 0, _turned(one.data), one.position, overscan_y=_turned(one.overscan), gain=2.0, read_noise=6.0,
                                linearity=one.linearity, transpose=True) for one in amplifiers]
        raw = np.ascontiguousarray(raw.T)
    plain = assemble({0: raw}, amplifiers, "none" if turned else "constant")
    clean = plain.without_crosstalk(TALK)
    level = 500.0 if turned else 0.0
    if not turned:
        assert np.abs(plain.data - true).max() > 30.0
        assert np.abs(clean.data - true).max() < 1.0, "second order: the coefficient squared"
        assert np.array_equal(clean.band(30, 50)[0], clean.data[30:50]) and np.array_equal(clean[30:50], clean.data[30:50])
    else:
        gone = plain.data - clean.data
        assert gone[:, :80].max() == pytest.approx(TALK[0, 1] * (raw.max(axis=1)[100:].max() - level), rel=0.3)
    marked = polluted(plain.data, clean.data, plain.amplifiers, (3.0, 3.0))
    assert ((marked == Bit.CROSSTALK) == (np.abs(clean.data - plain.data) > 3.0)).all() and 0 < (marked != 0).mean() < 0.2


def test_a_further_flat_and_a_scaled_pattern() -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    response = (1.0 + 0.05 * (x - 80) / 80).astype(np.float32)
    pattern = (0.03 * np.sin(2 * np.pi * (x + 0.4 * y) / 20.0)).astype(np.float32)
    one = Amplifier("A", 0, (0, 120, 0, 160), (0, 120, 0, 160), gain=1.0, read_noise=5.0)
    sky = 4000.0
    electrons = rng.poisson(sky * (1.0 + pattern) * response) + rng.normal(0, 5.0, SHAPE)
    frame = calibrate(assemble({0: electrons.astype(np.float32)}, [one], "none"))
    mask = np.zeros(SHAPE, np.uint16)
    mask[:, :3] = Bit.NO_DATA
    flat = divide(frame, response, np.zeros(SHAPE, np.float32), mask)
    assert np.polyfit(x[0, 3:], flat.data[:, 3:].mean(axis=0), 1)[0] * 160 == pytest.approx(0.0, abs=0.004 * sky)
    assert (flat.weight[:, :3] == 0).all() and (flat.mask[:, :3] & Bit.NO_DATA != 0).all()
    found = fringe_scale(flat.data, pattern, flat.mask, background=30.0)
    assert found.scale == pytest.approx(sky, rel=0.05) and found.error < 0.02 * sky
    clean = subtract(flat, np.float32(found.scale) * pattern, np.full(SHAPE, 4.0, np.float32), np.zeros_like(mask))
    rest = (clean.data - sky)[:, 3:]
    assert rest.std() == pytest.approx((sky + 25.0) ** 0.5, rel=0.05)
    pull = rest * clean.weight[:, 3:] ** 0.5
    assert pull.std() == pytest.approx(1.0, abs=0.03)
    assert clean.variance[60, 60] == pytest.approx(flat.variance[60, 60] + 4.0)


def _turned(section: tuple[int, int, int, int] | None) -> tuple[int, int, int, int]:
    assert section is not None
    return section[2], section[3], section[0], section[1]
