import dataclasses
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.instruments import load, plausible
from tests.instruments.conftest import MINIMAL, example_text

STATED = load(example_text())
GENERAL = load(MINIMAL)


@pytest.mark.parametrize(
    "purpose,median,stdev,exptime",
    [
        ("bias", 1000, 5, 0),
        ("dark", 1010, 8, 600),
        ("domeflat", 20000, 150, 5),
        ("twilightflat", 20000, 150, 5),
        ("science", 1500, 60, 300),
        ("science", 40000, 100, 10),
    ],
)
def test_good_frames(purpose, median, stdev, exptime):
    assert plausible(purpose, median, stdev, exptime, STATED) == []
    assert plausible(purpose, median, stdev, exptime, GENERAL) == []


@pytest.mark.parametrize(
    "purpose,median,stdev,exptime,words",
    [
        ("domeflat", 1000, 5, 5, "looks like a bias"),
        ("twilightflat", 1003, 5, 5, "looks like a bias"),
        ("bias", 20000, 150, 0, "looks like a domeflat"),
        ("bias", 1000, 5, 300, "is a dark or a flat"),
        ("dark", 1000, 5, 0, "is a bias"),
        ("domeflat", 20000, 150, 0, "is a bias"),
        ("domeflat", 59000, 150, 5, "saturation"),
        ("domeflat", 3000, 60, 5, "outside 5000 to 50000"),
        ("science", 1000, 0, 60, "no image"),
        ("bias", nan, 5, 0, "no median"),
    ],
)
def test_bad_frames(purpose, median, stdev, exptime, words):
    problems = plausible(purpose, median, stdev, exptime, STATED)
    assert any(words in problem for problem in problems) and all("\n" not in problem for problem in problems)


def test_without_levels_the_noise_tells():
    assert "quieter than light" in plausible("domeflat", 1311, 6, 10, GENERAL)[0]
    assert plausible("domeflat", 1311, 30, 10, GENERAL) == []


def test_the_overscan_tells_more():
    assert "looks like a bias" in plausible("domeflat", 1630, 80, 10, GENERAL, overscan=1625)[0]
    assert plausible("domeflat", 22000, 80, 10, GENERAL, overscan=1625) == []
    assert "saw light" in plausible("bias", 22000, 80, 0, GENERAL, overscan=1625)[0]
    assert plausible("bias", 1626, 1.2, 0, GENERAL, overscan=1625) == []


@given(st.floats(100, 60000), st.floats(0.3, 10), st.floats(1, 12))
def test_a_flat_with_photon_noise_is_never_called_a_bias(signal, gain, read_noise):
    level = 300.0
    camera = dataclasses.replace(GENERAL, levels={"bias": (level - 20, level + 20)})
    stdev = (signal / gain + read_noise**2) ** 0.5
    assert plausible("domeflat", level + signal, stdev, 5.0, camera) == []
