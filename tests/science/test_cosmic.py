from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from awe.errors import FitsError
from awe.science import bands
from awe.science.cosmic import cosmic_rays
from awe.science.mask import Bit

READ_NOISE = 5.0
SKY = 200.0


def star(shape: tuple[int, int], y: float, x: float, flux: float, fwhm: float) -> np.ndarray:
    """A Gaussian star integrated over pixels."""
    sigma = fwhm / 2.3548

    def profile(length: int, centre: float) -> np.ndarray:
        edges = erf((np.arange(length + 1) - 0.5 - centre) / sigma / 2**0.5)
        return np.diff(edges) / 2

    return flux * profile(shape[0], y)[:, None] * profile(shape[1], x)[None, :]


def scene(fwhm: float, seed: int = 1, rays: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Data in electrons, the electrons of cosmic rays, the noise, and the star cores (within one FWHM)."""
    rng = np.random.default_rng(seed)
    shape = (300, 400)
    image = np.full(shape, SKY)
    cores = np.zeros(shape, bool)
    grid_y, grid_x = np.mgrid[:shape[0], :shape[1]]
    for _ in range(80):
        y, x = rng.uniform(0, 299), rng.uniform(0, 399)
        image += star(shape, y, x, 10 ** rng.uniform(2.5, 5.5), fwhm)
        cores |= np.hypot(grid_y - y, grid_x - x) < fwhm
    hits = np.zeros(shape)
    for _ in range(rays):
        y, x, angle = rng.uniform(0, 299), rng.uniform(0, 399), rng.uniform(0, np.pi)
        charge = rng.uniform(150, 1500)
        for step in range(int(rng.choice([1, 1, 2, 4, 8, 15]))):
            j, i = round(y + step * np.sin(angle)), round(x + step * np.cos(angle))
            if 0 <= j < shape[0] and 0 <= i < shape[1]:
                hits[j, i] += charge * rng.uniform(0.7, 1.3)
    data = rng.poisson(image + hits) + rng.normal(0, READ_NOISE, shape)
    return data.astype(np.float32), hits, np.sqrt(image + READ_NOISE**2), cores


@pytest.mark.parametrize("fwhm", [2.0, 2.5, 3.5, 5.0])
def test_finds_cosmic_rays_and_spares_stars(fwhm: float) -> None:
    data, hits, noise, cores = scene(fwhm)
    found = cosmic_rays(data, READ_NOISE)
    mask = found.mask == Bit.COSMIC
    true = hits > 5 * noise
    assert mask[true & ~cores].mean() > 0.95
    false = mask & (hits < noise)
    assert false.mean() < 1e-3
    far = false & cores & ~near(hits > 0)
    assert far.sum() <= 0.01 * cores.sum()
    assert 100 < found.count < 200
    assert np.abs((found.cleaned(data) - SKY)[true & ~near(cores)]).max() < 6 * np.sqrt(SKY + READ_NOISE**2)


def near(where: np.ndarray, reach: int = 2) -> np.ndarray:
    grown = where.copy()
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            grown |= np.roll(where, (dy, dx), (0, 1))
    return grown


def test_agrees_with_astroscrappy() -> None:
    astroscrappy = pytest.importorskip("astroscrappy")
    data, hits, noise, cores = scene(3.0, seed=4)
    peer = astroscrappy.detect_cosmics(data, readnoise=READ_NOISE, gain=1.0, satlevel=1e9, sigclip=4.5, sigfrac=0.3,
                                       objlim=5.0, niter=4)[0]
    ours = cosmic_rays(data, READ_NOISE).mask != 0
    inner = slice(8, -8), slice(8, -8)
    assert (ours & peer)[inner].sum() / (ours | peer)[inner].sum() > 0.85
    true = (hits > 5 * noise)[inner]
    assert ours[inner][true].mean() >= peer[inner][true].mean() - 0.005
    assert (ours & cores & (hits == 0)).sum() <= (peer & cores & (hits == 0)).sum() + 5


def test_the_border_is_searched() -> None:
    rng = np.random.default_rng(2)
    data = (rng.poisson(SKY, (70, 90)) + rng.normal(0, READ_NOISE, (70, 90))).astype(np.float32)
    places = [(0, 0), (0, 40), (69, 89), (35, 0), (69, 10), (1, 60), (30, 89)]
    for y, x in places:
        data[y, x] += 2000
    mask = cosmic_rays(data, READ_NOISE).mask
    assert all(mask[y, x] for y, x in places)
    assert (mask != 0).sum() < 2.5 * len(places)


def test_same_bits_on_any_number_of_threads() -> None:
    data = scene(3.0)[0]
    results = []
    for number in (1, 2, 3):
        bands.set_threads(number)
        found = cosmic_rays(data, READ_NOISE)
        results.append((found.mask.tobytes(), found.values.tobytes(), found.count, found.rounds))
    bands.set_threads(None)
    assert results[0] == results[1] == results[2]


def test_masked_pixels_are_neither_found_nor_used() -> None:
    data = scene(3.0, rays=0)[0]
    data[100, 100:110] = 50000
    data[150, 150] = np.nan
    bad = np.zeros(data.shape, np.uint16)
    bad[100, 100:110] = Bit.HOT
    found = cosmic_rays(data, READ_NOISE, mask=bad)
    assert not found.mask[98:103, 98:112].any()
    assert not found.mask[148:153, 148:153].any()
    assert np.isnan(found.cleaned(data)[150, 150])
    assert not cosmic_rays(data, READ_NOISE, mask=bad != 0).mask[98:103, 98:112].any()
    warning = np.where(bad != 0, np.uint16(Bit.NOISY), np.uint16(0)).astype(np.uint16)
    assert cosmic_rays(data, READ_NOISE, mask=warning).mask[100, 100:110].all(), "a warning hides nothing"


def test_saturated_star_is_left_alone_and_a_saturated_ray_is_not() -> None:
    rng = np.random.default_rng(3)
    shape = (120, 120)
    image = SKY + star(shape, 60.3, 59.8, 5e6, 3.5)
    image[20, 30:36] += 90000
    image[21, 33:38] += 3000
    data = np.minimum(rng.poisson(image) + rng.normal(0, READ_NOISE, shape), 80000).astype(np.float32)
    mask = np.where(data >= 80000, np.uint16(Bit.SATURATED), np.uint16(0)).astype(np.uint16)
    found = cosmic_rays(data, READ_NOISE, mask=mask).mask
    assert (found[45:75, 45:75] != 0).sum() == 0
    assert found[21, 36:38].all()


def test_gain_background_and_noise_plane_are_consistent() -> None:
    data, _, noise, _ = scene(3.0)
    plain = cosmic_rays(data, READ_NOISE).mask
    scaled = cosmic_rays(data / 2.0, READ_NOISE, gain=2.0, background=0.0).mask
    lowered = cosmic_rays(data - 150.0, READ_NOISE, background=150.0).mask
    planes = cosmic_rays(data, np.full(data.shape, READ_NOISE, np.float32), gain=np.ones(data.shape, np.float32)).mask
    assert np.array_equal(plain, planes)
    assert ((plain != 0) ^ (scaled != 0)).sum() <= 3 and ((plain != 0) ^ (lowered != 0)).sum() <= 10
    stated = cosmic_rays(data, READ_NOISE, noise=noise).mask
    assert ((plain != 0) & (stated != 0)).sum() > 0.8 * (plain != 0).sum()


def test_grow_and_nothing_to_find() -> None:
    data = np.full((40, 50), 100.0, np.float32)
    assert cosmic_rays(data, READ_NOISE).count == 0
    assert cosmic_rays(np.full((40, 50), np.nan), READ_NOISE).count == 0
    assert cosmic_rays(np.full((3, 4), 5.0), READ_NOISE).count == 0
    data[20, 20] = 5000
    assert (cosmic_rays(data, READ_NOISE).mask != 0).sum() == 1
    assert (cosmic_rays(data, READ_NOISE, grow=1).mask != 0).sum() == 9


def test_refusals() -> None:
    with pytest.raises(FitsError, match="planes of its shape"):
        cosmic_rays(np.zeros((5, 5)), 1.0, mask=np.zeros((4, 4), np.uint16))
    with pytest.raises(FitsError, match="an image"):
        cosmic_rays(np.zeros(5), 1.0)


def test_noise_of_a_vignetted_corner_is_not_cosmic() -> None:
    rng = np.random.default_rng(9)
    flat = np.linspace(0.02, 1.0, 400)[None, :] * np.ones((300, 1))
    data = ((rng.poisson(SKY * flat) + rng.normal(0, READ_NOISE, flat.shape)) / flat).astype(np.float32)
    assert (cosmic_rays(data, READ_NOISE, flat=flat).mask != 0).sum() < 20
    assert (cosmic_rays(data, READ_NOISE).mask != 0).sum() > 500


def test_a_hit_beside_a_star_does_not_eat_the_star() -> None:
    rng = np.random.default_rng(31)
    shape = (160, 200)
    image = np.full(shape, 200.0)
    centres = [(y, x) for y in range(20, 150, 20) for x in range(20, 190, 20)]
    for y, x in centres:
        image += star(shape, y + rng.uniform(-0.5, 0.5), x + rng.uniform(-0.5, 0.5), 3e5, 4.0)
    data = (rng.poisson(image) + rng.normal(0, READ_NOISE, shape)).astype(np.float32)
    for y, x in centres:
        data[y + 3, x + 2] += 8000
    mask = cosmic_rays(data, READ_NOISE).mask != 0
    assert np.mean([mask[y + 3, x + 2] for y, x in centres]) > 0.95
    assert not any(mask[y - 1:y + 2, x - 1:x + 2].any() for y, x in centres)
