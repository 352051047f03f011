from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import FitsError, HeaderError
from awe.science.amplifier import NO_AMPLIFIER, Amplifier, per_amplifier
from awe.science.assemble import assemble, gain_list, linearise


def describe_one(**changes: Any) -> dict[str, Any]:
    return {"name": "A", "hdu": 0, "data": [0, 20, 0, 30], "position": [0, 20, 0, 30], **changes}


def test_round_trip_through_json() -> None:
    full = describe_one(overscan=[0, 20, 30, 40], prescan=None, overscan_y=[20, 22, 0, 30], flip_x=True, flip_y=False,
                        gain=1.7, read_noise=5, saturation=60000, linearity=[1, 1e-6])
    one = Amplifier.from_dict(full)
    assert Amplifier.from_dict(json.loads(json.dumps(one.as_dict()))) == one
    assert one.overscan == (0, 20, 30, 40) and one.read_noise == 5.0


@pytest.mark.parametrize(("changes", "words"), [
    ({"gian": 1.0}, "did you mean 'gain'"),
    ({"data": None}, "lacks 'data'"),
    ({"data": [0, 20, 0, 31]}, "same size"),
    ({"data": [0, 20, 5]}, "y0, y1, x0, x1"),
    ({"overscan": [0, 20, 30, 30]}, "empty"),
    ({"gain": "much"}, "not a number"),
])
def test_wrong_descriptions(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(HeaderError, match=words):
        Amplifier.from_dict(describe_one(**changes))


def two_amplifiers(dtype: Any = np.uint16) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Two amplifiers in one HDU, read outwards from the middle, with overscan in the middle."""
    ramp = np.arange(600).reshape(20, 30)
    raw = np.zeros((20, 80), dtype)
    raw[:, :30] = 1000 + ramp
    raw[:, 30:40] = 1000
    raw[:, 40:50] = 2000
    raw[:, 50:] = 2000 + ramp[:, ::-1]
    left = describe_one(overscan=[0, 20, 30, 40], saturation=1590)
    right = describe_one(name="B", data=[0, 20, 50, 80], overscan=[0, 20, 40, 50], position=[0, 20, 30, 60],
                         flip_x=True, gain=2.0)
    return raw, [left, right]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64, ">i2", ">f4"])
def test_places_flips_and_subtracts(dtype: Any) -> None:
    raw, amplifiers = two_amplifiers(dtype)
    found = assemble({0: raw}, amplifiers)
    ramp = np.arange(600).reshape(20, 30)
    assert found.data.dtype == np.float32
    assert np.array_equal(found.data, np.hstack([ramp, ramp]))
    assert found.overscan_levels == (1000.0, 2000.0)
    assert found.overscan_applied == ("per_row", "per_row") and found.without_overscan == ()
    assert found.saturated.sum() == 10 and found.saturated[19, 20:30].all()
    assert np.array_equal(found.amplifier_index[0], np.repeat([0, 1], 30))


def test_amplifiers_in_their_own_hdus_and_gaps() -> None:
    a = describe_one(hdu=1)
    b = describe_one(hdu=2, name="B", position=[0, 20, 35, 65], flip_y=True)
    top = np.arange(600, dtype=np.int16).reshape(20, 30)
    found = assemble({1: top, 2: top}, [a, b], overscan="none")
    assert np.array_equal(found.data[:, 35:], top[::-1])
    assert np.isnan(found.data[:, 30:35]).all()
    assert (found.amplifier_index[:, 30:35] == NO_AMPLIFIER).all()


def test_saturation_comes_before_everything() -> None:
    raw, amplifiers = two_amplifiers()
    raw[3, 4] = 65535
    raw[3, 60] = 65535
    found = assemble({0: raw}, amplifiers)
    assert found.saturated[3, 4]
    assert found.saturated[3, 30 + 19], "without a stated level the highest number of the file's type is saturated"


def test_no_overscan_section_falls_back_and_says_so() -> None:
    raw, amplifiers = two_amplifiers()
    del amplifiers[0]["overscan"]
    found = assemble({0: raw}, amplifiers)
    assert found.without_overscan == ("A",)
    assert found.overscan_applied == ("none", "per_row")
    assert found.data[0, 0] == 1000 and found.data[0, 30] == 0
    assert np.isnan(found.overscan_noise[0])


def noisy(rng: np.random.Generator, rows: int = 400, columns: int = 50, read_noise: float = 5.0) -> np.ndarray:
    raw = rng.normal(1000, read_noise, (rows, 100 + columns))
    raw += np.linspace(0, 20, rows)[:, None]
    return np.round(raw).astype(np.uint16)


def row_error(raw: np.ndarray, truth: np.ndarray, **options: Any) -> float:
    one = describe_one(data=[0, 400, 0, 100], position=[0, 400, 0, 100], overscan=[0, 400, 100, raw.shape[1]])
    found = assemble({0: raw}, [one], **options)
    return float(np.std(raw[:, 0] - truth - found.data[:, 0]))


def test_steady_amplifier_gets_little_noise() -> None:
    raw = noisy(np.random.default_rng(5))
    truth = 1000 + np.linspace(0, 20, 400)
    assert row_error(raw, truth, smooth_rows=0) == pytest.approx(5 / 50**0.5, rel=0.15)
    assert row_error(raw, truth) < 0.3


def test_banded_amplifier_keeps_its_rows() -> None:
    rng = np.random.default_rng(6)
    bands = rng.normal(0, 10, 400)
    raw = np.round(noisy(rng) + bands[:, None]).astype(np.uint16)
    assert row_error(raw, 1000 + np.linspace(0, 20, 400) + bands) < 0.85


def test_jump_is_kept() -> None:
    raw = noisy(np.random.default_rng(7))
    raw[200:] += 300
    truth = 1000 + np.linspace(0, 20, 400) + 300 * (np.arange(400) >= 200)
    assert row_error(raw, truth) < 0.85


def test_overscan_survives_cosmic_rays_and_nan() -> None:
    raw = noisy(np.random.default_rng(8)).astype(np.float32)
    raw[50, 100:110] = 60000
    raw[60] = np.nan
    raw[70, 120:] = np.nan
    one = describe_one(data=[0, 400, 0, 100], position=[0, 400, 0, 100], overscan=[0, 400, 100, 150])
    found = assemble({0: raw}, [one])
    assert np.isnan(found.data[60]).all()
    assert np.max(np.abs(np.delete(found.data, 60, axis=0).mean(axis=1))) < 4
    assert found.overscan_noise[0] == pytest.approx(5, rel=0.05)


def test_other_options() -> None:
    raw = np.full((22, 40), 100, np.int32)
    raw[:, :30] += np.arange(30)
    raw[20:, 35] = 7
    one = describe_one(overscan_y=[20, 22, 0, 30], prescan=[0, 20, 30, 40])
    assert (assemble({0: raw}, [one], overscan="per_column", smooth_rows=0).data == 0).all()
    assert (assemble({0: raw}, [one], overscan="prescan").data[0] == np.arange(30)).all()
    assert assemble({0: raw}, [one], overscan="constant").overscan_levels == (100.0,)
    assert assemble({0: raw}, [one], overscan="none").without_overscan == ()


@pytest.mark.parametrize(("hdus", "words"), [
    ({}, "HDU none"),
    ({0: np.zeros((10, 80), np.uint16)}, "outside HDU 0"),
    ({0: np.zeros((2, 20, 80), np.uint16)}, "not an image"),
    ({0: np.zeros((20, 80), complex)}, "not an image"),
])
def test_wrong_pixels(hdus: Any, words: str) -> None:
    with pytest.raises(FitsError, match=words):
        assemble(hdus, two_amplifiers()[1])


def test_wrong_requests() -> None:
    raw, amplifiers = two_amplifiers()
    with pytest.raises(HeaderError, match="did you mean 'per_row'"):
        assemble({0: raw}, amplifiers, overscan="per_raw")
    with pytest.raises(HeaderError, match="overlaps"):
        assemble({0: raw}, [amplifiers[0], amplifiers[0]])
    with pytest.raises(HeaderError, match="1 to"):
        assemble({0: raw}, [])


def test_linearity() -> None:
    measured = np.array([[0, 100, 10000]], np.float32)
    assert np.allclose(linearise(measured, [1.0, 2e-6]), [[0, 100.02, 10200]])
    assert linearise(measured, None) is measured
    raw, amplifiers = two_amplifiers()
    amplifiers[0]["linearity"] = [2.0]
    assert assemble({0: raw}, amplifiers).data[0, 5] == 10.0


def test_spreading_numbers() -> None:
    raw, amplifiers = two_amplifiers()
    found = assemble({0: raw}, amplifiers)
    assert gain_list(found, [1.5, None]) == (1.5, 2.0)
    with pytest.raises(HeaderError, match="gain is unknown"):
        gain_list(found)
    with pytest.raises(HeaderError, match="one per amplifier"):
        per_amplifier([1.0], found.amplifier_index)


@given(st.booleans(), st.booleans())
def test_no_pixel_is_lost(flip_x: bool, flip_y: bool) -> None:
    raw = np.arange(600, dtype=np.uint16).reshape(20, 30)
    found = assemble({0: raw}, [describe_one(flip_x=flip_x, flip_y=flip_y)], overscan="none")
    assert np.array_equal(np.sort(found.data.ravel()), np.arange(600))
