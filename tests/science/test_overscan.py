"""Overscan: each option takes off what it says, and the noise of what it measures stays small."""
from __future__ import annotations

import numpy as np
import pytest

from awe.science.amplifier import Amplifier
from awe.science.assemble import assemble
from awe.science.overscan import OVERSCAN_OPTIONS, overscan_level

NY, NX, PRE, OVER, TOP = 300, 120, 12, 40, 30


def raw(seed: int = 3) -> tuple[np.ndarray, Amplifier, np.ndarray, np.ndarray]:
    """A frame with a level along rows and one along columns, prescan, overscan and overscan rows."""
    rng = np.random.default_rng(seed)
    rows = 1000 + 5 * np.sin(np.arange(NY + TOP) / 60.0)
    columns = np.concatenate([np.zeros(PRE), 3 * np.cos(np.arange(NX) / 25.0), np.zeros(OVER)])
    frame = rows[:, None] + columns[None, :] + rng.normal(0, 4, (NY + TOP, PRE + NX + OVER))
    one = Amplifier("A", 0, (0, NY, PRE, PRE + NX), (0, NY, 0, NX), overscan=(0, NY, PRE + NX, PRE + NX + OVER), prescan=(0, NY, 0, PRE),
                    overscan_y=(NY, NY + TOP, PRE, PRE + NX))
    return np.round(frame).astype(np.uint16), one, rows[:NY], columns[PRE:PRE + NX]


@pytest.mark.parametrize(("option", "limit"), [("per_row", 0.5), ("fitted", 0.3), ("prescan", 0.8), ("prescan_fitted", 0.5)])
def test_rows_are_levelled(option: str, limit: float) -> None:
    frame, one, rows, _ = raw()
    level = overscan_level(frame, one, option)
    assert level.option == option
    assert np.std(level.rows - rows) < limit
    assert level.noise == pytest.approx(4.0, rel=0.1)


def test_rows_and_columns_leave_nothing() -> None:
    frame, one, _, columns = raw()
    found = assemble({0: frame}, [one], "per_row_and_column").data
    assert np.std(found.mean(axis=0) - columns.mean()) < 0.6
    assert np.std(found.mean(axis=1)) < 0.6
    only_rows = assemble({0: frame}, [one], "per_row").data
    assert np.std(only_rows.mean(axis=0)) > 1.5


@pytest.mark.parametrize("option", ["constant", "prescan_constant"])
def test_one_level(option: str) -> None:
    frame, one, rows, columns = raw()
    level = overscan_level(frame, one, option)
    assert level.rows.size == level.columns.size == 1
    assert level.mean == pytest.approx(rows.mean(), abs=0.6)
    assert assemble({0: frame}, [one], option).data.mean() == pytest.approx(columns.mean(), abs=0.6)


@pytest.mark.parametrize("option", sorted(OVERSCAN_OPTIONS))
def test_an_amplifier_without_sections_is_left_alone_and_says_so(option: str) -> None:
    frame, one, _, _ = raw()
    bare = Amplifier("A", 0, one.data, one.position)
    found = assemble({0: frame}, [bare], option)
    assert np.array_equal(found.data, frame[:NY, PRE:PRE + NX])
    assert found.without_overscan == (() if option == "none" else ("A",))


@pytest.mark.parametrize(("flip_x", "flip_y"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_chip_that_stands_on_its_side(flip_x: bool, flip_y: bool) -> None:
    frame, one, _, _ = raw()
    turned = Amplifier("A", 0, one.data, (0, NX, 0, NY), overscan=one.overscan, transpose=True, flip_x=flip_x, flip_y=flip_y)
    upright = assemble({0: frame}, [Amplifier("A", 0, one.data, one.position, overscan=one.overscan)]).data
    found = assemble({0: frame}, [turned])
    expected = upright.T[::-1 if flip_y else 1, ::-1 if flip_x else 1]
    assert np.array_equal(found.data, expected)
    assert np.array_equal(found[30:50], expected[30:50])
