"""Coadds: averages, clipping that spares stars, streaming, and the accuracy of the whole chain on simulated frames."""
import numba
import numpy as np
import pytest
from scipy import ndimage

from awe.errors import PermanentError
from awe.science import photometry, psf
from awe.science.background import background
from awe.science.coadd import Layer, coadd
from awe.science.grid import Window, tile_of
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
    out = coadd([Layer.of(frame, 2.0, 4.0)])
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
    assert out.rejected.sum() < 16
    plain = coadd(frames, combine="weighted")
    assert plain.data[20, 20] > 4 and out.coverage[20, 20] == 7


def test_bands_and_threads_do_not_change_a_bit():
    rng = np.random.default_rng(2)
    frames = [plane(rng.normal(0, 1, (30, 40)), Window(k, -k, 40, 30)) for k in range(5)]
    whole, banded = coadd(frames), coadd(frames, band_pixels=1)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = coadd(frames)
    finally:
        numba.set_num_threads(before)
    for other in (banded, single):
        assert whole.data.tobytes() == other.data.tobytes() and whole.weight.tobytes() == other.weight.tobytes()


def test_reads_sections_only():
    frame, asked = plane(1.0, Window(0, 0, 40, 300)), []

    def read(y0, y1):
        asked.append((y0, y1))
        return frame.data[y0:y1], frame.variance[y0:y1], frame.weight[y0:y1], frame.mask[y0:y1]

    coadd([Layer(frame.window, read)], band_pixels=1)
    assert max(b - a for a, b in asked) <= 20 and sum(b - a for a, b in asked) < 400


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
