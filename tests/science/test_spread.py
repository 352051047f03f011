"""Errors of fits to few values, and of values that share an error."""
import numpy as np
import pytest

from awe.science.spread import clustered, few, student


def test_few_values_are_wider():
    assert few(1) == pytest.approx(1.837, abs=0.01) and few(100000) == pytest.approx(1.0, abs=1e-3)
    assert student(3.0, 4) == pytest.approx(6.62, abs=0.02) and student(3.0, 10**6) == pytest.approx(3.0, abs=0.01)


def test_groups_of_one_are_the_usual_errors_and_groups_that_agree_are_larger():
    rng = np.random.default_rng(1)
    design, group = np.ones((600, 1)), np.repeat(np.arange(60), 10)
    alone, alike = rng.normal(0, 1, 600), np.repeat(rng.normal(0, 1, 60), 10)
    assert clustered(design, alone - alone.mean(), np.arange(600))[0, 0] == pytest.approx(1 / 600, rel=0.15)
    assert clustered(design, alike - alike.mean(), group)[0, 0] == pytest.approx(1 / 60, rel=0.4)
    assert np.isinf(clustered(design[:2], alone[:2], np.arange(2))).all()
