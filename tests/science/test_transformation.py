"""Sparse transformations: as exact as asked, wherever it bends; and finer where it bends more."""
import numpy as np
import pytest

from awe.science.grid import Tile, Window, tile_of
from awe.science.transformation import transformation
from awe.science.wcs import Wcs

TILE = tile_of(150.5, 2.5)


def camera(bend, shape=(400, 500)):
    wcs = Wcs.tangent(150.5, 2.5, 0.4, crpix=(shape[1] / 2, shape[0] / 2), rotation=5.0)
    pv = (0.0, 1.0, 0.0, 0.0, 0.7 * bend, 0.0, -bend, bend, 0.0, bend)
    return Wcs(wcs.crval, wcs.crpix, wcs.cd, pv, pv)


@pytest.mark.parametrize("bend", [0.0, 0.1, 1.0, 5.0])
def test_error_between_nodes(bend):
    wcs, grid, shape = camera(bend), Tile(TILE).grid(0.4), (400, 500)
    window = Tile(TILE).window(0.4, wcs.footprint(shape, per_side=16))
    found = transformation(wcs, grid, window, shape)
    rng = np.random.default_rng(1)
    gx, gy = rng.uniform(window.x0, window.x0 + window.nx - 1, 3000), rng.uniform(window.y0, window.y0 + window.ny - 1, 3000)
    x, y = wcs.sky_to_pixel(*grid.pixel_to_sky(gx, gy))
    kx, fx = np.divmod((gx - found.x0) / found.step, 1)
    ky, fy = np.divmod((gy - found.y0) / found.step, 1)
    kx, ky = kx.astype(int), ky.astype(int)
    for exact, nodes in ((x, found.xs), (y, found.ys)):
        between = ((nodes[ky, kx] * (1 - fx) + nodes[ky, kx + 1] * fx) * (1 - fy)
                   + (nodes[ky + 1, kx] * (1 - fx) + nodes[ky + 1, kx + 1] * fx) * fy)
        on = (x > 0) & (x < shape[1]) & (y > 0) & (y < shape[0])
        assert np.abs(between - exact)[on].max() < 1.2e-3
    assert found.error <= 1e-3 and found.x0 % found.step == 0 and found.y0 % found.step == 0
    assert (found.step < 32) == (bend > 0)


def test_reach_holds_what_is_under_a_part():
    wcs, grid, shape = camera(0.5), Tile(TILE).grid(0.4), (400, 500)
    window = Tile(TILE).window(0.4, wcs.footprint(shape, per_side=16))
    found = transformation(wcs, grid, window, shape)
    part = Window(window.x0 + 37, window.y0 + 91, 45, 33)
    gx, gy = np.meshgrid(np.arange(part.nx) + part.x0, np.arange(part.ny) + part.y0)
    x, y = wcs.sky_to_pixel(*grid.pixel_to_sky(gx, gy))
    y0, y1, x0, x1 = found.reach(part, 4.0)
    assert y0 <= y.min() - 3 and y1 >= y.max() + 4 and x0 <= x.min() - 3 and x1 >= x.max() + 4
    assert (y1 - y0) * (x1 - x0) < 6 * part.nx * part.ny
