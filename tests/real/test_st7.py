"""An SBIG ST-7 in the laboratory: gain and read noise, from biases and a ladder of flats, most of which are no use."""
from __future__ import annotations

import pytest

from awe.targets import Flag, GainLinearity, ReadNoise
from tests.real import house


@pytest.fixture(scope="module")
def measured(data, tmp_path_factory):
    instance = house.create(tmp_path_factory.mktemp("st7"), "st7")
    report = house.bring_in(data / "ccdchar_st7_a")
    assert report.counts() == {"ingested": 12}
    yield ReadNoise.get(), GainLinearity.get()
    instance.close()


def test_read_noise(measured):
    noise, gain = measured
    assert noise.read_noise == pytest.approx(36.3, abs=0.5), "ADU"
    assert noise.read_noise * gain.gain == pytest.approx(16.0, abs=0.5), "electrons"


def test_gain_is_that_of_the_flats_that_are_not_saturated(measured):
    _, gain = measured
    assert gain.gain == pytest.approx(0.45, abs=0.015) and gain.gain_error < 0.01
    assert gain.n_pairs == 1 and gain.scatter < 1.5
    assert not gain.quality_flags & (Flag.GAIN_UNCERTAIN | Flag.GAIN_DIFFERS)


def test_flats_far_from_linear_are_told(measured):
    _, gain = measured
    assert gain.nonlinearity > 0.1
