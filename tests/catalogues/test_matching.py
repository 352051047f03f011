from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from hypothesis import given, settings
from hypothesis import strategies as st

from awe.catalogues import match, match_all
from awe.errors import CatalogueError


def two_lists(ra: float, dec: float, seed: int) -> tuple[SkyCoord, SkyCoord]:
    rng = np.random.default_rng(seed)
    centre = SkyCoord(ra * u.deg, dec * u.deg)
    lists = [centre.directional_offset_by(rng.uniform(0, 360, n) * u.deg, 60 * np.sqrt(rng.random(n)) * u.arcsec) for n in (80, 120)]
    return lists[0], lists[1]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 360), st.floats(-90, 90), st.integers(0, 99), st.floats(0.5, 20))
def test_nearest_is_that_of_astropy(ra: float, dec: float, seed: int, radius: float) -> None:
    a, b = two_lists(ra, dec, seed)
    index, distance, _ = a.match_to_catalog_sky(b)
    near = distance.arcsec <= radius
    found = match(a.ra.deg, a.dec.deg, b.ra.deg, b.dec.deg, radius)
    assert np.array_equal(found.first, np.flatnonzero(near))
    assert np.array_equal(found.second, index[near])
    assert np.allclose(found.separation, distance.arcsec[near], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 360), st.floats(-90, 90), st.integers(0, 99), st.floats(0.5, 20))
def test_all_pairs_are_those_of_astropy(ra: float, dec: float, seed: int, radius: float) -> None:
    a, b = two_lists(ra, dec, seed)
    i, j, distance, _ = search_around_sky(a, b, radius * u.arcsec)
    found = match_all(a.ra.deg, a.dec.deg, b.ra.deg, b.dec.deg, radius)
    assert set(zip(found.first, found.second, strict=True)) == set(zip(i, j, strict=True))
    assert np.allclose(np.sort(found.separation), np.sort(distance.arcsec), atol=1e-6)
    assert np.all(np.diff(found.first * 1000 + found.second) > 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.floats(0.5, 20))
def test_mutual_pairs_use_no_row_twice(seed: int, radius: float) -> None:
    a, b = two_lists(150.0, 2.0, seed)
    there = match(a.ra.deg, a.dec.deg, b.ra.deg, b.dec.deg, radius, mutual=True)
    back = match(b.ra.deg, b.dec.deg, a.ra.deg, a.dec.deg, radius, mutual=True)
    assert len(set(there.first)) == len(set(there.second)) == len(there)
    assert set(zip(there.first, there.second, strict=True)) == set(zip(back.second, back.first, strict=True))


def test_over_ra_zero_and_the_pole() -> None:
    assert match([0.0001], [0.0], [359.9999], [0.0], 1.0).separation == pytest.approx([0.72])
    assert match([10.0], [89.9999], [190.0], [89.9999], 1.0).separation == pytest.approx([0.72])


def test_empty_lists_match_nothing() -> None:
    for lists in (([], [], [1.0], [1.0]), ([1.0], [1.0], [], [])):
        assert len(match(*lists, 1.0)) == len(match_all(*lists, 1.0)) == 0


def test_bad_input() -> None:
    with pytest.raises(CatalogueError, match="not a number"):
        match([np.nan], [0.0], [1.0], [1.0], 1.0)
    with pytest.raises(CatalogueError, match="equal length"):
        match([1.0, 2.0], [0.0], [1.0], [1.0], 1.0)
    for radius in (0.0, -1.0, np.nan):
        with pytest.raises(CatalogueError, match="radius"):
            match([1.0], [0.0], [1.0], [1.0], radius)
