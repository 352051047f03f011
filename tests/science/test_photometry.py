"""Zero points with outliers, colours and extinction; curves of growth; empty apertures."""
import math

import numpy as np
import pytest

from awe.science.photometry import (
    RADII_FWHM,
    ZeroPoint,
    empty_aperture_ratio,
    growth,
    radii_of,
    total_flux,
    variation,
    zero_point,
)
from awe.science.sources import extract


def stars(n=80, zp=26.3, seed=0, wrong=0.05, colour_term=0.0, exptime=40.0, ref_error=0.02, least=15.0):
    rng = np.random.default_rng(seed)
    mag, colour = rng.uniform(least, 20, n), rng.uniform(0.2, 1.8, n)
    flux = exptime * 10 ** (0.4 * (zp - mag + colour_term * (colour - 0.6)))
    error = np.sqrt(flux + 2e3)
    catalogue = mag + rng.normal(0, ref_error, n)
    bad = rng.random(n) < wrong
    catalogue[bad] += rng.choice([-1.5, 1.0], bad.sum())
    return flux + rng.normal(0, 1, n) * error, error, catalogue, np.full(n, ref_error), colour, bad


@pytest.mark.parametrize("n, wrong", [(5, 0.0), (20, 0.05), (300, 0.2)])
def test_value_and_error(n, wrong):
    pulls = []
    for seed in range(40):
        flux, error, mag, ref_error, _, bad = stars(n, seed=seed, wrong=wrong)
        found = zero_point(flux, error, mag, ref_error, exptime=40.0, system="Vega", band="r")
        pulls.append((found.value - 26.3) / found.error)
        assert found.ok and not set(found.used) & set(np.flatnonzero(bad)) and (found.system, found.band) == ("Vega", "r")
    assert np.std(pulls) < 1.5 and abs(np.mean(pulls)) < 0.6
    assert len(found.residuals) == n


def test_intrinsic_scatter_widens_the_error():
    flux, error, mag, ref_error, *_ = stars(200, wrong=0.0)
    wide = zero_point(flux, error, mag + np.random.default_rng(5).normal(0, 0.1, 200), ref_error, exptime=40.0)
    tight = zero_point(flux, error, mag, ref_error, exptime=40.0)
    assert wide.error > 3 * tight.error and wide.scatter == pytest.approx(0.1, rel=0.3)


def test_colour_term_is_fitted_or_taken():
    flux, error, mag, ref_error, colour, _ = stars(150, colour_term=0.12)
    fitted = zero_point(flux, error, mag, ref_error, exptime=40.0, colour=colour, colour0=0.6)
    assert fitted.colour_term == pytest.approx(0.12, abs=4 * fitted.colour_term_error)
    assert fitted.value == pytest.approx(26.3, abs=0.02) and 0 < fitted.colour_term_error < 0.02
    given = zero_point(flux, error, mag, ref_error, exptime=40.0, colour=colour, colour0=0.6, colour_term=0.12)
    assert given.value == pytest.approx(26.3, abs=0.02) and given.colour_term_error == 0
    colour[:100] = np.nan
    assert zero_point(flux, error, mag, ref_error, exptime=40.0, colour=colour, colour0=0.6).n <= 50


def test_extinction_moves_above_the_atmosphere_and_back():
    flux, error, mag, ref_error, *_ = stars()
    through = zero_point(flux, error, mag, ref_error, exptime=40.0)
    above = zero_point(flux, error, mag, ref_error, exptime=40.0, extinction=0.1, airmass=1.5)
    assert above.value - through.value == pytest.approx(0.15) and above.at_airmass_zero and not through.at_airmass_zero
    assert above.flux_scale(40.0) == pytest.approx(through.flux_scale(40.0))
    scaled = 30.0 - 2.5 * np.log10(flux * through.flux_scale(40.0))
    assert np.median(scaled - mag) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("spoil", ["none", "nan", "negative", "two", "faint", "bright limit"])
def test_no_zero_point_has_a_reason(spoil):
    flux, error, mag, *_ = stars(20)
    limits = (-math.inf, math.inf)
    if spoil == "none":
        flux, error, mag = flux[:0], error[:0], mag[:0]
    elif spoil == "nan":
        mag = mag * np.nan
    elif spoil == "negative":
        flux = -flux
    elif spoil == "two":
        flux, error, mag = flux[:2], error[:2], mag[:2]
    elif spoil == "faint":
        error = flux
    else:
        limits = (30.0, 40.0)
    found = zero_point(flux, error, mag, limits=limits)
    assert not found.ok and math.isnan(found.value) and "no zero point" in found.reason and isinstance(found, ZeroPoint)


def image(fwhm, n=36, seed=0, shape=(420, 420), faintest=5e4):
    rng = np.random.default_rng(seed)
    gx, gy = np.meshgrid(np.linspace(40, 380, 6), np.linspace(40, 380, 6))
    x, y = gx.ravel() + rng.uniform(-4, 4, n), gy.ravel() + rng.uniform(-4, 4, n)
    flux = rng.uniform(faintest, 5e5, n) if faintest > 1e4 else 10 ** rng.uniform(np.log10(faintest), 5.7, n)
    sigma = fwhm / 2.3548
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    light = sum(f / (2 * np.pi * sigma ** 2) * np.exp(-0.5 * ((xx - a) ** 2 + (yy - b) ** 2) / sigma ** 2)
                for a, b, f in zip(x, y, flux, strict=True))
    return light + rng.normal(0, 1, shape) * np.sqrt(light + 25.0), light + 25.0, x, y, flux


@pytest.mark.parametrize("fwhm", [2.5, 4.0])
def test_total_fluxes_of_stars(fwhm):
    data, variance, x, y, flux = image(fwhm)
    radii = radii_of(fwhm)
    found = extract(data, variance, radii=radii)
    curve = growth(found, radii)
    assert len(radii) == len(RADII_FWHM) and curve.nstars > 10
    assert np.all(np.diff(curve.fraction) > -1e-3) and curve.fraction[-1] == 1
    expected = 1 - np.exp(-0.5 * (np.array(radii) / (fwhm / 2.3548)) ** 2)
    np.testing.assert_allclose(curve.fraction, expected, atol=0.03)  # pixels are not points
    total, error = total_flux(found, curve)
    near = np.hypot(x[:, None] - found["XWIN_IMAGE"] + 1, y[:, None] - found["YWIN_IMAGE"] + 1).argmin(axis=1)
    assert np.median(total[near] / flux) == pytest.approx(1, abs=0.005)
    assert 0.6 < np.std((total[near] - flux) / error[near]) < 1.5


def test_faint_neighbours_that_nobody_finds_do_not_bend_the_curve():
    fwhm, (data, variance, x, y, flux) = 4.0, image(4.0, faintest=1e4)
    radii = radii_of(fwhm)
    yy, xx = np.mgrid[:data.shape[0], :data.shape[1]]
    faint = sum(150 / (2 * np.pi * 2.9) * np.exp(-0.5 * ((xx - a - dx) ** 2 + (yy - b - dy) ** 2) / 2.9)
                for a, b in zip(x, y, strict=True) for dx, dy in ((12, 3), (-9, 9), (-4, -14), (9, -11)))
    clean, spoilt = (growth(extract(image, variance, radii=radii, threshold=6.0), radii) for image in (data, data + faint))
    assert 600 / np.median(flux) > 0.002  # what they add within 5 FWHM, most of which must not be left
    assert spoilt.fraction[2] == pytest.approx(clean.fraction[2], abs=5e-4)
    assert clean.error[2] < 1e-3 and spoilt.error[2] < 2e-3


def test_rings_that_no_star_tells_of_are_assumed_and_their_error_says_so():
    data, variance, *_ = image(4.0)
    radii = radii_of(4.0)
    found = extract(data, variance, radii=radii)
    whole = growth(found, radii)
    found["FRAC_APER6"], found["FRAC_APER7"] = 1.0, 1.0
    part = growth(found, radii)
    assert part.nstars == whole.nstars and part.error[2] > 2 * whole.error[2]
    assert part.fraction[2] == pytest.approx(whole.fraction[2], abs=2.5 * part.error[2])


def test_growth_without_stars_is_nan():
    found = extract(np.random.default_rng(0).normal(0, 1, (200, 200)), threshold=3.0)
    curve = growth(found, (2.0, 3.0, 4.0, 6.0, 9.0, 13.0))
    assert np.isnan(curve.fraction[:-1]).all() and np.isnan(total_flux(found, curve)[0]).all()


def test_empty_apertures_tell_right_from_wrong():
    rng = np.random.default_rng(3)
    data, occupied = rng.normal(0, 2, (300, 300)), np.zeros((300, 300), bool)
    occupied[100:150] = True
    data[100:150] += 50
    good, n = empty_aperture_ratio(data, np.full((300, 300), 4.0), occupied, 4.0)
    assert good == pytest.approx(1, abs=0.08) and n > 500
    assert empty_aperture_ratio(data, np.full((300, 300), 1.0), occupied, 4.0)[0] == pytest.approx(2, abs=0.2)
    assert math.isnan(empty_aperture_ratio(data, data * 0 + 1, data * 0 + 1, 4.0)[0])
    assert math.isnan(empty_aperture_ratio(np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3)), 4.0)[0])


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_neighbours_are_no_variation_of_the_psf(spread):
    rng = np.random.default_rng(8)
    n, names = 60, [f"{kind}_APER{k}" for k in (1, 2) for kind in ("FLUX", "FLUXERR", "FRAC")]
    table, expected = np.zeros(n, [(name, float) for name in names]), rng.uniform(0.97, 1.0, n)
    table["FLUX_APER2"] = 1e6 + np.where(rng.random(n) < 0.3, rng.uniform(0, 3e4, n), 0.0)
    table["FLUX_APER1"] = 0.93e6 * expected * (1 + rng.normal(0, np.hypot(spread, 0.0003), n))
    table["FLUXERR_APER1"], table["FLUXERR_APER2"] = 1000.0, np.hypot(1000.0, 300.0)
    found = variation(table, 0, 1, expected)
    assert found < 0.0008 if spread == 0 else found == pytest.approx(spread, rel=0.35)
    assert variation(table, 0, 1, expected, np.full(n, 0.05)) == 0
    assert variation(table, 0, 1) > max(0.004, spread / 2), "the expected part was left out"
