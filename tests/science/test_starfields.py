"""A few of the fields that benchmarks/stages/astrometry.py solves a thousand of: all solved, none wrong, no other field believed."""
import numpy as np
import pytest

from awe.science.astrometry import solve
from benchmarks.starfields import of_another, off_by, star_field

SEEDS = [seed for seed in range(60) if star_field(seed).stars < 3000][:24]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_field_is_solved(seed):
    field = star_field(seed)
    found = solve(field.x, field.y, field.flux, field.header, field.catalogue, shape=field.shape, error=field.error)
    assert found.ok, found.reason
    assert off_by(field, found.wcs) < 1.0
    assert found.n_matched > 0.25 * min(len(field.x), field.stars) and found.coverage > 0.6


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_catalogue_of_another_field_is_refused(seed):
    field = star_field(seed)
    foreign = of_another(field, star_field(seed + 1000))
    found = solve(field.x, field.y, field.flux, field.header, foreign, shape=field.shape, error=field.error)
    assert not found.ok and found.wcs == field.header and "no match" in found.reason


def test_no_star_no_solution():
    field = star_field(0)
    nothing = np.zeros(0)
    found = solve(nothing, nothing, nothing, field.header, field.catalogue, shape=field.shape)
    assert not found.ok and "too few sources" in found.reason
