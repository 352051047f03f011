"""Previews: a PNG that others read, the same bytes each time, and no image that breaks it."""
import io

import matplotlib.image
import numpy as np
import pytest

from awe.science.preview import preview, zscale


def star():
    yy, xx = np.mgrid[:300, :500]
    return 100 + np.random.default_rng(0).normal(0, 3, (300, 500)) + 900 * np.exp(-0.01 * ((xx - 400) ** 2 + (yy - 50) ** 2))


@pytest.mark.parametrize("stretch", ["asinh", "linear", "sqrt"])
def test_shows_the_star_where_it_is(stretch):
    image = star()
    png = preview(image, size=250, stretch=stretch)
    shown = matplotlib.image.imread(io.BytesIO(png))
    assert shown.shape == (150, 250) and png == preview(image, size=250, stretch=stretch)
    y, x = np.nonzero(shown >= shown.max() - 1e-3)
    assert abs(np.mean(x) - 200) < 8 and abs((149 - np.mean(y)) - 25) < 8
    assert 0.05 < np.median(shown) < 0.8
    assert len(png) < 100_000


@pytest.mark.parametrize("image", [np.full((5, 6), np.nan), np.zeros((3, 2000)), np.ones((1, 1)), np.full((9, 9), np.inf),
                                   np.arange(12, dtype=">i2").reshape(3, 4)])
def test_any_image(image):
    assert preview(image, size=100).startswith(b"\x89PNG")


def test_refusals():
    with pytest.raises(ValueError, match="two-dimensional"):
        preview(np.zeros(5))
    with pytest.raises(ValueError, match="stretch"):
        preview(np.zeros((5, 5)), stretch="log10")


def test_zscale_holds_the_sky():
    low, high = zscale(star())
    assert 80 < low < 97 and 103 < high < 200
