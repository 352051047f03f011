"""The seeing: of stars among galaxies, cosmic rays and flags."""
import numpy as np
import pytest

from awe.science.psf import half_sample_mode, seeing, stars
from awe.science.sources import extract


def field(fwhm=3.5, ellipticity=0.0, angle=0.0, galaxies=15, hits=15, seed=0, n=40):
    rng = np.random.default_rng(seed)
    shape = (400, 400)
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    gx, gy = np.meshgrid(np.linspace(25, 375, 9), np.linspace(25, 375, 9))
    order = rng.permutation(81)
    image, sigma, t = np.zeros(shape), fwhm / 2.3548, np.radians(angle)
    for k, at in enumerate(order[:n + galaxies]):
        a = sigma if k < n else sigma * rng.uniform(1.8, 3.0)
        b = a * (1 - ellipticity) if k < n else a * rng.uniform(0.4, 1.0)
        dx, dy = xx - gx.ravel()[at] - rng.uniform(-3, 3), yy - gy.ravel()[at] - rng.uniform(-3, 3)
        u, v = dx * np.cos(t) + dy * np.sin(t), dy * np.cos(t) - dx * np.sin(t)
        image += 10 ** rng.uniform(3.7, 5) / (2 * np.pi * a * b) * np.exp(-0.5 * ((u / a) ** 2 + (v / b) ** 2))
    image += rng.normal(0, 3, shape)
    image[rng.integers(0, 400, hits), rng.integers(0, 400, hits)] += 3000
    return extract(image)


@pytest.mark.parametrize("fwhm", [2.0, 3.5, 6.0])
def test_width_of_the_stars_not_of_what_else_is_there(fwhm):
    found = seeing(field(fwhm))
    assert found.fwhm == pytest.approx(fwhm, rel=0.06) and found.nstars >= 20 and found.ellipticity < 0.08
    assert found.arcsec(0.2) == pytest.approx(0.2 * found.fwhm)


def test_shape_of_the_stars():
    found = seeing(field(4.0, 0.25, 30.0, galaxies=0))
    assert found.ellipticity == pytest.approx(0.25, abs=0.05) and found.theta == pytest.approx(30.0, abs=6.0)


def test_no_stars_is_nan():
    for sources in (extract(np.zeros((50, 50))), extract(np.random.default_rng(0).normal(0, 1, (99, 99)), threshold=4.0)):
        found = seeing(sources)
        assert np.isnan(found.fwhm) and found.nstars == len(stars(sources))


def test_mode():
    rng = np.random.default_rng(0)
    values = np.r_[rng.normal(2.0, 0.05, 60), rng.uniform(2, 8, 60)]
    assert half_sample_mode(values) == pytest.approx(2.0, abs=0.1)
    assert np.isnan(half_sample_mode(np.zeros(0))) and half_sample_mode(np.array([3.0])) == 3.0
