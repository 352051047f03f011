"""Zero points common to the chips of an exposure."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.science.commonzero import common_zero_points


def test_chips_of_an_exposure_share_their_mean():
    values, errors = common_zero_points(["a", "b", "a", "b"], np.array([25.0, 25.2, 25.03, 25.2]), np.array([0.01, 0.01, 0.02, 0.01]))
    assert values == pytest.approx([25.006, 25.2, 25.006, 25.2])
    assert errors == pytest.approx([0.0089443, 0.0070711, 0.0089443, 0.0070711], rel=1e-4)


def test_a_chip_unlike_the_others_keeps_its_own():
    values, errors = common_zero_points(["a"] * 4, np.array([25.0, 25.01, 24.99, 25.4]), np.full(4, 0.01))
    assert values == pytest.approx([25.0, 25.0, 25.0, 25.4]) and errors[3] == 0.01 and errors[0] == pytest.approx(0.01 / 3**0.5)


def test_of_two_that_disagree_nobody_knows_which_is_right():
    values, errors = common_zero_points(["a", "a"], np.array([25.0, 25.4]), np.full(2, 0.01))
    assert list(values) == [25.0, 25.4] and list(errors) == [0.01, 0.01]


@pytest.mark.parametrize("error", [0.0, np.nan])
def test_one_without_an_error_is_left_alone(error):
    values, errors = common_zero_points(["a", "a"], np.array([25.0, 25.02]), np.array([error, 0.02]))
    assert list(values) == [25.0, 25.02] and errors[1] == 0.02


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-0.02, 0.02), st.floats(0.005, 0.05)), min_size=1, max_size=20))
def test_errors_never_grow_and_means_stay_within(chips):
    exposures, values, errors = [one[0] for one in chips], np.array([one[1] for one in chips]), np.array([one[2] for one in chips])
    found, spread = common_zero_points(exposures, values, errors)
    assert np.all(spread <= errors * (1 + 1e-12))
    for exposure in set(exposures):
        own = values[[each == exposure for each in exposures]]
        mine = found[[each == exposure for each in exposures]]
        assert own.min() - 1e-12 <= mine.min() and mine.max() <= own.max() + 1e-12


def test_pulls_are_what_the_errors_say():
    rng = np.random.default_rng(3)
    errors = rng.uniform(0.002, 0.006, (500, 8))
    values = 25.0 + rng.normal(0, 1, (500, 8)) * errors
    pulls = []
    for value, error in zip(values, errors, strict=True):
        found, spread = common_zero_points(["e"] * 8, value, error)
        pulls.append((found[0] - 25.0) / spread[0])
    assert 0.9 < np.std(pulls) < 1.1
