"""PSF models that vary over the field, and fits of them: blends, forced positions, limits, what is no star."""
import math

import numpy as np
import pytest

from awe.science import bands
from awe.science.background import background
from awe.science.photometry import growth, radii_of
from awe.science.psfbuild import build_psf
from awe.science.psffit import FEW_PIXELS, NEIGHBOURS, groups, psf_photometry, upper_limit
from awe.science.psfmodel import allowed_degree, powers_of
from awe.science.sources import extract

SHAPE, NOISE = (420, 420), 6.0


def width(x):
    """FWHM at a column: wider to the right by a fifth."""
    return 3.0 * (0.9 + 0.2 * x / SHAPE[1])


def add(image, x, y, flux, wider=1.0, beta=3.0):
    """Add a Moffat profile, flattened along x, sampled at the pixels."""
    alpha = wider * width(x) / (2 * math.sqrt(2 ** (1 / beta) - 1))
    x0, y0 = max(int(x) - 40, 0), max(int(y) - 40, 0)
    yy, xx = np.mgrid[y0:min(y0 + 81, SHAPE[0]), x0:min(x0 + 81, SHAPE[1])]
    r2 = ((xx - x) / 1.05) ** 2 + ((yy - y) * 1.05) ** 2
    image[yy, xx] += flux * (beta - 1) / (np.pi * alpha**2) * (1 + r2 / alpha**2) ** -beta


@pytest.fixture(scope="module")
def field():
    """Stars on a grid; image in electrons, truth, a model from it, and what the model was made from."""
    rng = np.random.default_rng(7)
    gx, gy = np.meshgrid(np.arange(20, 401, 20.0), np.arange(20, 401, 20.0))
    x, y = gx.ravel() + rng.uniform(-1.5, 1.5, gx.size), gy.ravel() + rng.uniform(-1.5, 1.5, gx.size)
    flux = 10 ** rng.uniform(3.2, 5.2, gx.size)
    image = np.zeros(SHAPE)
    for one in zip(x, y, flux, strict=True):
        add(image, *one)
    image += rng.normal(0, 1, SHAPE) * np.sqrt(NOISE**2 + image)
    image = image.astype(np.float32)
    noise = np.full(SHAPE, NOISE**2, np.float32)
    variance = noise + np.maximum(image, 0)
    sky = background(image)
    radii = radii_of(3.0)
    sources = extract(image, variance, sky=sky, filter_type="conv", radii=radii)
    built = build_psf(image, noise, 1.0, sources, growth(sources, radii), degree=1)
    return image, noise, x, y, flux, built


def test_fluxes_positions_and_errors_over_the_field(field):
    image, noise, x, y, flux, built = field
    assert built.model.nstars >= 36 and built.model.chi2 < 1.5 and len(built.model.powers) == 3
    found = psf_photometry(image, noise, np.rint(x), np.rint(y), built.model, gain=1.0)
    ratio = found.flux / flux
    bright = flux > 3e4
    assert np.median(ratio[bright]) == pytest.approx(1.0, abs=0.006)
    left, right = np.median(ratio[bright & (x < 150)]), np.median(ratio[bright & (x > 270)])
    assert left / right == pytest.approx(1.0, abs=0.006), "the width varies, the fluxes do not"
    for pulls in ((found.flux / np.median(ratio[bright]) - flux) / found.error, (found.x - x) / np.sqrt(found.varx)):
        assert 1.4826 * np.median(np.abs(pulls - np.median(pulls))) == pytest.approx(1.0, abs=0.17)
    assert np.median(found.chi2) == pytest.approx(1.0, abs=0.12)
    assert abs(np.median(found.spread[bright])) < 0.01
    assert np.std(found.spread[~bright] / found.spread_error[~bright]) < 1.5


def test_the_model_shows_how_the_psf_varies(field):
    model = field[-1].model
    peaks = [model.image(at, 210.0).max() for at in (30.0, 390.0)]
    assert peaks[0] / peaks[1] == pytest.approx((width(390) / width(30)) ** 2, rel=0.08)
    e1, e2 = model.ellipticity(210.0, 210.0)
    assert e1 == pytest.approx(0.045, abs=0.025) and abs(e2) < 0.02, "flattened along x, not along the diagonal"
    assert model.noise_pixels(210.0, 210.0) == pytest.approx(1 / np.sum(model.stamp(210.0, 210.0, 9).astype(float) ** 2), rel=0.01)
    assert model.stamp(210.0, 210.0, 60).shape == (121, 121)


def test_blends_are_fitted_together(field):
    _, noise, *_, built = field
    rng = np.random.default_rng(3)
    image, x, y, flux = np.zeros(SHAPE), [], [], []
    for k in range(60):
        ax, ay = 30 + 40 * (k % 10) + rng.uniform(-2, 2), 30 + 60 * (k // 10) + rng.uniform(-2, 2)
        angle = rng.uniform(0, 2 * np.pi)
        for dx, f in ((0.0, 4e4), (3.5, 1e4)):
            x.append(ax + dx * np.cos(angle))
            y.append(ay + dx * np.sin(angle))
            flux.append(f)
            add(image, x[-1], y[-1], f)
    x, y, flux = map(np.array, (x, y, flux))
    image = (image + rng.normal(0, 1, SHAPE) * np.sqrt(NOISE**2 + image)).astype(np.float32)
    found = psf_photometry(image, noise, np.rint(x), np.rint(y), built.model, gain=1.0)
    assert (found.flags & NEIGHBOURS).all()
    assert np.median(found.flux[::2] / flux[::2]) == pytest.approx(1.0, abs=0.01)
    assert np.median(found.flux[1::2] / flux[1::2]) == pytest.approx(1.0, abs=0.02)
    pulls = (found.flux - flux) / found.error
    assert 1.4826 * np.median(np.abs(pulls - np.median(pulls))) < 1.4


def test_forced_fluxes_are_unbiased_where_there_is_nothing(field):
    *_, built = field
    rng = np.random.default_rng(11)
    noise = np.full(SHAPE, NOISE**2, np.float32)
    empty = rng.normal(0, NOISE, SHAPE).astype(np.float32)
    x, y = rng.uniform(10, 410, 300), rng.uniform(10, 410, 300)
    found = psf_photometry(empty, noise, x, y, built.model, forced=True)
    assert np.array_equal(found.x, x)
    pulls = found.flux / found.error
    assert abs(pulls.mean()) < 0.2 and np.std(pulls) == pytest.approx(1.0, abs=0.15)
    theory = NOISE * math.sqrt(built.model.noise_pixels(210, 210))
    assert np.median(found.error) == pytest.approx(theory, rel=0.1)
    limit = upper_limit(found.flux, found.error, 3.0)
    assert np.all(limit >= 3.0 * found.error) and math.isnan(upper_limit(np.array([math.nan]), np.array([1.0]))[0])


def test_galaxies_are_wider_and_cosmic_rays_narrower(field):
    *_, built = field
    image = np.random.default_rng(1).normal(0, NOISE, SHAPE)
    add(image, 100.0, 100.0, 5e4, wider=1.3)
    add(image, 200.0, 200.0, 5e4)
    image[300, 300] += 5e3
    found = psf_photometry(image.astype(np.float32), np.full(SHAPE, NOISE**2, np.float32), np.array([100.0, 200.0, 300.0]),
                           np.array([100.0, 200.0, 300.0]), built.model, gain=1.0)
    assert found.spread[0] > 0.1 > abs(found.spread[1]) and found.spread[2] < -0.1


def test_bad_pixels_edges_and_nonsense(field):
    image, noise, x, y, flux, built = field
    holes = noise.copy()
    holes[int(round(y[0])), int(round(x[0])) - 1:int(round(x[0])) + 1] = 0.0
    holes[int(round(y[1])) - 9:int(round(y[1])) + 10, int(round(x[1])) - 9:int(round(x[1])) + 10] = np.nan
    spoilt = np.where(holes > 0, image, np.float32(1e6))
    found = psf_photometry(spoilt, holes, np.array([x[0], x[1], np.nan, -500.0, 419.0]), np.array([y[0], y[1], 5.0, 5.0, 419.0]),
                           built.model, gain=1.0)
    assert found.flux[0] == pytest.approx(flux[0], rel=0.2)
    assert np.isnan(found.flux[1:4]).all() and found.flags[4] & FEW_PIXELS
    assert len(psf_photometry(image, noise, np.zeros(0), np.zeros(0), built.model).flux) == 0


def test_too_few_stars_are_a_reason():
    image = np.random.default_rng(2).normal(0, NOISE, (150, 150)).astype(np.float32)
    radii = radii_of(3.0)
    sources = extract(image, threshold=4.0, radii=radii)
    built = build_psf(image, np.full(image.shape, NOISE**2, np.float32), 1.0, sources, growth(sources, radii))
    assert built.model is None and "5 are due" in built.reason
    assert allowed_degree(100, 3) == 2 and allowed_degree(3, 3) == 0 and len(powers_of(2)) == 6


def test_same_bits_with_any_number_of_threads(field):
    image, noise, x, y, _, built = field
    try:
        results = []
        for number in (1, 3):
            bands.set_threads(number)
            results.append(np.array(psf_photometry(image, noise, np.rint(x), np.rint(y), built.model, gain=1.0)[:9]).tobytes())
    finally:
        bands.set_threads(None)
    assert results[0] == results[1]


def test_groups_of_friends_of_friends():
    order, starts = groups(np.array([0.0, 50.0, 3.0, 6.0]), np.zeros(4), 4.0)
    assert sorted(len(part) for part in np.split(order, starts[1:-1])) == [1, 3]
