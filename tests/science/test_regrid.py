"""Regridding: positions, fluxes, noise, bad pixels; and reproject as a second opinion."""
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_adaptive, reproject_exact

from awe.errors import PermanentError
from awe.science import bands
from awe.science.grid import Tile, Window, tile_of
from awe.science.mask import Bit
from awe.science.regrid import regrid
from awe.science.wcs import Wcs

PV = ((0.0, 1.0, 0.0, 0.0, 0.02, -0.01, 0.0, 0.5, 0.0, 0.3), (0.0, 1.0, 0.0, 0.0, -0.01, 0.02, 0.01, 0.3, 0.0, 0.5))
RA, DEC = 150.52, 2.48
TILE = tile_of(RA, DEC)


def camera(scale=0.4, rotation=7.0, distorted=True, shape=(220, 260), parity=1):
    wcs = Wcs.tangent(RA, DEC, scale, crpix=(shape[1] / 2 + 40, shape[0] / 2 - 30), rotation=rotation, parity=parity)
    return Wcs(wcs.crval, wcs.crpix, wcs.cd, *PV) if distorted else wcs


def stars(wcs, shape=(220, 260), n=20, sigma=1.6, seed=4, sky_sigma=None):
    """An image of Gaussian stars, round in pixels, and their pixel positions and fluxes."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(30, shape[1] - 30, n), rng.uniform(30, shape[0] - 30, n)
    flux = rng.uniform(1e3, 1e4, n)
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    image = sum(f / (2 * np.pi * sigma ** 2) * np.exp(-0.5 * ((xx - a) ** 2 + (yy - b) ** 2) / sigma ** 2)
                for a, b, f in zip(x, y, flux, strict=True))
    return image.astype(np.float32), x, y, flux


def moments(image, x, y, r=9):
    ix, iy = round(x), round(y)
    yy, xx = np.mgrid[iy - r:iy + r + 1, ix - r:ix + r + 1]
    cut = image[iy - r:iy + r + 1, ix - r:ix + r + 1].astype(float)
    return cut.sum(), (cut * xx).sum() / cut.sum(), (cut * yy).sum() / cut.sum()


@pytest.mark.parametrize("scale, parity", [(0.4, 1), (0.4, -1), (0.31, 1), (0.8, 1)])
def test_positions_and_fluxes_are_kept(scale, parity):
    wcs = camera(parity=parity)
    image, x, y, flux = stars(wcs, n=1)
    for seed in range(12):
        image, x, y, flux = stars(wcs, n=1, seed=seed)
        out = regrid(image, None, None, wcs, TILE, scale)
        data = np.nan_to_num(out.data)
        px, py = out.wcs.sky_to_pixel(*wcs.pixel_to_sky(x, y))
        total, mx, my = moments(data, px[0], py[0], 12)
        assert total == pytest.approx(flux[0], rel=2e-3)
        assert np.hypot(mx - px[0], my - py[0]) < 0.02
        assert out.wcs_error < 1e-3


def test_flat_surface_brightness_scales_by_the_jacobian():
    wcs = camera()
    out = regrid(np.full((220, 260), 50.0), None, None, wcs, TILE, 0.37)
    yy, xx = np.nonzero(out.coverage)
    x, y = wcs.sky_to_pixel(*out.wcs.pixel_to_sky(xx, yy))
    expected = 50.0 * out.wcs.pixel_area(xx, yy) / wcs.pixel_area(x, y)
    np.testing.assert_allclose(out.data[yy, xx], expected, rtol=2e-4)


def test_agrees_with_reproject():
    wcs = camera(rotation=12.0)
    image, *_ = stars(wcs, sigma=2.5)
    out = regrid(image, None, None, wcs, TILE, 0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other, _ = reproject_adaptive((image.astype(float), WCS(fits.Header(list(wcs.cards().items())))),
                                      WCS(fits.Header(list(out.wcs.cards().items()))), shape_out=out.window.shape,
                                      conserve_flux=True, kernel="gaussian", kernel_width=0.8, boundary_mode="ignore")
    both = out.coverage & np.isfinite(other)
    assert np.nansum(out.data[both]) == pytest.approx(np.nansum(other[both]), rel=2e-3)
    assert np.abs(out.data - other)[both].max() < 0.1 * image.max()  # the Gaussian kernel smooths, Lanczos does not


@pytest.mark.parametrize("method, scale", [("lanczos", 0.4), ("lanczos", 0.9), ("exact", 0.4)])
def test_pixels_of_a_window_do_not_depend_on_the_window(method, scale):
    wcs = camera()
    image, *_ = stars(wcs)
    image[100, 80:90] = np.nan
    full = regrid(image, None, None, wcs, TILE, scale, method=method)
    part = Window(full.window.x0 + 31, full.window.y0 + 17, 70, 65)
    cut = regrid(image, None, None, wcs, TILE, scale, window=part, method=method)
    for name in ("data", "weight", "variance", "mask"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(full, name)[part.within(full.window)])
    outside = regrid(image, None, None, wcs, TILE, scale, window=Window(full.window.x0 + 5000, full.window.y0, 10, 10), method=method)
    assert np.isnan(outside.data).all() and not outside.weight.any() and (outside.mask == Bit.NO_DATA).all()


def slow_lanczos(image, wcs, out):
    """The definition: the exact transformation at each output pixel, the kernel by its formula, renormalised over good pixels."""
    found = np.full(out.data.shape, np.nan)
    rows, columns = np.mgrid[:found.shape[0], :found.shape[1]]
    x, y = wcs.sky_to_pixel(*out.wcs.pixel_to_sky(columns, rows))
    area = out.wcs.pixel_area(columns, rows) / wcs.pixel_area(x, y)
    for row, col in np.ndindex(*found.shape):
        ix, iy = int(np.floor(x[row, col])), int(np.floor(y[row, col]))
        if not (2 <= ix < image.shape[1] - 3 and 2 <= iy < image.shape[0] - 3):
            continue
        wx, wy = (np.sinc(d) * np.sinc(d / 3) for d in (np.arange(ix - 2, ix + 4) - x[row, col], np.arange(iy - 2, iy + 4) - y[row, col]))
        weights, pixels = np.outer(wy, wx), image[iy - 2:iy + 4, ix - 2:ix + 4]
        good = np.isfinite(pixels)
        found[row, col] = np.sum(weights[good] * pixels[good]) / weights[good].sum() * area[row, col]
    return found


def test_agrees_with_the_definition():
    wcs = camera(shape=(60, 70))
    image = np.random.default_rng(1).normal(100, 10, (60, 70))
    image[30, 40] = np.nan
    out = regrid(image, None, None, wcs, TILE, 0.4)
    expected = slow_lanczos(image, wcs, out)
    both = np.isfinite(expected) & out.coverage
    assert both.sum() > 2000
    np.testing.assert_allclose(out.data[both], expected[both], atol=0.05)  # 1e-3 pixel of noise of 10


@pytest.mark.parametrize("scale", [0.25, 0.4, 1.1])
def test_shares_of_pixels_keep_all_flux(scale):
    wcs = camera(rotation=30.0)
    image = np.zeros((220, 260), np.float32)
    image[60:160, 80:180] = np.random.default_rng(2).gamma(0.3, 100.0, (100, 100))
    out = regrid(image, np.full(image.shape, 4.0), None, wcs, TILE, scale, method="exact")
    assert np.nansum(out.data, dtype=float) == pytest.approx(image.sum(dtype=float), rel=1e-6)
    assert np.nanmin(out.data) >= 0
    assert out.variance.sum(dtype=float) == pytest.approx(4.0 * image.size, rel=2e-2)
    noise = regrid(np.random.default_rng(3).normal(0, 1, image.shape), None, None, wcs, TILE, scale, method="exact")
    inner = noise.coverage & (noise.variance > 0)
    pull = np.std(noise.data[inner] / np.sqrt(noise.variance[inner]))
    assert pull == pytest.approx(noise.noise_ratio, rel=0.05)


def test_shares_agree_with_reproject():
    wcs = camera(rotation=12.0, distorted=False)
    image, *_ = stars(wcs)
    out = regrid(image, None, None, wcs, TILE, 0.5, method="exact")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other, _ = reproject_exact((image.astype(float), WCS(fits.Header(list(wcs.cards().items())))),
                                   WCS(fits.Header(list(out.wcs.cards().items()))), shape_out=out.window.shape, parallel=False)
    inner = out.weight > 0.9 * np.median(out.weight[out.coverage])
    np.testing.assert_allclose(out.data[inner], other[inner] * (0.5 / 0.4) ** 2, atol=2e-3 * image.max())


def test_bad_pixels_do_not_ring_and_their_bits_travel():
    wcs = camera(distorted=False, rotation=3.0)
    image, mask = np.full((220, 260), 100.0), np.zeros((220, 260), np.uint16)
    image[100, 120], mask[100, 120] = 1e7, Bit.COSMIC
    image[50, 60] = np.nan
    image[150, 200:204], mask[150, 200:204] = -1e5, Bit.HOT
    mask[20, 30] = Bit.EXTRAPOLATED
    out = regrid(image, None, mask, wcs, TILE, 0.4)
    seen = out.data[out.coverage]
    np.testing.assert_allclose(seen, 100.0, rtol=2e-2)
    for x, y, bit in ((120, 100, Bit.COSMIC), (201, 150, Bit.HOT), (30, 20, Bit.EXTRAPOLATED)):
        px, py = out.wcs.sky_to_pixel(*wcs.pixel_to_sky(x, y))
        assert out.mask[round(float(py)), round(float(px))] & bit
    assert np.count_nonzero(out.mask & Bit.COSMIC) < 20


def test_block_of_bad_pixels_is_a_hole():
    wcs, mask = camera(), np.zeros((220, 260), np.uint16)
    mask[80:120, 100:140] = Bit.BAD
    out = regrid(np.ones((220, 260)), None, mask, wcs, TILE, 0.4)
    px, py = out.wcs.sky_to_pixel(*wcs.pixel_to_sky(120, 100))
    at = round(float(py)), round(float(px))
    assert np.isnan(out.data[at]) and out.weight[at] == 0 and out.mask[at] & Bit.NO_DATA and out.variance[at] == 0


@pytest.mark.parametrize("scale", [0.3, 0.4, 0.6])
def test_variance_is_right_for_sums(scale):
    """Scatter of large-aperture sums over many noise images agrees with the summed variance plane."""
    wcs, rng = camera(), np.random.default_rng(0)
    sums, expected = [], 0.0
    for _ in range(30):
        out = regrid(rng.normal(0, 3.0, (220, 260)), np.full((220, 260), 9.0), None, wcs, TILE, scale, flux_scale=2.0)
        ny, nx = out.data.shape
        block = max(int(8 / scale), 12)
        cut = slice(ny // 4, ny // 4 + (ny // 2) // block * block), slice(nx // 4, nx // 4 + (nx // 2) // block * block)
        total = out.data[cut].astype(float)
        sums.append(total.reshape(total.shape[0] // block, block, -1, block).sum(axis=(1, 3)).ravel())
        expected = float(np.mean(out.variance[cut])) * block ** 2
        assert 0.3 < out.noise_ratio < 1.0
        assert np.std(total) / np.sqrt(np.mean(out.variance[cut])) == pytest.approx(out.noise_ratio, rel=0.03)
    assert np.var(np.concatenate(sums)) / expected == pytest.approx(1.0, abs=0.12)


def test_weight_is_without_source_noise():
    wcs = camera()
    variance, weight = np.full((220, 260), 50.0), np.full((220, 260), 0.1)
    out = regrid(np.zeros((220, 260)), variance, None, wcs, TILE, 0.4, weight=weight)
    on = out.coverage
    np.testing.assert_allclose((out.variance * out.weight)[on], 5.0, rtol=1e-4)
    bare = regrid(np.zeros((220, 260)), variance, None, wcs, TILE, 0.4)
    np.testing.assert_allclose((bare.variance * bare.weight)[bare.coverage], 1.0, rtol=1e-4)


def test_same_bits_with_any_number_of_threads_and_input_untouched():
    wcs = camera()
    image, *_ = stars(wcs)
    keep = image.copy()
    bands.set_threads(1)
    try:
        one = regrid(image, None, None, wcs, TILE, 0.4)
    finally:
        bands.set_threads(None)
    two = regrid(image, None, None, wcs, TILE, 0.4)
    assert one.data.tobytes() == two.data.tobytes() and one.weight.tobytes() == two.weight.tobytes()
    np.testing.assert_array_equal(image, keep)


@pytest.mark.parametrize("change", [{"scale": 40.0}, {"variance": np.ones((3, 3))}, {"window": Window(0, 0, 0, 5)},
                                    {"tile": tile_of(RA + 180, DEC)}])
def test_refusals_say_why(change):
    call = {"variance": None, "tile": TILE, "scale": 0.4, "window": None, **change}
    with pytest.raises(PermanentError) as caught:
        regrid(np.ones((50, 60)), call["variance"], None, camera(), call["tile"], call["scale"], window=call["window"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("image", [np.full((60, 70), np.nan), np.zeros((60, 70)), np.ones((1, 1))])
def test_nothing_in_it(image):
    out = regrid(image, None, None, camera(), TILE, 0.4)
    assert out.data.shape == Tile(TILE).window(0.4, camera().footprint(image.shape, per_side=32)).shape
    assert not np.isfinite(out.data).any() or np.nanmax(np.abs(out.data)) <= 1.5
