from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from awe.science.mask import DESCRIPTIONS, NO_WEIGHT, Bit, counts, describe, plane


def test_numbers_are_the_stored_format() -> None:
    assert {bit.name: int(bit) for bit in Bit} == {
        "BAD": 1, "HOT": 2, "COLD": 4, "SATURATED": 8, "COSMIC": 16, "SATELLITE": 32, "NO_DATA": 64,
        "CROSSTALK": 128, "NOISY": 256, "EXTRAPOLATED": 512, "BLEEDING": 1024, "GHOST": 2048}


def test_every_bit_is_described() -> None:
    assert set(DESCRIPTIONS) == set(Bit)


def test_describe_reads_numpy_integers_and_unknown_bits() -> None:
    assert describe(np.uint16(24)) == ["SATURATED", "COSMIC"]
    assert describe(0) == []
    assert describe(1 << 14 | 1) == ["BAD", "BIT_14"]


@given(st.integers(0, 2047))
def test_describe_names_every_bit_once(value: int) -> None:
    assert sum(int(Bit[name]) for name in describe(value)) == value


def test_plane_and_counts() -> None:
    hot = np.zeros((3, 4), bool)
    hot[1, 2] = True
    mask = plane((3, 4), (Bit.HOT, hot), (Bit.COSMIC, hot), (Bit.COLD, np.eye(3, 4)))
    assert mask.dtype == np.uint16
    assert mask[1, 2] == Bit.HOT | Bit.COSMIC
    assert counts(mask) == {"HOT": 1, "COLD": 3, "COSMIC": 1}
    assert counts(np.zeros((2, 2), np.uint16)) == {}


def test_warning_bits_keep_their_weight() -> None:
    assert not NO_WEIGHT & (Bit.NOISY | Bit.CROSSTALK | Bit.EXTRAPOLATED)
