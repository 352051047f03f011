"""Crowds are told apart, galaxies and single stars are left as they are."""
import numpy as np
import pytest
from scipy import ndimage

from awe.science.crowd import crowd, crowd_kernel
from awe.science.sources import extract

SHAPE = (420, 460)
NOISE = 5.0


def star_field(positions, fluxes, fwhm=3.5, shape=SHAPE):
    y, x = np.indices(shape, dtype=np.float32)
    sigma = fwhm / 2.3548
    image = np.zeros(shape, np.float32)
    for (sx, sy), flux in zip(positions, fluxes, strict=True):
        x0, y0 = int(sx), int(sy)
        box = np.s_[max(0, y0 - 12):y0 + 13, max(0, x0 - 12):x0 + 13]
        image[box] += flux / (2 * np.pi * sigma**2) * np.exp(-((x[box] - sx) ** 2 + (y[box] - sy) ** 2) / (2 * sigma**2))
    return image


@pytest.fixture(scope="module")
def cluster():
    """A globular cluster: 2,000 stars, noise, and where the 100 brightest are."""
    rng = np.random.default_rng(13)
    radius = 140 * np.sqrt(rng.random(2000) ** -0.7 - 1)
    angle = rng.uniform(0, 2 * np.pi, 2000)
    places = np.stack([230 + radius * np.cos(angle), 210 + radius * np.sin(angle)], 1)
    inside = (places > 3).all(1) & (places[:, 0] < SHAPE[1] - 3) & (places[:, 1] < SHAPE[0] - 3)
    places = places[inside]
    fluxes = 300 * (1 - rng.random(len(places))) ** -0.9
    fluxes = np.minimum(fluxes, 2e5)
    image = star_field(places, fluxes) + rng.normal(1000, NOISE, SHAPE).astype(np.float32)
    order = np.argsort(-fluxes)[:100]
    return image, places[order], fluxes[order]


def found_near(table, places, radius=1.0):
    x, y = table["XWIN_IMAGE"] - 1, table["YWIN_IMAGE"] - 1
    return np.array([np.hypot(x - px, y - py).min() < radius for px, py in places])


def test_the_bright_stars_of_a_cluster_are_found(cluster):
    image, places, _ = cluster
    table = extract(image, np.full(SHAPE, NOISE**2, np.float32) + np.maximum(image - 1000, 0))
    separate = np.array([np.sort(np.hypot(*(places - one).T))[1] > 5 for one in places])
    assert np.mean(found_near(table, places)[separate]) > 0.8 and len(table) > 600
    assert table["ISOAREA_IMAGE"].max() < 1200


def test_no_row_of_false_sources_along_the_edge(cluster):
    image, _, _ = cluster
    cut = image[150:, 150:].copy()
    table = extract(cut, mask=np.pad(np.zeros((cut.shape[0] - 4, cut.shape[1]), np.uint16), ((4, 0), (0, 0)), constant_values=64))
    rows = table["Y_IMAGE"] - 1
    assert np.sum(rows < 9) <= 2 * max(1, np.mean([np.sum((rows >= a) & (rows < a + 5)) for a in (14, 19, 24)])) + 3


def test_a_galaxy_stays_one_object():
    rng = np.random.default_rng(14)
    y, x = np.indices(SHAPE)
    radius = np.hypot((x - 230) / 1.5, y - 210)
    image = 4000 * np.exp(-radius / 40) + rng.normal(100, NOISE, SHAPE)
    table = extract(image.astype(np.float32))
    assert table["ISOAREA_IMAGE"].max() > 2 * 64**2
    brightest = table[0]
    assert abs(brightest["X_IMAGE"] - 231) < 5 and abs(brightest["Y_IMAGE"] - 211) < 5


def test_a_sparse_field_has_no_crowd():
    rng = np.random.default_rng(15)
    image = star_field(rng.uniform(10, 400, (60, 2)), np.full(60, 3000.0)) + rng.normal(0, NOISE, SHAPE).astype(np.float32)
    seg = ndimage.label(image > 20)[0].astype(np.int32)
    assert crowd(image, np.full(SHAPE, NOISE, np.float32), np.zeros(SHAPE, bool), seg) is None


def test_the_kernel_has_no_sum():
    kernel = crowd_kernel()
    assert abs(kernel.sum()) < 1e-6 and kernel.max() == kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] > 0 > kernel.min()


def test_twice_the_same(cluster):
    image, _, _ = cluster
    assert extract(image).tobytes() == extract(image).tobytes()
