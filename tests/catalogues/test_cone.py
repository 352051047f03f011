from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import example, given, settings
from hypothesis import strategies as st

from awe.catalogues import (
    Footprint,
    Listed,
    SourceFile,
    SourceTable,
    cone_ranges,
    cone_search,
    hpx29,
    search_lists,
    separation,
    write_parquet,
)
from awe.errors import CatalogueError

ANYWHERE = st.tuples(st.floats(0, 360), st.floats(-90, 90))


def clump(ra: float, dec: float, size: float, count: int = 400) -> SourceTable:
    """Sources scattered about a place, over poles and over RA 0 as it comes."""
    rng = np.random.default_rng(7)
    centre = SkyCoord(ra * u.deg, dec * u.deg)
    sky = centre.directional_offset_by(rng.uniform(0, 360, count) * u.deg, size * np.sqrt(rng.uniform(0, 1, count)) * u.deg)
    return SourceTable.from_arrays({"NUMBER": np.arange(count), "ra": sky.ra.deg % 360, "dec": sky.dec.deg})


@settings(max_examples=150, deadline=None)
@given(ANYWHERE, st.floats(-6, 2.25))
@example((0.0, 0.0), 2.1875)
@example((137.0, -89.0), 1.99)
def test_finds_what_brute_force_finds(place: tuple[float, float], log_radius: float) -> None:
    radius = min(10**log_radius, 180.0)
    table = clump(*place, min(2.0 * radius, 170.0))
    found = cone_search(table, *place, radius)
    expected = np.sort(table["NUMBER"][separation(table["ra"], table["dec"], *place) <= radius])
    assert np.array_equal(np.sort(found["NUMBER"]), expected)


@settings(max_examples=60, deadline=None)
@given(ANYWHERE, st.floats(-5, 1))
def test_ranges_cover_the_cone_and_little_more(place: tuple[float, float], log_radius: float) -> None:
    ranges = cone_ranges(*place, 10**log_radius)
    assert len(ranges) < 400 and np.all(ranges[1:, 0] > ranges[:-1, 1]) and np.all(ranges[:, 0] < ranges[:, 1])
    area = (ranges[:, 1] - ranges[:, 0]).sum() * (4 * np.pi * np.degrees(1) ** 2 / 12 / 4.0**29)
    radius = np.hypot(10**log_radius, 2e-5)  # what rounding makes necessary
    cap = 4 * np.pi * np.degrees(1) ** 2 * np.sin(np.radians(radius) / 2) ** 2
    assert cap < area < 3 * cap


@given(ANYWHERE, ANYWHERE)
def test_separation_is_that_of_astropy(a: tuple[float, float], b: tuple[float, float]) -> None:
    expected = SkyCoord(*a, unit="deg").separation(SkyCoord(*b, unit="deg")).deg
    assert separation(*a, *b) == pytest.approx(expected, rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("bad", [(10.0, 0.0, 0.0), (10.0, 0.0, -1.0), (10.0, 0.0, 181.0), (10.0, 0.0, float("nan")),
                                 (float("nan"), 0.0, 1.0), (361.0, 0.0, 1.0), (10.0, 91.0, 1.0)])
def test_cones_that_are_none(bad: tuple[float, float, float]) -> None:
    with pytest.raises(CatalogueError):
        cone_search(clump(10, 0, 1), *bad)


def listed(tmp_path: Path, name: str, table: SourceTable, opened: list[str]) -> Listed[str]:
    path = tmp_path / f"{name}.parquet"
    write_parquet(table, path)

    def opening() -> SourceFile:
        opened.append(name)
        return SourceFile(path)

    open_it: Callable[[], SourceFile] = opening
    return Listed(name, Footprint.of_positions(table["ra"], table["dec"]), open_it)


def test_many_lists_by_footprint_first(tmp_path: Path) -> None:
    opened: list[str] = []
    tables = {"here": clump(150.0, 2.0, 0.1), "near": clump(150.3, 2.0, 0.1), "far": clump(10.0, -40.0, 0.1)}
    lists = [listed(tmp_path, name, table, opened) for name, table in tables.items()]
    found = dict(search_lists(lists, 150.0, 2.0, 0.02, ["NUMBER"]))
    assert set(found) == {"here"} and opened == ["here"]
    assert found["here"] == cone_search(tables["here"], 150.0, 2.0, 0.02, ["NUMBER"])
    wide = dict(search_lists(lists, 150.0, 2.0, 1.0))
    assert {name: len(table) for name, table in wide.items()} == {"here": 400, "near": 400}


@settings(max_examples=60, deadline=None)
@given(ANYWHERE, st.floats(-4, 1.5), st.integers(3, 13))
def test_no_list_is_missed(place: tuple[float, float], log_radius: float, order: int) -> None:
    """A source in the cone lies in a cell that overlaps the cone."""
    radius = 10**log_radius
    table = clump(*place, radius * 0.999, 50)
    for row in range(5):
        footprint = Footprint.of_positions(table["ra"][row], table["dec"][row], order)
        assert footprint.overlaps(Footprint.of_cone(*place, radius, order))


@settings(max_examples=80, deadline=None)
@given(ANYWHERE, st.integers(0, 12), st.floats(-3, 1))
def test_moc_round_trip_and_orders(place: tuple[float, float], order: int, log_radius: float) -> None:
    footprint = Footprint.of_cone(*place, 10**log_radius, order)
    assert Footprint.from_json(footprint.to_json()) == footprint
    for other in (max(order - 2, 0), order + 3):
        moved = footprint.at_order(other)
        assert moved.overlaps(footprint) and moved.area >= footprint.area * (1 - 1e-12)
        assert moved.contains(*place)


def test_union_and_overlap() -> None:
    a, b = Footprint.of_cone(10, 0, 0.5, 9), Footprint.of_cone(10.2, 0, 0.5, 11)
    far = Footprint.of_cone(200, 0, 0.5, 10)
    both = a.union(b)
    assert both.order == 11 and max(a.area, b.area) < both.area < a.area + b.area
    assert a.overlaps(b) and b.overlaps(a) and not a.overlaps(far) and not far.overlaps(b)
    assert a.union(far).area == pytest.approx(a.area + far.area)
    assert not Footprint(5, np.zeros((0, 2), np.int64)) and not Footprint(5, np.zeros((0, 2), np.int64)).overlaps(a)


@pytest.mark.parametrize("turn", [1, -1])
def test_polygon_of_a_frame_over_ra_zero(turn: int) -> None:
    corners = [(359.9, -0.1), (0.1, -0.1), (0.1, 0.1), (359.9, 0.1)][::turn]
    footprint = Footprint.of_polygon(corners, 12)
    assert footprint.contains([359.95, 0.05, 0.0], [0.05, -0.05, 0.0]).all()
    assert not footprint.contains([0.3, 359.6, 0.0], [0.0, 0.0, 0.3]).any()
    assert footprint.area == pytest.approx(0.04, rel=0.5)
    with pytest.raises(CatalogueError, match="at least three"):
        Footprint.of_polygon([(1, 1), (2, 2)])


def test_coverage_has_no_holes_between_sparse_sources() -> None:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(10, 12, 400), rng.uniform(-1, 1, 400)
    coverage = Footprint.coverage(ra, dec)
    inside = rng.uniform(10.1, 11.9, 2000), rng.uniform(-0.9, 0.9, 2000)
    assert coverage.contains(*inside).mean() > 0.99
    assert Footprint.coverage([10.0], [0.0]).area < 0.5


def test_moc_text_that_is_none() -> None:
    for text in ("", "[1]", "{}", '{"40": [1]}', '{"a": [1]}', '{"3": ["x"]}'):
        with pytest.raises(CatalogueError):
            Footprint.from_json(text)


def test_key_of_cell_is_a_shift() -> None:
    keys = hpx29([10.0, 200.0], [5.0, -60.0])
    footprint = Footprint.of_positions([10.0, 200.0], [5.0, -60.0], 8)
    assert sorted(keys >> 42) == sorted(footprint.ranges[:, 0])
