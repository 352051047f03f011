"""Frames with nothing in them: the steps of the detector say so by masks and weights, and invent nothing."""
from __future__ import annotations

import numpy as np
import pytest

from awe.science.assemble import Assembled, assemble
from awe.science.bias import master_bias
from awe.science.calibrate import calibrate
from awe.science.cosmic import cosmic_rays
from awe.science.mask import Bit
from awe.science.readnoise import read_noise
from awe.science.tracks import tracks

SHAPE = (120, 150)


def chip(pixels: np.ndarray) -> Assembled:
    """A frame of one amplifier without overscan."""
    return assemble({0: pixels}, [{"name": "A", "hdu": 0, "data": [0, SHAPE[0], 0, SHAPE[1]], "position": [0, SHAPE[0], 0, SHAPE[1]],
                                   "gain": 2.0, "read_noise": 5.0, "saturation": 60_000}], "none")


@pytest.mark.parametrize(("value", "bit"), [(np.nan, Bit.NO_DATA), (65_000.0, Bit.SATURATED)])
def test_nothing_usable_has_no_weight(value: float, bit: Bit) -> None:
    frame = calibrate(chip(np.full(SHAPE, value, np.float32)))
    assert (frame.mask & bit != 0).all() and (frame.weight == 0).all()
    assert np.isfinite(frame.data).all() and frame.sky == 0.0
    assert cosmic_rays(frame.data, mask=frame.mask, unlit=frame.unlit).count == 0
    assert tracks(frame.data, frame.mask).tracks == ()


def test_a_constant_frame_has_no_hits_and_no_tracks() -> None:
    frame = calibrate(chip(np.full(SHAPE, 1000, np.uint16)), exptime=0.0)
    assert (frame.mask == 0).all() and frame.sky == 2000.0
    assert cosmic_rays(frame.data, mask=frame.mask, unlit=frame.unlit).count == 0
    assert tracks(frame.data).tracks == ()


def test_constant_biases_have_no_noise() -> None:
    frames = [np.full(SHAPE, 1000, np.uint16)] * 3
    measured = read_noise(frames)
    assert measured.read_noise == (0.0,)
    found = master_bias(frames, 0.0)
    assert (found.data == 1000).all() and (found.mask == 0).all()


def test_half_of_the_chip_without_data() -> None:
    pixels = np.full(SHAPE, 500.0, np.float32)
    pixels[:, 75:] = np.nan
    frame = calibrate(chip(pixels))
    assert frame.sky == 1000.0
    assert (frame.weight[:, :75] > 0).all() and (frame.weight[:, 75:] == 0).all()
