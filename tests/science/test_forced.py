"""Fluxes at given positions on images of known light."""
import numpy as np
import pytest

from awe.science.forced import BAD_PIXELS, OUTSIDE, forced_apertures


def stars(shape, x, y, flux, sigma=1.6):
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    light = (f * np.exp(-0.5 * ((xx - a)**2 + (yy - b)**2) / sigma**2) for a, b, f in zip(x, y, flux, strict=True))
    return sum(light) / (2 * np.pi * sigma**2)


def test_the_area_of_a_circle_is_exact_wherever_it_is():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(20, 40, (2, 50))
    found = forced_apertures(np.ones((60, 60), np.float32), np.full((60, 60), 4.0), np.ones((60, 60), bool), x, y, 5.3)
    assert found.flux == pytest.approx(np.pi * 5.3**2, rel=1e-6) and found.error == pytest.approx(2 * np.sqrt(np.pi) * 5.3, rel=1e-6)
    assert not found.flags.any() and found.missing == pytest.approx(0.0, abs=1e-9)


def test_fluxes_and_empty_places_have_pulls_of_one():
    rng = np.random.default_rng(2)
    x, y = (values.ravel() + rng.uniform(-0.5, 0.5, 100) for values in np.meshgrid(np.arange(20, 320, 30.0), np.arange(20, 320, 30.0)))
    flux = np.where(np.arange(100) % 2, 800.0, 0.0)
    image = stars((320, 320), x, y, flux) + rng.normal(0, 3.0, (320, 320))
    found = forced_apertures(image, np.full(image.shape, 9.0), np.ones(image.shape, bool), x, y, 4.0)
    held = 1 - np.exp(-0.5 * (4.0 / 1.6)**2)
    pull = (found.flux - held * flux) / found.error
    assert abs(pull.mean()) < 0.4 and pull.std() == pytest.approx(1.0, abs=0.25)


def test_bad_pixels_borders_and_places_outside_are_told():
    good = np.ones((50, 50), bool)
    good[:, 21:] = False
    x, y = np.array([10.0, 20.0, 22.0, 40.0, -3.0, 200.0, np.nan]), np.full(7, 25.0)
    found = forced_apertures(np.full((50, 50), 2.0), np.ones((50, 50)), good, x, y, 4.0)
    area = 2 * np.pi * 16
    assert found.flux[:3] == pytest.approx(area) and found.error[1] > found.error[0], "what is missing counts as the mean of the rest"
    assert found.flags.tolist() == [0, BAD_PIXELS, BAD_PIXELS, 3, BAD_PIXELS, 3, 3]
    assert np.isnan(found.flux[[3, 5, 6]]).all() and OUTSIDE == 2
