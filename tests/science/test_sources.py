"""Sources: positions and fluxes of simulated stars, and images that break things."""
import numpy as np
import pytest
import sep

from awe.errors import PermanentError
from awe.science import bands, psf
from awe.science.background import background
from awe.science.mask import Bit
from awe.science.pointsources import significance
from awe.science.sources import COLUMNS, DEFAULT_RADII, Detection, columns, extract, with_sky
from awe.science.wcs import Wcs


def star_field(shape=(300, 320), n=200, fwhm=3.0, noise=5.0, seed=2, least=2e3, most=5e4, apart=18.0):
    """Gaussian stars with Poisson noise (gain 1) on a grid that is shaken; returns image, variance, x, y, flux."""
    rng = np.random.default_rng(seed)
    gx, gy = np.meshgrid(np.arange(apart, shape[1] - apart, apart), np.arange(apart, shape[0] - apart, apart))
    pick = rng.permutation(gx.size)[:n]
    x, y = gx.ravel()[pick] + rng.uniform(-2, 2, len(pick)), gy.ravel()[pick] + rng.uniform(-2, 2, len(pick))
    flux = np.exp(rng.uniform(np.log(least), np.log(most), len(pick)))
    sigma = fwhm / 2.3548
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    image = np.zeros(shape)
    for a, b, f in zip(x, y, flux, strict=True):
        image += f / (2 * np.pi * sigma ** 2) * np.exp(-0.5 * ((xx - a) ** 2 + (yy - b) ** 2) / sigma ** 2)
    variance = image + noise ** 2
    return (image + rng.normal(0, 1, shape) * np.sqrt(variance) + 50).astype(np.float32), variance, x, y, flux


def pair(found, x, y):
    d = np.hypot(found["XWIN_IMAGE"][None] - 1 - np.asarray(x)[:, None], found["YWIN_IMAGE"][None] - 1
                 - np.asarray(y)[:, None])
    best = d.argmin(axis=1)
    return best, d[np.arange(len(x)), best]


@pytest.fixture(scope="module")
def field():
    image, variance, x, y, flux = star_field()
    return extract(image, variance), x, y, flux


def test_finds_all_with_right_positions_and_errors(field):
    found, x, y, _ = field
    best, distance = pair(found, x, y)
    assert distance.max() < 0.5
    assert np.median(found["X_IMAGE"][best] - 1 - x) == pytest.approx(0, abs=0.03)
    pulls = (found["XWIN_IMAGE"][best] - 1 - x) / np.sqrt(found["ERRX2WIN_IMAGE"][best])
    assert 0.75 < np.std(pulls) < 1.3


def test_fluxes_and_errors(field):
    found, x, y, flux = field
    best, _ = pair(found, x, y)
    total = found["FLUX_APER5"][best]
    assert np.median(total / flux) == pytest.approx(1.0, abs=0.01)
    pulls = (found["FLUX_APER4"][best] - flux) / found["FLUXERR_APER4"][best]
    assert 0.75 < np.std(pulls) < 1.3
    auto = found["FLUX_AUTO"][best] / flux
    assert 0.9 < np.median(auto) <= 1.01
    bright = flux > 1e4
    assert np.median(found["FLUX_RADIUS"][best][bright]) == pytest.approx(1.5, abs=0.1)
    assert np.median(found["FWHM_IMAGE"][best][bright]) == pytest.approx(3.0, rel=0.05)


def test_seeing_and_stars(field):
    found, *_ = field
    star = psf.seeing(found)
    assert star.fwhm == pytest.approx(3.0, rel=0.05) and star.nstars > 20
    assert star.ellipticity < 0.1
    assert np.median(found["CLASS_STAR"][found["SNR_WIN"] > 50]) > 0.9
    assert star.arcsec(0.5) == pytest.approx(star.fwhm / 2)


def test_ordered_and_described(field):
    found, *_ = field
    assert found.dtype.names == tuple(c.name for c in COLUMNS)
    assert np.all(np.diff(found["FLUX_AUTO"]) <= 0) and found["NUMBER"][0] == 1
    assert len({c.name for c in COLUMNS}) == len(COLUMNS) and all(c.description and c.ucd for c in COLUMNS)
    names = [c.name for c in columns((3.0, 5.0))]
    assert "FLUX_APER2" in names and "FLUX_APER3" not in names


def test_a_neighbour_does_not_add_its_light():
    yy, xx = np.mgrid[:101, :121]
    gauss = lambda x, y, f: f / (2 * np.pi * 2.25) * np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2) / 2.25)
    image = gauss(50, 50, 2e4) + gauss(60, 50, 5e4) + np.random.default_rng(0).normal(0, 1, xx.shape)
    found = extract(image)
    best, distance = pair(found, [50.0], [50.0])
    assert distance[0] < 0.2
    assert found["FLUX_APER5"][best[0]] == pytest.approx(2e4, rel=0.03)
    assert found["FRAC_APER5"][best[0]] > 0.1


def test_agrees_with_sep(field):
    """The kernels against sep's own, on stars without neighbours."""
    image, variance, *_ = star_field()
    found, *_ = field
    model = background(image)
    data = np.ascontiguousarray(image - model.level)
    x, y = found["XWIN_IMAGE"] - 1, found["YWIN_IMAGE"] - 1
    alone = (found["FLAGS"] == 0) & (found["FRAC_APER5"] == 0)
    for k, radius in enumerate(DEFAULT_RADII[:5], start=1):
        flux, error, _ = sep.sum_circle(data, x, y, radius, var=variance.astype(np.float32), subpix=0)
        np.testing.assert_allclose(found[f"FLUX_APER{k}"][alone], flux[alone], rtol=1e-6, atol=0.05)
        np.testing.assert_allclose(found[f"FLUXERR_APER{k}"][alone], error[alone], rtol=1e-3)
    a, b, theta = found["A_IMAGE"], found["B_IMAGE"], np.radians(found["THETA_IMAGE"])
    flux, _, _ = sep.sum_ellipse(data, found["X_IMAGE"] - 1, found["Y_IMAGE"] - 1, a, b, theta, found["KRON_RADIUS"],
                                 subpix=7)
    np.testing.assert_allclose(found["FLUX_AUTO"][alone], flux[alone], rtol=1e-3, atol=5.0)
    radius, _ = sep.flux_radius(data, found["X_IMAGE"] - 1, found["Y_IMAGE"] - 1, 6 * a, 0.5, normflux=flux)
    np.testing.assert_allclose(found["FLUX_RADIUS"][alone], radius[alone], rtol=0.02)
    wx, wy, _ = sep.winpos(data, found["X_IMAGE"] - 1, found["Y_IMAGE"] - 1, np.maximum(radius * 2 / 2.3548, 0.85))
    bright = alone & (found["SNR_WIN"] > 30)
    assert np.max(np.hypot(wx - x, wy - y)[bright]) < 0.02


def test_saturated_kept_and_cosmics_out():
    image, variance, x, y, flux = star_field()
    mask = np.zeros(image.shape, np.uint16)
    i, j = int(flux.argmax()), int(flux.argsort()[-2])
    mask[int(round(y[i])), int(round(x[i]))] = Bit.SATURATED
    mask[int(round(y[j])), int(round(x[j])) + 1] = Bit.COSMIC
    image[int(round(y[j])), int(round(x[j])) + 1] = 1e6
    found = extract(image, variance, mask)
    best, distance = pair(found, x, y)
    assert distance[i] < 0.5 and found["FLAGS"][best[i]] & 4 and found["IMAFLAGS_ISO"][best[i]] & Bit.SATURATED
    assert distance[j] < 0.5 and found["FLUX_APER4"][best[j]] == pytest.approx(flux[j], rel=0.15)


@pytest.mark.parametrize("image", [np.full((50, 60), np.nan), np.zeros((50, 60)), np.full((40, 40), 7.0),
                                   np.ones((3, 4)), np.full((64, 64), -np.inf)])
def test_nothing_to_find(image):
    found = extract(image)
    assert len(found) == 0 and found.dtype.names
    assert len(with_sky(found, Wcs.tangent(10, 10, 0.5), 25.0)["ALPHA_J2000"]) == 0


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8"])
def test_byte_order_does_not_matter(dtype):
    image, variance, *_ = star_field(n=20)
    a, b = extract(image, variance), extract(image.astype(dtype), variance.astype(dtype))
    assert a.tobytes() == b.tobytes()


def test_limits_of_sep_are_raised():
    rng = np.random.default_rng(8)
    image = rng.normal(0, 1, (700, 700)).astype(np.float32)
    yy, xx = np.mgrid[:700, :700]
    image += (3e3 * np.exp(-0.5 * ((xx - 350) ** 2 + (yy - 350) ** 2) / 150 ** 2)).astype(np.float32)
    image += (rng.random((700, 700)) < 0.02) * 300
    assert len(extract(image, sky=background(rng.normal(0, 1, (700, 700))))) > 0


def test_same_bits_with_any_number_of_threads():
    image, variance, *_ = star_field()
    try:
        bands.set_threads(1)
        one = extract(image, variance)
        bands.set_threads(3)
        three = extract(image, variance)
    finally:
        bands.set_threads(None)
    assert one.tobytes() == three.tobytes()


def test_weight_plane_sets_the_threshold():
    image, variance, *_ = star_field()
    weight = np.full(image.shape, 1 / 25.0, np.float32)
    weight[:, 160:] = 1 / 25.0e4
    found = extract(image, variance, weight=weight)
    assert np.count_nonzero(found["X_IMAGE"] < 155) > 20
    assert np.count_nonzero(found["X_IMAGE"] > 170) < np.count_nonzero(found["X_IMAGE"] < 155)


def test_sky_columns(field):
    found, *_ = field
    wcs = Wcs.tangent(150.0, 2.0, 0.4, crpix=(160.0, 150.0))
    sky = with_sky(found, wcs, zero_point=25.0)
    x, y = wcs.sky_to_pixel(sky["ALPHA_J2000"], sky["DELTA_J2000"])
    np.testing.assert_allclose(x + 1, found["XWIN_IMAGE"], atol=1e-6)
    np.testing.assert_allclose(y + 1, found["YWIN_IMAGE"], atol=1e-6)
    good = found["FLUX_APER4"] > 0
    np.testing.assert_allclose(sky["MAG_APER4"][good], 25 - 2.5 * np.log10(found["FLUX_APER4"][good]))
    assert np.isnan(sky["MAG_APER4"][~good]).all()


def test_a_threshold_over_the_noise_of_pixels_finds_no_noise():
    """SExtractor's 1.5 sigma of the smoothed image, and the significance of a source, are not the same."""
    noise = np.random.default_rng(4).normal(0, 5, (400, 400)).astype(np.float32)
    assert len(extract(noise, filter_type="conv")) <= 1
    assert len(extract(noise, threshold=5.0, min_area=1)) <= 1
    assert len(extract(noise, filter_type="matched")) > 20


def test_the_psf_as_kernel_finds_fainter_stars():
    yy, xx = np.mgrid[-5:6, -5:6]
    psf_of_stars = np.exp(-(xx**2 + yy**2) / (2 * 1.27**2)).astype(np.float32)
    image, _, x, y, _ = star_field(least=150, most=151, n=150)
    found = {name: pair(extract(image, threshold=5.0, min_area=1, **options), x, y)[1] < 2 for name, options in
             (("psf", {"kernel": psf_of_stars}), ("pyramid", {}))}
    assert found["psf"].mean() > found["pyramid"].mean() + 0.03
    assert found["psf"].mean() == pytest.approx(0.95, abs=0.04)  # 150 over 5 * sqrt(4 pi) * 1.27 is 6.7, and 1.7 sigma above the threshold


def test_found_on_one_image_and_measured_on_another():
    deep, variance, x, y, flux = star_field()
    shallow, other, *_ = star_field(noise=40.0)
    alone, both = extract(shallow, other), extract(shallow, other, detection=Detection(deep, variance))
    assert len(both) == len(extract(deep, variance)) > len(alone)
    best, distance = pair(both, x, y)
    assert distance.max() < 0.5, "positions are those of the deep image"
    pulls = (both["FLUX_APER3"][best] - 0.9955 * flux) / both["FLUXERR_APER3"][best]
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15) and abs(np.median(pulls)) < 0.3
    assert np.median(both["FLUX_ISO"][best] / flux) == pytest.approx(0.95, abs=0.1)
    with pytest.raises(PermanentError, match="one grid"):
        extract(shallow, other, detection=Detection(deep[1:], variance[1:]))


def test_the_psf_finds_what_the_threshold_leaves_out():
    """Stars about 6 sigma of the matched filter, on pixels that are correlated: found at their places, and little else."""
    image, variance, x, y, _ = star_field(least=190, most=200, n=150, seed=11)
    bright, bright_variance, bx, by, _ = star_field(least=2e4, most=3e4, n=6, seed=12, shape=(300, 320))
    image, variance = image + bright - 50, variance + bright_variance
    half = 5
    yy, xx = np.mgrid[-half:half + 1, -half:half + 1]
    kernel = np.exp(-0.5 * (xx**2 + yy**2) / (3.0 / 2.3548) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    options = {"threshold": 2.0, "filter_type": "conv"}
    before, after = extract(image, variance, **options), extract(image, variance, **options, psf_kernel=kernel)
    faint = (after["FLAGS"] & 64) != 0
    assert not (before["FLAGS"] & 64).any() and np.count_nonzero(~faint) == len(before)
    far = np.hypot(bx[None] - x[:, None], by[None] - y[:, None]).min(axis=1) > 15
    found = [np.mean(pair(table, x[far], y[far])[1] < 1.5) for table in (before, after)]
    assert found[0] < 0.2 and found[1] > 0.4
    nearest = pair_of_all(after[faint], np.r_[x, bx], np.r_[y, by])
    assert np.mean(nearest < 2.5) > 0.9
    assert np.allclose(after["A_IMAGE"][faint], after["B_IMAGE"][faint])


def pair_of_all(found, x, y):
    """The distance of each source to the nearest of some places."""
    return np.hypot(found["X_IMAGE"][:, None] - 1 - x[None], found["Y_IMAGE"][:, None] - 1 - y[None]).min(axis=1)


def test_the_filter_knows_that_pixels_are_correlated():
    rng = np.random.default_rng(3)
    image = rng.normal(0, 1, (400, 400)).astype(np.float32)
    image = ((image + np.roll(image, 1, 0) + np.roll(image, 1, 1) + np.roll(image, (1, 1), (0, 1))) / 2).astype(np.float32)
    none = np.zeros(image.shape, bool)
    kernel = np.ones((5, 5), np.float32) / 25
    bad = none.copy()
    bad[100:120, 50:300] = True
    plane = significance(np.where(bad, np.float32(0), image), np.ones_like(image), none, bad, kernel)
    assert np.std(plane[~bad]) == pytest.approx(1.0, abs=0.06)
    assert not significance(image, np.ones_like(image), none, ~none, kernel).any()
