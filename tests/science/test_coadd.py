"""Coadds: averages, clipping that spares stars, streaming, and the accuracy of the whole chain on simulated frames."""
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from awe.errors import PermanentError
from awe.science import bands, photometry, psf
from awe.science.background import background
from awe.science.coadd import BYTES, METHODS, coadd, layer_of
from awe.science.grid import Window, join, tile_of
from awe.science.layer import Layer, Planes
from awe.science.mask import Bit
from awe.science.regrid import Regridded, regrid
from awe.science.sources import extract
from awe.science.wcs import Wcs

TILE = tile_of(150.5, 2.5)


HERE = Window(0, 0, 40, 30)


def plane(value, window=HERE, variance=1.0, mask=0, tile=TILE):
    data = np.full(window.shape, value, np.float32) if np.isscalar(value) else value.astype(np.float32)
    var = np.full(window.shape, variance, np.float32)
    return Regridded(data, var, 1 / var, np.full(window.shape, mask, np.uint16), window, tile, 0.4)


@pytest.mark.parametrize("combine, expected, variance", [("weighted", (1 * 1 + 3 * 0.25) / 1.25, 0.8),
                                                         ("clipped", (1 * 1 + 3 * 0.25) / 1.25, 0.8), ("median", 2.0, 1.25)])
def test_two_frames(combine, expected, variance):
    out = coadd([plane(1.0), plane(3.0, variance=4.0)], combine=combine)
    np.testing.assert_allclose(out.data, expected, rtol=1e-6)
    np.testing.assert_allclose(out.variance, variance, rtol=1e-6)
    np.testing.assert_allclose(out.weight * out.variance, 1.0, rtol=1e-5)
    assert (out.coverage == 2).all()


def test_windows_holes_and_masks():
    a, b = plane(1.0, Window(0, 0, 40, 30), mask=3), plane(5.0, Window(20, 10, 40, 30), mask=1)
    a.data[15, 30], a.weight[15, 30] = np.nan, 0
    out = coadd([a, b])
    assert out.window == Window(0, 0, 60, 40)
    assert out.coverage[5, 5] == 1 and out.coverage[15, 25] == 2 and out.coverage[15, 30] == 1 and out.coverage[35, 5] == 0
    assert out.data[15, 30] == 5 and np.isnan(out.data[35, 5]) and out.weight[35, 5] == 0 and out.mask[35, 5] == Bit.NO_DATA
    assert out.mask[15, 25] == 1 and out.mask[5, 5] == 3
    part = coadd([a, b], window=Window(20, 10, 5, 4))
    np.testing.assert_array_equal(part.data, out.data[10:14, 20:25])


def test_scale_and_background_of_layers():
    frame = plane(10.0)
    out = coadd([layer_of(frame, 2.0, 4.0)])
    np.testing.assert_allclose(out.data, 12.0)
    np.testing.assert_allclose(out.variance, 4.0)


def test_clipping_takes_outliers_and_spares_differing_cores():
    rng = np.random.default_rng(1)
    frames = [plane(rng.normal(0, 1, (30, 40))) for _ in range(8)]
    for k, f in enumerate(frames):
        f.data[10, 10] += 1000 * (1 + 0.15 * (-1) ** k)  # the core of a star in seeing that comes and goes
    frames[2].data[20, 20] += 50
    frames[5].data[21:23, :5] -= 50
    out = coadd(frames, combine="clipped")
    assert out.rejected[20, 20] == 1 and (out.rejected[21:23, :5] == 1).all() and out.rejected[10, 10] == 0
    assert np.abs(out.data[20, 20]) < 3 and out.data[10, 10] == pytest.approx(1000, abs=30)
    assert out.rejected.sum() < 64  # of noise a pixel, and two cells
    plain = coadd(frames, combine="weighted")
    assert plain.data[20, 20] > 4 and out.coverage[20, 20] == 7


def crowd(n=9, shape=(75, 140), seed=2):
    """Frames of noise, a star and hits, shifted against each other, some pixels missing."""
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(n):
        f = plane(rng.normal(0, 1, shape), Window(k, -k, shape[1], shape[0]), variance=1.0 + 0.1 * k)
        f.data[30:36, 60:66] += 400 + 20 * k
        f.data[rng.random(shape) < 0.01] += 40
        f.data[rng.random(shape) < 0.02], f.weight[rng.random(shape) < 0.02] = np.nan, 0
        frames.append(f)
    return frames


@pytest.mark.parametrize("combine", METHODS)
def test_blocks_and_threads_do_not_change_a_bit(combine):
    frames = [layer_of(f, 1.0 + 0.01 * k, 0.1 * k, fwhm=1.0 + k) for k, f in enumerate(crowd())]
    whole, blocked = coadd(frames, combine=combine), coadd(frames, combine=combine, memory=1)
    bands.set_threads(1)
    try:
        single = coadd(frames, combine=combine)
    finally:
        bands.set_threads(None)
    for other in (blocked, single):
        for name in ("data", "variance", "weight", "coverage", "rejected", "mask", "fwhm"):
            assert getattr(whole, name).tobytes() == getattr(other, name).tobytes(), name


def reference(frames, combine, trim=1):
    """Plain numpy: frames in one stack of NaN; no clipping."""
    window = join([f.window for f in frames])
    data, weight, variance = (np.full((len(frames), *window.shape), np.nan) for _ in range(3))
    for k, f in enumerate(frames):
        where = (k, *f.window.within(window))
        good = (f.weight > 0) & np.isfinite(f.data)
        data[where], weight[where], variance[where] = (np.where(good, p, np.nan) for p in (f.data, f.weight, f.variance))
    n = np.isfinite(data).sum(axis=0)
    if combine == "median":
        return np.nanmedian(data, axis=0), n
    if combine == "trimmed":
        order = np.argsort(np.argsort(data, axis=0), axis=0)  # NaN sorts last
        kept = np.where(n > 2 * trim, (order >= trim) & (order < n - trim), True)
        weight = np.where(kept, weight, np.nan)
    return np.nansum(weight * data, axis=0) / np.nansum(weight, axis=0), np.isfinite(weight + data).sum(axis=0)


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:invalid value")
@pytest.mark.parametrize("combine", ["weighted", "trimmed", "median"])
def test_agrees_with_numpy(combine):
    frames = crowd()
    out, (expected, n) = coadd(frames, combine=combine), reference(frames, combine)
    np.testing.assert_allclose(out.data, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(out.coverage, n)
    assert ((out.weight > 0) == (n > 0)).all() and ((out.mask & Bit.NO_DATA != 0) == (n == 0)).all()


@pytest.mark.parametrize("combine", ["trimmed", "median"])
@pytest.mark.parametrize("n", [3, 4, 7, 20])
def test_variance_of_ordered_averages_is_what_they_scatter_by(combine, n):
    rng = np.random.default_rng(n)
    out = coadd([plane(rng.normal(0, 1, (150, 200)), Window(0, 0, 200, 150)) for _ in range(n)], combine=combine)
    assert np.var(out.data) / np.mean(out.variance) == pytest.approx(1.0, abs=0.12)
    np.testing.assert_allclose(out.variance * out.weight, 1.0, rtol=1e-5)


def test_half_against_half_leaves_no_hole():
    out = coadd([plane(0.0), plane(0.0), plane(50.0), plane(50.0)])
    assert (out.data == 25).all() and not out.rejected.any()


def test_ghosts_go_with_their_wings():
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[-30:31, -40:41]
    ghost = 300 * np.exp(-0.5 * (xx**2 + yy**2) / 4.0)
    frames = [plane(rng.normal(0, 1, ghost.shape) + (ghost if k < 2 else 0), Window(0, 0, 81, 61)) for k in range(20)]
    out = coadd(frames)
    left = out.data * np.sqrt(out.weight)
    kernel = np.exp(-0.5 * (xx**2 + yy**2) / 4.0)
    assert np.abs(left).max() < 5 and abs(np.sum(left * kernel)) / np.sqrt(np.sum(kernel**2)) < 5


def test_a_sharp_frame_is_not_clipped_in_the_cores_of_stars():
    rng, fwhm = np.random.default_rng(4), [3.0] + [4.5] * 7
    yy, xx = np.mgrid[-20:21, -20:21]
    frames = []
    for width in fwhm:
        star = 1e5 / (2 * np.pi * (width / 2.355) ** 2) * np.exp(-0.5 * (xx**2 + yy**2) / (width / 2.355) ** 2)
        frames.append(layer_of(plane(rng.normal(0, 3, star.shape) + star, Window(0, 0, 41, 41), variance=9.0), fwhm=width))
    plain, clipped = coadd(frames, combine="weighted"), coadd(frames)
    assert clipped.data.sum() / plain.data.sum() == pytest.approx(1, abs=3e-3) and not clipped.rejected[15:26, 15:26].any()


def test_map_of_the_psf():
    a, b = plane(0.0, Window(0, 0, 128, 64)), plane(0.0, Window(64, 0, 128, 64), variance=3.0)
    out = coadd([layer_of(a, fwhm=2.0), layer_of(b, fwhm=4.0)])
    assert out.fwhm.shape == (2, 6)
    np.testing.assert_allclose(out.fwhm, np.tile([2, 2, np.sqrt((4 + 16 / 3) / (4 / 3)), np.sqrt((4 + 16 / 3) / (4 / 3)), 4, 4], (2, 1)))
    assert np.isnan(coadd([a]).fwhm).all()


def test_memory_does_not_grow_with_frames():
    """What is held at a time stays below the limit, and only what a block needs is read."""
    frame, asked = plane(1.0, Window(0, 0, 200, 300)), []

    def read(part):
        asked.append(part)
        where = part.within(frame.window)
        return Planes(frame.data[where], frame.weight[where], frame.variance[where], frame.mask[where])

    peaks = {}
    bands.set_threads(1)
    try:
        for n in (40, 80):
            asked.clear()
            tracemalloc.start()
            coadd([Layer(frame.window, read)] * n, memory=8 << 20)
            peaks[n] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    finally:
        bands.set_threads(None)
    assert max(part.nx * part.ny for part in asked) * 80 * BYTES < 9 << 20
    assert peaks[80] < 1.2 * peaks[40]


@pytest.mark.parametrize("frames, options, word", [
    ([], {}, "0 frames"), ([plane(1.0)], {"combine": "mean"}, "mean"), ([plane(1.0)], {"window": Window(900, 0, 5, 5)}, "none"),
    ([plane(1.0), plane(1.0, tile=tile_of(10, 10))], {}, "different grids")])
def test_refusals(frames, options, word):
    with pytest.raises(PermanentError, match=word):
        coadd(frames, **options)


# -- the whole chain on frames that differ in seeing, transparency, sky, pointing ---------------------------------------

def moffat(shape, x, y, flux, fwhm, beta=3.0):
    image = np.zeros(shape)
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    norm = (beta - 1) / (np.pi * alpha ** 2)
    fine = (np.arange(3) - 1) / 3.0
    for a, b, f in zip(x, y, flux, strict=True):
        r = 45
        ix, iy = round(a), round(b)
        x0, x1, y0, y1 = max(ix - r, 0), min(ix + r, shape[1]), max(iy - r, 0), min(iy + r, shape[0])
        if x0 >= x1 or y0 >= y1:
            continue
        yy, xx = np.mgrid[y0:y1, x0:x1]
        for dx in fine:
            for dy in fine:
                rr = (xx + dx - a) ** 2 + (yy + dy - b) ** 2
                image[y0:y1, x0:x1] += f / 9 * norm * (1 + rr / alpha ** 2) ** -beta
    return image


@pytest.fixture(scope="module")
def chain():
    """Eight frames of 500x500, coadded at zero point 30; returns coadd, its sources, truth."""
    rng = np.random.default_rng(42)
    shape, scale = (500, 500), 0.4
    gx, gy = np.meshgrid(np.linspace(-95, 95, 9), np.linspace(-95, 95, 9))
    xi, eta = gx.ravel() + rng.uniform(-5, 5, 81), gy.ravel() + rng.uniform(-5, 5, 81)
    sky = Wcs.tangent(150.5, 2.5, 1.0)
    ra, dec = sky.pixel_to_sky(-xi, eta)
    mag = rng.uniform(16.0, 20.5, 81)
    catalogue = mag + rng.normal(0, 0.01, 81)
    frames = []
    for k in range(8):
        seeing, loss, level = 2.4 * (1 + 0.5 * (k % 4) / 3), 0.2 * (k % 3) / 2, 200 + 60 * k
        wcs = Wcs.tangent(150.5 + rng.uniform(-1, 1) * 5 / 3600, 2.5 + rng.uniform(-1, 1) * 5 / 3600, scale,
                          crpix=(249.3, 251.1), rotation=rng.uniform(-1, 1))
        wcs = Wcs(wcs.crval, wcs.crpix, wcs.cd, (0, 1.0, 0, 0, 0.01, 0, 0.01), (0, 1.0, 0, 0, 0.0, 0.01, 0.01))
        x, y = wcs.sky_to_pixel(ra, dec)
        flux = 60.0 * 10 ** (-0.4 * (mag - 25.0 + loss)) * wcs.pixel_area(x, y) ** 0
        light = moffat(shape, x, y, flux, seeing) + level
        image = (rng.poisson(light) + rng.normal(0, 6, shape)).astype(np.float32)
        mask = np.zeros(shape, np.uint16)
        hits = rng.random(shape) < 2e-4
        image[hits] += 5000
        mask[(rng.random(shape) < 1e-3)] = Bit.BAD
        back = background(image, mask)
        subtracted = image - back.level
        variance = np.maximum(image, 1) + 36.0
        weight = 1 / (back.level + 36.0)
        first = extract(image, variance, mask, sky=back)
        radii = photometry.radii_of(psf.seeing(first).fwhm)
        found = extract(image, variance, mask, sky=back, radii=radii)
        total, error = photometry.total_flux(found, photometry.growth(found, radii))
        sx, sy = found["XWIN_IMAGE"] - 1, found["YWIN_IMAGE"] - 1
        d = np.hypot(x[:, None] - sx, y[:, None] - sy)
        near = d.argmin(axis=1)
        pairs = (d[np.arange(81), near] < 1.0) & (found["FLAGS"][near] == 0)
        zp = photometry.zero_point(total[near][pairs], error[near][pairs], catalogue[pairs], np.full(pairs.sum(), 0.01),
                                   exptime=60.0)
        assert zp.ok and zp.value == pytest.approx(25.0 - loss, abs=0.05)
        frames.append(regrid(subtracted, variance, mask, wcs, TILE, scale, weight=weight, flux_scale=zp.flux_scale(60.0)))
    stack = coadd(frames, combine="clipped")
    found = extract(stack.data, stack.variance, stack.mask, weight=stack.weight)
    radii = photometry.radii_of(psf.seeing(found).fwhm)
    found = extract(stack.data, stack.variance, stack.mask, weight=stack.weight, radii=radii)
    total, error = photometry.total_flux(found, photometry.growth(found, radii))
    wcs = frames[0].wcs.trimmed(stack.window.x0 - frames[0].window.x0, stack.window.y0 - frames[0].window.y0)
    x, y = wcs.sky_to_pixel(ra, dec)
    d = np.hypot(x[:, None] - found["XWIN_IMAGE"] + 1, y[:, None] - found["YWIN_IMAGE"] + 1)
    near = d.argmin(axis=1)
    full = ndimage.minimum_filter(stack.coverage + stack.rejected, 25)[np.rint(y).astype(int), np.rint(x).astype(int)]
    ok = (d[np.arange(81), near] < 1.0) & (full >= 7)  # where frames end, the PSF changes within a star
    return stack, found[near[ok]], x[ok], y[ok], mag[ok], total[near[ok]], error[near[ok]]


def test_chain_positions(chain):
    _, found, x, y, *_ = chain
    dx, dy = found["XWIN_IMAGE"] - 1 - x, found["YWIN_IMAGE"] - 1 - y
    bright = found["SNR_WIN"] > 50
    print("positions", np.mean(dx), np.mean(dy), np.std(dx[bright]), np.std(dy[bright]), bright.sum())
    assert abs(np.mean(dx)) < 0.02 and abs(np.mean(dy)) < 0.02
    assert np.sqrt(np.mean(dx[bright] ** 2 + dy[bright] ** 2)) < 0.1


def test_chain_magnitudes(chain):
    _, found, _, _, mag, total, error = chain
    use = (total / error > 100) & ((found["FLAGS"] & 0b11100) == 0)
    difference = 30.0 - 2.5 * np.log10(total[use]) - mag[use]
    pulls = (difference - np.median(difference)) / (1.0857 * error[use] / total[use])
    print("magnitudes", use.sum(), np.median(difference), difference.mean(), difference.std(), "pulls", pulls.std())
    assert use.sum() > 40
    assert abs(np.mean(difference)) <= 0.01 and np.std(difference) <= 0.02
    assert 0.7 < 1.4826 * np.median(np.abs(pulls)) < 1.35 and pulls.std() < 1.7


def test_chain_errors_follow_empty_apertures(chain):
    stack, *_ = chain
    back = background(np.nan_to_num(stack.data), stack.weight == 0)
    ratio, n = photometry.empty_aperture_ratio(stack.data - back.level, stack.variance, back.objects | (stack.coverage < 7), 4.0)
    print("empty apertures", ratio, n)
    assert n > 200 and ratio == pytest.approx(1.0, abs=0.1)


def test_chain_clips_hits_and_spares_stars(chain):
    stack, _, x, y, *_ = chain
    inner = stack.coverage + stack.rejected >= 7
    rate = stack.rejected[inner].sum() / inner.sum() / 8
    print("rejected", rate)
    assert 1e-4 < rate < 1e-2
    cores = stack.rejected[np.rint(y).astype(int), np.rint(x).astype(int)]
    assert np.count_nonzero(cores) <= 2


# -- bad input ----------------------------------------------------------------------------------------------------------

def empty(window=HERE):
    frame = plane(np.nan, window)
    frame.weight[:], frame.variance[:] = 0, 0
    return frame


@pytest.mark.parametrize("combine", METHODS)
def test_frames_of_nothing(combine):
    out = coadd([empty(), empty(), empty()], combine=combine)
    assert np.isnan(out.data).all() and not out.weight.any() and not out.coverage.any() and (out.mask == Bit.NO_DATA).all()


@pytest.mark.parametrize("combine", METHODS)
def test_one_frame_comes_out_as_it_went_in(combine):
    frame = crowd(1)[0]
    out = coadd([frame], combine=combine)
    there = out.coverage > 0
    np.testing.assert_allclose(out.data[there], frame.data[there], rtol=1e-6)
    np.testing.assert_allclose(out.weight[there], frame.weight[there], rtol=1e-6)
    assert not out.rejected.any()


@pytest.mark.parametrize("combine", METHODS)
def test_frames_that_do_not_meet(combine):
    out = coadd([plane(1.0), plane(2.0, Window(100, 200, 40, 30)), empty(Window(0, 100, 10, 10))], combine=combine)
    assert out.window == Window(0, 0, 140, 230) and (out.coverage <= 1).all()
    assert (out.data[:30, :40] == 1).all() and (out.data[200:, 100:] == 2).all() and np.isnan(out.data[100, 5])
