"""The global solution: overlapping frames of two chips whose truth is known."""
import numpy as np
import pytest

from awe.science import globalastrometry
from awe.science.globalastrometry import Plate, solve_global
from awe.science.overlap import associate
from awe.science.platebasis import basis, linear_map, plate_of, wcs_of
from awe.science.residuals import binned, spread
from awe.science.template import template
from awe.science.wcs import Wcs

SHAPE = (800, 600)
SCALE = 1.0
LENS = ((0.0, 1.0, 0.0, 0.0, 0.02, 0.01, 0.0, 0.8, 0.0, 0.8), (0.0, 1.0, 0.0, 0.0, 0.01, -0.02, 0.0, 0.8, 0.0, 0.8))


def chips():
    """Two chips side by side under one lens, whose axis is between them."""
    return [Wcs.tangent(80.0, -30.0, SCALE, crpix=(x, 400.0)) for x in (620.0, -20.0)]


def observed(exposures=4, stars=2500, seed=0, noise=0.02, reference_error=0.03, known=0.3, moving=0.0, turn=0.0):
    """Plates with local solutions that are off, and the true WCS of each."""
    rng = np.random.default_rng(seed)
    ra, dec = chips()[0].pixel_to_sky(rng.uniform(-200, 1500, stars), rng.uniform(-250, 1050, stars))
    listed = rng.random(stars) < known
    cat = (ra + rng.normal(0, reference_error / 3600, stars) / np.cos(np.radians(dec)), dec + rng.normal(0, reference_error / 3600, stars))
    motion = np.where(listed, moving, 0.0)
    plates, true = [], []
    for e in range(exposures):
        step = rng.uniform(-80, 80, 2)
        for c, chip in enumerate(chips()):
            wcs = Wcs(chip.crval, chip.crpix, chip.cd, *LENS).moved(*step, e * turn)
            years = float(e)
            x, y = wcs.sky_to_pixel(ra, dec + motion * years / 3.6e6)
            on = np.flatnonzero((x > 0) & (x < SHAPE[1] - 1) & (y > 0) & (y < SHAPE[0] - 1))
            n = len(on)
            local = wcs.moved(*rng.normal(0, 0.05, 2), rng.normal(0, 0.003))
            nan = np.where(listed[on], 0.0, np.nan)
            plates.append(Plate(local, SHAPE, c, x[on] + rng.normal(0, noise, n), y[on] + rng.normal(0, noise, n), np.full(n, noise),
                                np.where(listed[on], on, -1), cat[0][on] + nan, cat[1][on] + nan, reference_error + nan,
                                np.column_stack([np.zeros(n), motion[on] * years / 1000.0])))
            true.append(wcs)
    return plates, true


def error(found, true):
    """Largest rms distance from the truth of any frame, mas."""
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, SHAPE[1], 9), np.linspace(0, SHAPE[0], 9)))
    out = []
    for a, b in zip(found, true, strict=True):
        (ra, dec), (ra2, dec2) = a.pixel_to_sky(x, y), b.pixel_to_sky(x, y)
        out.append(np.sqrt(np.mean(((ra - ra2) * np.cos(np.radians(dec))) ** 2 + (dec - dec2) ** 2) / 2) * 3.6e6)
    return max(out)


def test_frames_agree_with_the_truth_and_with_one_another():
    plates, true = observed()
    found = solve_global(plates)
    assert error([p.wcs for p in plates], true) > 30
    assert error(found.wcs, true) < 10
    several = found.used & (np.bincount(found.star)[found.star] > 1)
    overlap = spread(found.residual[several])
    assert overlap.count > 1000 and 0.01 < overlap.rms < 0.03
    assert abs(overlap.mean[0]) < 0.001 and abs(spread(found.reference_residual[found.used]).mean[0]) < 0.005
    assert set(found.distortion) == {0, 1}


def test_a_rotated_camera_takes_its_distortion_along():
    plates, true = observed(turn=30.0, exposures=3)
    assert error(solve_global(plates, distortion_prior=0.0).wcs, true) < 12


def test_the_direct_solution_is_the_same(monkeypatch):
    plates, _ = observed(exposures=2, stars=800)
    small = solve_global(plates)
    monkeypatch.setattr(globalastrometry, "DIRECT", 10_000)
    monkeypatch.setattr(globalastrometry, "DENSE", 10_000_000)
    assert error(solve_global(plates).wcs, small.wcs) < 0.1


def test_outliers_are_rejected():
    plates, true = observed(seed=3)
    rng = np.random.default_rng(1)
    for plate in plates:
        bad = rng.random(len(plate.x)) < 0.05
        plate.x[bad] += rng.normal(0, 0.5, bad.sum())
        plate.ra[rng.random(len(plate.x)) < 0.02] += 0.4 / 3600
    found = solve_global(plates)
    assert error(found.wcs, true) < 14 and 0.01 < 1 - found.used.mean() < 0.15


def test_stars_move():
    plates, true = observed(moving=200.0)
    still = [Plate(**{**vars(p), "motion": np.zeros_like(p.motion)}) for p in plates]
    assert error(solve_global(plates).wcs, true) < 10 < error(solve_global(still).wcs, true)


def test_without_any_reference_frames_agree_all_the_same():
    plates, _ = observed(known=0.0)
    found = solve_global(plates)
    assert spread(found.residual[found.used]).rms < 0.03 and not np.isfinite(found.reference_residual).any()


def test_a_known_distortion_helps_frames_of_few_stars():
    plates, true = observed(exposures=1, stars=260, noise=0.2, known=1.0, reference_error=0.2)
    taught = solve_global(observed(seed=9)[0]).distortion
    alone, helped = solve_global(plates), solve_global(plates, prior=taught)
    assert error(helped.wcs, true) < error(alone.wcs, true)


def test_one_frame_alone_is_solved_and_one_without_stars_keeps_its_place():
    plates, true = observed(exposures=1)
    lonely = Plate(**{**vars(plates[0]), **{name: getattr(plates[0], name)[:0] for name in
                                            ("x", "y", "error", "star", "ra", "dec", "reference_error", "motion")}})
    found = solve_global([lonely, plates[1]])
    assert error(found.wcs[1:], true[1:]) < 15 and error(found.wcs[:1], [lonely.wcs]) < 60


def test_plates_and_wcs_are_the_same():
    wcs = Wcs(chips()[0].crval, chips()[0].crpix, chips()[0].cd, *LENS)
    back = wcs_of(plate_of(wcs, SHAPE, 3), wcs, SHAPE, 3)
    assert error([back], [wcs]) < 1e-3
    matrix = linear_map(plate_of(Wcs.tangent(10, 20, 0.5), SHAPE, 3), SHAPE)
    np.testing.assert_allclose(matrix, [[-0.5, 0], [0, 0.5]], atol=1e-9)
    assert np.abs(basis(np.array([-0.5, 599.5]), np.array([-0.5, 799.5]), SHAPE, 5)).max() == 1.0


def test_a_template_is_the_mean_of_solutions():
    wcs = Wcs(chips()[0].crval, chips()[0].crpix, chips()[0].cd, *LENS)
    found = template([wcs.moved(10, 20, 3), wcs.moved(-10, 5, 170)], [10, 20], SHAPE, 3)
    assert found.scatter < 1e-4 and 0.1 < found.largest < 10
    assert template([], [], SHAPE, 3).largest == 0.0


def test_sources_of_one_star():
    position = np.array([[0, 0], [0.1, 0], [0, 0.1], [5, 5], [9, 9], [9.1, 9], [9, 9.1], [np.nan, 0]])
    frame = np.array([0, 1, 2, 0, 0, 0, 1, 2])
    reference = np.array([7, -1, -1, -1, -1, -1, -1, -1])
    star, count = associate(position, frame, reference, 0.5)
    assert count == 1 and list(star) == [0, 0, 0, -1, -1, -1, -1, -1]
    star, count = associate(position[:3], frame[:3], np.array([7, 8, -1]), 0.5)
    assert count == 0, "two reference stars in one group are ambiguous"


@pytest.mark.parametrize("size", [0.0, 0.05])
def test_systematic_residuals_are_seen(size):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 600, 20000), rng.uniform(0, 800, 20000)
    residual = rng.normal(0, 0.1, (20000, 2)) + size * (x > 300)[:, None] - size / 2
    rms, largest, cells = binned(x, y, residual, np.zeros(20000, np.intp), SHAPE)
    assert cells == 64 and rms == pytest.approx(size / 2, abs=0.004) and largest < size / 2 + 0.02
