"""Frames calibrated elsewhere are brought to electrons, with planes and a zero point that mean the same."""
import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.mask import Bit
from awe.science.received import mask_bits, receive


@pytest.fixture
def sky():
    return np.random.default_rng(5).normal(1100.0, 4.0, (64, 80)).astype(np.float32)


def test_counts_become_electrons(sky):
    frame = receive(sky, 60.0, soft_bias=1000.0, gain=2.0, zero_point=25.0)
    np.testing.assert_allclose(frame.data, (sky - 1000) * 2, rtol=1e-6)
    assert frame.factor == 2.0 and frame.sky == pytest.approx(200, abs=2)
    assert frame.zero_point == pytest.approx(25.0 + 2.5 * np.log10(2.0))
    assert np.median(frame.weight) == pytest.approx(1 / 8.0**2, rel=0.1)
    assert np.all(frame.variance * frame.weight >= 1 - 1e-5)


def test_a_rate_is_multiplied_by_its_time(sky):
    frame = receive(sky / 60, 60.0, unit="electron/s", zero_point=25.0)
    np.testing.assert_allclose(frame.data, sky, rtol=1e-5)
    assert frame.zero_point == 25.0
    with pytest.raises(PermanentError, match="exposure time 0"):
        receive(sky, 0.0, unit="ADU/s")


def test_without_a_gain_the_unit_is_kept_and_sources_add_no_noise(sky):
    sky[30, 40] += 5000
    frame = receive(sky, 60.0)
    assert frame.factor == 1.0 and frame.data[30, 40] == sky[30, 40]
    assert frame.variance[30, 40] == pytest.approx(1 / frame.weight[30, 40])


@pytest.mark.parametrize("unit,known", [("nanomaggy", 22.5), ("Jy", 8.9)])
@pytest.mark.parametrize("given", [None, 20.0])
def test_fluxes_have_a_zero_point_whatever_the_exposure(sky, unit, known, given):
    for exptime in (1.0, 100.0):
        frame = receive(sky, exptime, unit=unit, zero_point=given)
        magnitude = frame.zero_point - 2.5 * np.log10(7.0 / exptime)
        assert magnitude == pytest.approx((given or known) - 2.5 * np.log10(7.0))


def test_zero_point_of_the_exposure(sky):
    assert receive(sky, 100.0, zero_point=30.0, zero_point_per="exposure").zero_point == pytest.approx(25.0)
    assert receive(sky, 100.0).zero_point is None


def test_bad_pixels_have_no_weight_and_a_value(sky):
    sky[3, 4], sky[5, 6] = np.nan, 60000
    weight = np.full(sky.shape, 0.25, np.float32)
    weight[7, 8] = 0
    frame = receive(sky, 60.0, gain=1.0, saturation=50000.0, weight=weight)
    assert np.isfinite(frame.data).all() and np.isfinite(frame.variance).all()
    assert [frame.mask[3, 4], frame.mask[5, 6], frame.mask[7, 8]] == [Bit.NO_DATA, Bit.SATURATED, Bit.BAD]
    assert [frame.weight[place] for place in ((3, 4), (5, 6), (7, 8))] == [0, 0, 0] and frame.weight[0, 0] == pytest.approx(0.25)


@pytest.mark.parametrize("kind,plane,expected", [("variance", 16.0, 1 / 16), ("rms", 4.0, 1 / 16), ("weight", 1 / 16, 1 / 16),
                                                 ("confidence", 100.0, 1 / 16)])
def test_kinds_of_weight(sky, kind, plane, expected):
    frame = receive(sky, 1.0, weight=np.full(sky.shape, plane), weight_kind=kind)
    assert np.median(frame.weight) == pytest.approx(expected, rel=0.1)


def test_masks_are_translated():
    stored = np.array([[0, 1, 3, 6]])
    assert mask_bits(stored, {1: "BAD", 3: "SATURATED"}, "values").tolist() == [[0, 1, 8, 0]]
    assert mask_bits(stored, {1: "COSMIC", 2: "BAD"}, "bits").tolist() == [[0, 0, 16, 17]]
    assert mask_bits(stored, {}, "values").tolist() == [[0, 1, 1, 1]]
