"""Raw frames: the sky of a chip that stands on its side."""
from __future__ import annotations

import json

import pytest

from awe.science.wcs import read_wcs
from awe.targets import RawScienceFrame

CARDS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.0, "CRPIX2": 4.0,
         "CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 1e-5, "CD2_2": 1.1e-4}


@pytest.mark.parametrize(("flip_x", "flip_y"), [(False, False), (True, False), (True, True)])
def test_a_turned_chip_keeps_its_sky(flip_x, flip_y):
    amplifier = {"data": [0, 8, 2, 12], "position": [0, 10, 0, 8], "transpose": True, "flip_x": flip_x, "flip_y": flip_y}
    raw = RawScienceFrame(wcs=json.dumps(CARDS), amplifiers=json.dumps([amplifier]))
    row, column = 5, 9
    y, x = column - 2, row
    y, x = (9 - y if flip_y else y), (7 - x if flip_x else x)
    there, here = read_wcs(CARDS), read_wcs(raw.trimmed_wcs())
    assert here.pixel_to_sky(x, y) == pytest.approx(there.pixel_to_sky(column, row), abs=1e-9)
