from __future__ import annotations

import numpy as np
import pytest

from awe.science.amplifier import Amplifier
from awe.science.assemble import assemble
from awe.science.readout import in_read_order, reads_backwards


def two(flip: bool) -> tuple[np.ndarray, list[Amplifier]]:
    """A chip read at both ends in one HDU: overscans in the middle; pixels hold the order in which they were read."""
    rows, columns, over = 4, 6, 2
    order = np.arange(rows * columns).reshape(rows, columns)
    raw = np.zeros((rows, 2 * (columns + over)), np.float32)
    raw[:, :columns] = order
    raw[:, -columns:] = order[:, ::-1]
    left = Amplifier("L", 0, (0, rows, 0, columns), (0, rows, 0, columns), overscan=(0, rows, columns, columns + over))
    right = Amplifier("R", 0, (0, rows, columns + 2 * over, 2 * columns + 2 * over), (0, rows, columns, 2 * columns),
                      overscan=(0, rows, columns + over, columns + 2 * over), flip_x=flip)
    return raw, [left, right]


@pytest.mark.parametrize("flip", [False, True])
def test_both_ends_come_in_the_order_of_reading(flip: bool) -> None:
    raw, amplifiers = two(flip)
    chip = assemble({0: raw}, amplifiers, "none")
    first, second = (in_read_order(chip.data, one) for one in amplifiers)
    assert np.array_equal(first, second) and np.array_equal(first, raw[:, :6])
    assert [reads_backwards(one) for one in amplifiers] == [(False, False), (False, True)]


def test_what_is_written_lands_in_the_image() -> None:
    raw, amplifiers = two(True)
    chip = assemble({0: raw}, amplifiers, "none")
    in_read_order(chip.data, amplifiers[1])[0, 0] = -7.0
    assert (chip.data == -7.0).sum() == 1


def test_prescan_tells_too_and_nothing_tells_nothing() -> None:
    plain = Amplifier("A", 0, (0, 4, 2, 8), (0, 4, 0, 6))
    before = Amplifier("A", 0, (0, 4, 2, 8), (0, 4, 0, 6), prescan=(0, 4, 0, 2))
    behind = Amplifier("A", 0, (0, 4, 2, 8), (0, 4, 0, 6), prescan=(0, 4, 8, 10))
    assert [reads_backwards(one)[1] for one in (plain, before, behind)] == [False, False, True]
