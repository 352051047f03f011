"""The astrometric solution: simulated frames, refusals, and the real frames with their headers spoiled."""
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.science.astrometry import FEW_SOURCES, NO_COVERAGE, NO_MATCH, Reference, solve
from awe.science.match import Bounds
from awe.science.sources import extract
from awe.science.wcs import Wcs, read_wcs

REAL = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
needs_real = pytest.mark.skipif(not REAL.exists(), reason="no real data: neither ../shared/data nor AWE_REAL_DATA")
SHAPE = (1000, 1200)
TRUE = Wcs((210.0, 54.0), (700.0, 300.0), ((-1.2e-4, 2e-6), (2e-6, 1.2e-4)),
           (0.0, 1.0, 0.0, 0.0, 0.02, -0.01, 0.0, 0.3, 0.0, 0.2), (0.0, 1.0, 0.0, 0.0, -0.01, 0.02, 0.01, 0.2, 0.0, 0.3))


def sky(n, seed=0, wrong=0.05, noise=0.05, wcs=TRUE, error=0.015):
    """Sources on a frame (with errors of `noise` pixels) and reference stars over a larger area, some of them wrong."""
    rng = np.random.default_rng(seed)
    total = int(n * 4)
    x, y = rng.uniform(-600, 1800, total), rng.uniform(-500, 1500, total)
    mag = 20 - rng.exponential(1.2, total)
    ra, dec = wcs.pixel_to_sky(x, y)
    on = (x > 0) & (x < 1199) & (y > 0) & (y < 999)
    flux = 10 ** (-0.4 * (mag + rng.normal(0, 0.2, total)))
    sx, sy = x[on] + rng.normal(0, noise, on.sum()), y[on] + rng.normal(0, noise, on.sum())
    keep = rng.random(total) > 0.4 * (mag > 19.2)
    ra, dec = ra + rng.normal(0, error / 3600, total) / np.cos(np.radians(dec)), dec + rng.normal(0, error / 3600, total)
    bad = rng.random(total) < wrong
    ra, dec = np.where(bad, ra + rng.uniform(-.05, .05, total), ra), np.where(bad, dec + rng.uniform(-.05, .05, total), dec)
    return sx, sy, flux[on], Reference(ra[keep], dec[keep], mag[keep], np.full(keep.sum(), error))


def worst(a, b, shape=SHAPE):
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, shape[1] - 1, 15), np.linspace(0, shape[0] - 1, 15)))
    (ra, dec), (ra2, dec2) = a.pixel_to_sky(x, y), b.pixel_to_sky(x, y)
    return np.max(np.hypot((ra - ra2) * np.cos(np.radians(dec)), dec - dec2)) * 3600


@pytest.mark.parametrize("n, spoil, degree", [
    (300, {"dra": 20, "ddec": -5, "rotation": 1.0}, 3), (300, {"dra": -45, "ddec": 40, "rotation": -3.0}, 3),
    (2000, {"dra": 200, "ddec": 100, "rotation": 0.0}, 3)])
def test_distortion_is_found_from_a_plain_header(n, spoil, degree):
    plain = Wcs(TRUE.crval, TRUE.crpix, TRUE.cd).moved(**spoil)
    x, y, flux, reference = sky(n)
    found = solve(x, y, flux, plain, reference, shape=SHAPE)
    assert found.ok and found.degree == degree, found.reason
    assert worst(found.wcs, TRUE) < 0.1
    assert abs(found.mean_ra) < 0.01 and found.rms_ra < 0.04 and found.holdout_rms < 0.05
    assert found.n_matched > 0.5 * len(x)
    assert found.rotation == pytest.approx(-spoil["rotation"], abs=0.15)
    assert len(found.pairs) == found.n_matched == len(found.residuals)


def test_mirrored_header():
    x, y, flux, reference = sky(300)
    flipped = Wcs(TRUE.crval, TRUE.crpix, TRUE.cd).flipped(SHAPE, x=True).moved(dra=20, rotation=1.0)
    found = solve(x, y, flux, flipped, reference, shape=SHAPE)
    assert found.ok and found.parity == -1 and found.wcs.parity == TRUE.parity
    assert worst(found.wcs, TRUE) < 0.1
    one_way = solve(x, y, flux, flipped, reference, shape=SHAPE, bounds=Bounds(parities=(1,)))
    assert one_way.status == NO_MATCH


def test_few_stars_keep_the_nominal_distortion():
    x, y, flux, reference = sky(40, wrong=0.0)
    found = solve(x, y, flux, TRUE.moved(dra=30, rotation=0.5), reference, shape=SHAPE)
    assert found.ok and found.degree == 1, found.reason
    assert worst(found.wcs, TRUE) < 0.1


def test_proper_motions_are_applied():
    x, y, flux, reference = sky(300, wrong=0.0)
    moving = Reference(reference.ra, reference.dec - 500.0 * 20 / 3.6e6, reference.magnitude, None,
                       np.full(len(reference.ra), 0.0), np.full(len(reference.ra), 500.0), 2000.0)
    found = solve(x, y, flux, TRUE, moving, shape=SHAPE, epoch=2020.0)
    assert worst(found.wcs, TRUE) < 0.1
    assert worst(solve(x, y, flux, TRUE, moving, shape=SHAPE).wcs, TRUE) > 5.0
    moving.pm_ra[:] = np.nan
    assert np.isfinite(moving.at(2010.0)[0]).all()


def test_outside_coverage_and_no_match_are_different():
    x, y, flux, reference = sky(200)
    away = solve(x, y, flux, TRUE.moved(dra=0.0, ddec=36000.0), reference, shape=SHAPE)
    assert away.status == NO_COVERAGE and "coverage" in away.reason and not away.ok
    *_, other = sky(200, seed=77)
    wrong = solve(x, y, flux, TRUE, other, shape=SHAPE)
    assert wrong.status == NO_MATCH and wrong.wcs == TRUE
    assert solve(x[:3], y[:3], flux[:3], TRUE, reference, shape=SHAPE).status == FEW_SOURCES


def test_saturated_stars_are_matched_and_hardly_fitted():
    x, y, flux, reference = sky(200, wrong=0.0)
    bright = flux > np.quantile(flux, 0.4)
    x = np.where(bright, x + 0.8, x)
    start = TRUE.moved(dra=20)
    kept, without = (solve(x, y, flux, start, reference, shape=SHAPE, doubtful=d) for d in (bright, None))
    assert kept.ok and worst(kept.wcs, TRUE) < 0.5 * worst(without.wcs, TRUE)
    assert kept.n_clean <= np.count_nonzero(~bright)
    alone = solve(x, y, flux, start, reference, shape=SHAPE, doubtful=np.ones(len(x), bool))
    assert alone.ok and alone.n_clean == 0


def test_stars_that_agree_in_one_corner_only_are_no_solution():
    x, y, flux, reference = sky(400, wrong=0.0)
    rng = np.random.default_rng(3)
    far = (x > 500) | (y > 400)
    x, y = np.where(far, rng.uniform(500, 1199, len(x)), x), np.where(far, rng.uniform(400, 999, len(x)), y)
    found = solve(x, y, flux, TRUE, reference, shape=SHAPE)
    assert found.status == NO_MATCH and "cover" in found.reason
    assert solve(*sky(400)[:3], TRUE, reference, shape=SHAPE).coverage == 1.0


def test_a_mirrored_frame_of_few_stars_is_found_though_they_are_not_in_its_middle():
    x, y, flux, reference = sky(80, wrong=0.0)
    left = x < 800
    flipped = Wcs(TRUE.crval, TRUE.crpix, TRUE.cd).flipped(SHAPE, x=True)
    found = solve(x[left], y[left], flux[left], flipped, reference, shape=SHAPE, bounds=Bounds(60.0, 3.0, 0.01))
    assert found.ok and found.parity == -1, found.reason


def frame(name, level=0.0, dark=None):
    with fits.open(REAL / name) as hdus:
        header, data = hdus[0].header, hdus[0].data.astype(np.float32) - level
    return header, data if dark is None else data - dark


def star_list(data, gain=1.5, mesh=64):
    found = extract(data, gain=gain, threshold=2.0, mesh=mesh)
    return found[(found["FLAGS"] & 4) == 0]


@pytest.fixture(scope="module")
def m13():
    """Source lists and header WCS of the real frames of a globular cluster, darks scaled roughly by time."""
    names = sorted(p.name for p in (REAL / "arcsat_m13").glob("M13_*.bz2"))
    darks = [frame(f"arcsat_m13/{p.name}")[1] for p in sorted((REAL / "arcsat_m13").glob("Dark_*.bz2"))]
    dark = np.median(darks, axis=0) - 1311.0
    out = []
    for name in names:
        header, data = frame(f"arcsat_m13/{name}", 1311.0)
        out.append((name, read_wcs(header), star_list(data - dark * np.float32(header["EXPTIME"] / 80.0), mesh=32), data.shape))
    return out


@needs_real
@pytest.mark.parametrize("index", range(1, 12))
def test_arcsat_m13_against_its_headers(m13, index):
    _, base, stars, _ = m13[0]
    ra, dec = base.pixel_to_sky(stars["XWIN_IMAGE"] - 1, stars["YWIN_IMAGE"] - 1)
    reference = Reference(ra, dec, -2.5 * np.log10(np.maximum(stars["FLUX_AUTO"], 1.0)))
    name, truth, found, shape = m13[index]
    spoiled = Wcs(truth.crval, truth.crpix, truth.cd).moved(dra=45.0, ddec=-40.0, rotation=3.0 * (-1) ** index)
    if index % 4 == 2:
        spoiled = spoiled.flipped(shape, x=True)
    solution = solve(found["XWIN_IMAGE"] - 1, found["YWIN_IMAGE"] - 1, found["FLUX_AUTO"], spoiled, reference, shape=shape,
                     error=np.sqrt(found["ERRX2WIN_IMAGE"]))
    assert solution.ok, (name, solution.reason)
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, 1023, 20), np.linspace(0, 1023, 20)))
    (a, b), (c, d) = solution.wcs.pixel_to_sky(x, y), truth.pixel_to_sky(x, y)
    rms = np.sqrt(np.mean(((a - c) * np.cos(np.radians(b)) * 3600) ** 2 + ((b - d) * 3600) ** 2))
    print(name, solution.reason, f"rms against the header {rms:.3f}")
    assert rms < 0.3


@needs_real
@pytest.mark.parametrize("run, band", [(r, b) for r in ("004192-{}4-0300", "006377-{}4-0399") for b in "gri"])
def test_sdss_against_reference_stars_not_used(run, band):
    header, data = frame(f"sdss_stripe82_gri/fpC-{run.format(band)}.fit.gz", 1000.0)
    table = fits.getdata(REAL / "sdss_stripe82_gri" / "stars.fits.bz2")
    ra, dec, mag = np.mod(np.asarray(table["RA"], float), 360), np.asarray(table["DEC"], float), np.asarray(table[band], float)
    stars = star_list(data)
    truth = read_wcs(header)
    rng = np.random.default_rng(1)
    test = rng.random(len(ra)) < 0.3
    reference = Reference(ra[~test], dec[~test], mag[~test])
    x, y = stars["XWIN_IMAGE"] - 1, stars["YWIN_IMAGE"] - 1
    solution = solve(x, y, stars["FLUX_AUTO"], Wcs(truth.crval, truth.crpix, truth.cd).moved(dra=20, ddec=10, rotation=1.0),
                     reference, shape=data.shape, error=np.sqrt(stars["ERRX2WIN_IMAGE"]))
    assert solution.ok, solution.reason
    a, d = solution.wcs.pixel_to_sky(x, y)
    dra = (ra[test][:, None] - a) * np.cos(np.radians(d)) * 3600
    ddec = (dec[test][:, None] - d) * 3600
    nearest = np.hypot(dra, ddec).argmin(axis=1)
    rows = np.arange(len(nearest))
    dra, ddec = dra[rows, nearest], ddec[rows, nearest]
    near = np.hypot(dra, ddec) < 1.0
    rms = np.sqrt(np.median(dra[near] ** 2) + np.median(ddec[near] ** 2)) * 1.05
    print(run, band, solution.reason, near.sum(), f"held out: median {np.median(np.hypot(dra, ddec)[near]):.3f}",
          f"mean {dra[near].mean():.3f} {ddec[near].mean():.3f}", rms, f"rms {np.sqrt(np.mean((dra**2+ddec**2)[near]/2)):.3f}")
    assert near.sum() > 10
    assert np.median(np.hypot(dra, ddec)[near]) < 0.1
    assert abs(dra[near].mean()) < 0.05 and abs(ddec[near].mean()) < 0.05
