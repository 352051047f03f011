"""The background: right level and noise under objects, masks and nonsense."""
import numpy as np
import pytest

from awe.science.background import background


def sky(shape=(256, 300), slope=0.05, noise=4.0, seed=3):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:shape[0], :shape[1]]
    level = 100.0 + slope * x + 0.02 * y
    return level, (level + rng.normal(0, noise, shape)).astype(np.float32)


def test_follows_a_slope_and_knows_the_noise():
    level, image = sky()
    model = background(image, mesh=32)
    assert model.level.dtype == np.float32
    assert np.abs(model.level - level).mean() < 0.6
    assert model.globalrms == pytest.approx(4.0, rel=0.05)


def test_objects_are_rejected():
    level, image = sky()
    rng = np.random.default_rng(1)
    yy, xx = np.mgrid[:256, :300]
    for _ in range(60):
        x, y = rng.uniform(0, 300), rng.uniform(0, 256)
        image += (rng.uniform(50, 500) * np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2) / 2.5 ** 2)).astype(np.float32)
    once, twice = background(image, passes=1), background(image)
    assert abs(np.mean(twice.level - level)) < abs(np.mean(once.level - level))
    assert abs(np.mean(twice.level - level)) < 0.5
    assert 0.02 < twice.objects.mean() < 0.5


def test_masked_and_nan_pixels_take_no_part():
    level, image = sky()
    image[100:140, 50:90] = 1e6
    image[10:20] = np.nan
    mask = np.zeros(image.shape, np.uint16)
    mask[100:140, 50:90] = 16
    model = background(image, mask, mesh=32)
    assert np.isfinite(model.level).all()
    assert np.abs(model.level - level).max() < 5.0


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">i2", "u2"])
def test_any_type_and_byte_order(dtype):
    _, image = sky()
    np.testing.assert_allclose(background(np.rint(image).astype(dtype)).level, background(np.rint(image)).level)


def test_nothing_and_constant():
    nothing = background(np.full((40, 50), np.nan))
    assert np.isnan(nothing.globallevel) and not nothing.level.any()
    constant = background(np.full((40, 50), 7.0))
    assert constant.globallevel == pytest.approx(7.0) and constant.rms.max() == pytest.approx(0.0, abs=1e-5)
    small = background(np.full((3, 4), 7.0))
    assert small.level.shape == (3, 4)


def test_input_is_not_changed():
    _, image = sky()
    before = image.copy()
    background(image)
    np.testing.assert_array_equal(image, before)
