"""The tiling: it covers the sky once, and frames on one tile share pixels."""
import astropy.units as u
import numpy as np
import pytest
from astropy_healpix import HEALPix
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import UnknownNameError
from awe.science import healpix
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


@given(st.floats(-720, 720), st.floats(-90, 90), st.sampled_from(["rings:7", "rings:720", "healpix:1", "healpix:64", "healpix:1024"]))
def test_other_tilings_cover_the_sky_too(ra, dec, tiling):
    tile = Tile(tile_of(ra, dec, tiling))
    assert tile.tiling == tiling and tile_of(*tile.centre, tiling) == tile.name
    a, b = np.radians(tile.centre), np.radians((ra, dec))
    apart = np.degrees(2 * np.arcsin(min(1, np.sqrt(np.sin((a[1] - b[1]) / 2) ** 2 + np.cos(a[1]) * np.cos(b[1])
                                                      * np.sin((a[0] - b[0]) / 2) ** 2))))
    kind, size = tiling.split(":")
    assert apart <= (0.72 * 180 / int(size) if kind == "rings" else 60.0 / int(size) + 1e-9)


@pytest.mark.parametrize("nside", [1, 2, 8, 64])
def test_healpix_as_others_have_it(nside):
    other = HEALPix(nside, order="ring")
    rng = np.random.default_rng(nside)
    ra, dec = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
    pixels = other.lonlat_to_healpix(ra * u.deg, dec * u.deg)
    assert [healpix.pixel_of(nside, *at) for at in zip(ra, dec, strict=True)] == list(pixels)
    lon, lat = other.healpix_to_lonlat(pixels)
    middles = np.array([healpix.middle_of(nside, int(pixel)) for pixel in pixels])
    np.testing.assert_allclose(middles, np.column_stack([lon.deg, lat.deg]), atol=1e-9)


def test_a_tangent_point_of_ones_own():
    tile = Tile("p150.1163+2.2058")
    assert tile.centre == (150.1163, 2.2058) and tile.tiling == "point"
    assert tile.grid(0.3).pixel_to_sky(0, 0) == pytest.approx((150.1163, 2.2058))


@pytest.mark.parametrize("tiling", ["", "rings:0", "healpix", "healpix:9999999", "squares", "rings: 4"])
def test_tilings_that_are_none(tiling):
    with pytest.raises(UnknownNameError, match="healpix:NSIDE"):
        tile_of(0, 0, tiling)


@pytest.mark.parametrize("name", ["", "t999-000", "t000-100", "x126-200", "t126-200 ", "t0-0", "t180r126-200", "h0-0", "h2-48",
                                  "p360.0+1", "p10", "p10-91"])
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
