"""The tiling: it covers the sky once, and frames on one tile share pixels."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import UnknownNameError
from awe.science.grid import RINGS, Tile, Window, join, tile_of, tiles_in_ring, tiles_within
from awe.science.wcs import Wcs

windows = st.builds(Window, st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))


@given(st.floats(-720, 720), st.floats(-90, 90))
def test_every_position_is_in_its_own_tile(ra, dec):
    tile = Tile(tile_of(ra, dec))
    west, east, south, north = tile.bounds
    assert west - 1e-9 <= (ra % 360.0) % 360.0 <= east + 1e-9 and south - 1e-9 <= dec <= north + 1e-9
    centre = tile.centre
    assert tile_of(*centre) == tile.name
    assert (east - west) * np.cos(np.radians(min(abs(south), abs(north)))) <= 1.0 + 1e-9
    assert tile.name in tiles_within(ra, dec, 0.1)


def test_tiles_make_up_the_sky():
    area = 0.0
    for ring in range(RINGS):
        west, east, south, north = Tile(f"t{ring:03d}-000").bounds
        area += tiles_in_ring(ring) * np.radians(east - west) * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
    assert area == pytest.approx(4 * np.pi)


@pytest.mark.parametrize("name", ["", "t999-000", "t000-100", "x126-200", "t126-200 ", "t0-0"])
def test_names_that_are_no_tile(name):
    with pytest.raises(UnknownNameError):
        Tile(name)


@pytest.mark.parametrize("dec", [np.nan, 91.0, -90.1])
def test_positions_that_are_none(dec):
    with pytest.raises(ValueError):
        tile_of(10.0, dec)


def test_window_holds_the_footprint_and_pixels_are_shared():
    tile = Tile(tile_of(250.42, 36.46))
    frames = [Wcs.tangent(250.42 + d, 36.46, 0.667, crpix=(512, 512), rotation=r) for d, r in ((0, 0), (0.02, 3))]
    corners = [w.footprint((1024, 1024), per_side=8) for w in frames]
    a, b = (tile.window(0.5, c) for c in corners)
    for window, corner in ((a, corners[0]), (b, corners[1])):
        x, y = tile.wcs(0.5, window).sky_to_pixel(corner[:, 0], corner[:, 1])
        assert x.min() >= -0.5 - 1e-6 and y.min() >= -0.5 - 1e-6
        assert x.max() <= window.nx - 0.5 + 1e-6 and y.max() <= window.ny - 0.5 + 1e-6
        assert x.min() < 0.5 and x.max() > window.nx - 1.5
    sky_a = tile.wcs(0.5, a).pixel_to_sky(b.x0 - a.x0 + 7.0, b.y0 - a.y0 + 9.0)
    np.testing.assert_allclose(sky_a, tile.wcs(0.5, b).pixel_to_sky(7.0, 9.0), atol=1e-11)
    np.testing.assert_allclose(tile.grid(0.5).pixel_to_sky(0.0, 0.0), tile.centre, atol=1e-12)


def test_a_footprint_on_the_other_side_is_refused():
    with pytest.raises(ValueError, match="half of the sky"):
        Tile(tile_of(10, 0)).window(1.0, [[190.0, 0.0]])


@given(windows, windows)
def test_windows_join_and_meet(a, b):
    union, common = a.union(b), a.intersection(b)
    assert union.intersection(a) == a and union.union(b) == union and join([a, b]) == union
    image = np.zeros(union.shape, int)
    image[a.within(union)] += 1
    image[b.within(union)] += 1
    assert np.count_nonzero(image == 2) == common.nx * common.ny
    assert common.is_empty or np.all(image[common.within(union)] == 2)
