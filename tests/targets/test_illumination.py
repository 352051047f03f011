"""Residuals of frames that were made with another flat are brought to the flat that a correction is relative to."""
from __future__ import annotations

import numpy as np
import pytest

from awe.targets import MasterFlat
from awe.targets.illuminationcorrection import IlluminationCorrection, ratio_of
from awe.targets.image import Image


def flat(slope: float, value: bytes) -> MasterFlat:
    """A flat that rises along x, with one dead pixel."""
    x = np.linspace(-1, 1, 120)
    made, mask = MasterFlat(), np.zeros((90, 120), np.uint16)
    mask[40, 50] = 1
    made.image = Image((1.0 + slope * x) * np.ones((90, 1)), variance=np.zeros((90, 120)), mask=mask)
    made.value = value
    return made


def test_the_flat_that_was_used_is_backed_out():
    old, new = flat(0.06, b"old"), flat(0.0, b"new")
    assert np.allclose(ratio_of(old, new, 2.0)[:, 10:110], old.image.data[:, 10:110], atol=2e-3)
    correction = IlluminationCorrection(flat=new, flat_smoothing=2.0)
    correction.image = Image(1.0 + 0.02 * np.linspace(-1, 1, 120) * np.ones((90, 1)))
    assert correction.of_flat(new) is correction.image.data
    response = old.image.data * correction.of_flat(old)
    assert response[:, 10:110] == pytest.approx(correction.image.data[:, 10:110], abs=2e-3), "flat times correction is one response"
