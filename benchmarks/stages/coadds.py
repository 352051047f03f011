"""Coadds: fluxes, depth, ghosts, and what clipping does to bright stars where the seeing varies by 1.5.

Frames are drawn by GalSim on distorted, rotated and dithered grids of the sky, with seeing from 1 to 1.5 times the best, transparency
down to 0.7 and skies that differ by 3, and go through regridding and averaging as frames do; zero points and sky levels are the true
ones, so that what is measured is the coadd and nothing before it.  Each star is measured in the coadd at its true place.
"""
from __future__ import annotations

from dataclasses import dataclass

import galsim
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from awe.science.coadd import Coadded, coadd, layer_of
from awe.science.grid import Tile, tile_of
from awe.science.layer import Layer
from awe.science.regrid import Regridded, regrid
from awe.science.wcs import Wcs
from stages.check import Check, measured

CENTRE, SCALE = (150.5, 2.5), 0.4
TILE = tile_of(*CENTRE)
FWHM, WIDEST = 3.0, 1.5
READ_NOISE = 5.0
APERTURE = 16
"""Radius in pixels: 3.6 FWHM of the widest PSF."""
POLLUTED = 0.1
FAINT, FAINT_EVERY = 1500.0, 40
"""Flux of injected stars, near 10 sigma in the coadd, and pixels between them."""


@dataclass(frozen=True)
class Exposure:
    """One frame on the tile, what its PSF is, and where its pixels are."""

    frame: Regridded
    fwhm: float
    wcs: Wcs
    image: NDArray[np.float32]
    sky: float
    loss: float

    def again(self, image: NDArray[np.float32]) -> Exposure:
        """The same exposure with other light in it."""
        return Exposure(on_tile(image, self.sky, self.loss, self.wcs), self.fwhm, self.wcs, image, self.sky, self.loss)

    @property
    def layer(self) -> Layer:
        """The frame as coadds take it."""
        return layer_of(self.frame, fwhm=self.fwhm)


def measure(*, quick: bool) -> list[Check]:
    """The checks of this stage."""
    rng = np.random.default_rng(20261201)
    shape, count, bright = ((500, 500), 10, 12) if quick else ((1200, 1200), 20, 100)
    half = SCALE * shape[0] / 2 - 30
    spots, sky = np.arange(-half, half, FAINT_EVERY * SCALE), Wcs.tangent(*CENTRE, 1.0)
    xi, eta = (np.append(v.ravel(), rng.uniform(-half, half, bright)) for v in np.meshgrid(spots, spots))
    flux = np.append(np.full(len(spots) ** 2, FAINT), 10 ** rng.uniform(4.8, 5.6, bright))
    near = np.hypot(xi[:, None] - xi[-bright:], eta[:, None] - eta[-bright:]).min(axis=1) < 45 * SCALE
    keep = (flux > FAINT) | ~near
    (ra, dec), flux = sky.pixel_to_sky(xi[keep], eta[keep]), flux[keep]
    exposures = [exposure(rng, shape, ra, dec, flux, seed) for seed in range(count)]
    frames = [one.layer for one in exposures]
    weighted, clipped = coadd(frames, combine="weighted"), coadd(frames, combine="clipped")
    x, y = Tile(TILE).wcs(SCALE, weighted.window).sky_to_pixel(ra, dec)
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 1e9 * np.eye(len(x))
    good = (apart.min(axis=1) > FAINT_EVERY - 5) & whole(weighted, x, y, count)
    stars, hidden = good & (flux > FAINT), good & (flux == FAINT)
    return [*fluxes(exposures, weighted, clipped, x[stars], y[stars], flux[stars]),
            depth_of_stars(exposures, clipped, x[hidden], y[hidden], flux[hidden]),
            *empty_apertures(exposures, count), *ghosts(exposures, ra[flux > FAINT], dec[flux > FAINT], rng)]


def exposure(rng: np.random.Generator, shape: tuple[int, int], ra: NDArray[np.float64], dec: NDArray[np.float64],
             flux: NDArray[np.float64], seed: int) -> Exposure:
    """Draw a frame and put it on the tile."""
    fwhm, loss, sky = FWHM * rng.uniform(1, WIDEST), rng.uniform(0.7, 1.0), rng.uniform(150, 450)
    wcs = Wcs.tangent(CENTRE[0] + rng.uniform(-8, 8) / 3600, CENTRE[1] + rng.uniform(-8, 8) / 3600, SCALE * rng.uniform(0.98, 1.02),
                      crpix=(shape[1] / 2, shape[0] / 2), rotation=rng.uniform(-3, 3))
    pv = (0.0, 1.0, 0.0, 0.0, 0.002, 0.0, 0.002, 0.05, 0.0, 0.05)
    wcs = Wcs(wcs.crval, wcs.crpix, wcs.cd, pv, pv)
    image = galsim.ImageD(shape[1], shape[0], xmin=0, ymin=0, init_value=sky)
    profile = galsim.Moffat(beta=3.5, fwhm=fwhm)
    for x, y, f in zip(*wcs.sky_to_pixel(ra, dec), flux * loss, strict=True):
        drawn = profile.withFlux(f).drawImage(nx=81, ny=81, scale=1.0, center=galsim.PositionD(x, y), dtype=float)
        shared = drawn.bounds & image.bounds
        if shared.isDefined():
            image[shared] += drawn[shared]
    image.addNoise(galsim.PoissonNoise(galsim.BaseDeviate(seed + 11)))
    pixels = (image.array + rng.normal(0, READ_NOISE, shape)).astype(np.float32)
    return Exposure(on_tile(pixels, sky, loss, wcs), fwhm * wcs.pixel_scale, wcs, pixels, sky, loss)


def on_tile(pixels: NDArray[np.float32], sky: float, loss: float, wcs: Wcs) -> Regridded:
    """Regrid a frame, its sky subtracted and its transparency corrected."""
    variance = np.maximum(pixels, 1) + READ_NOISE**2
    weight = np.full(pixels.shape, 1 / (sky + READ_NOISE**2), np.float32)
    return regrid(pixels, variance, None, wcs, TILE, SCALE, weight=weight, background=sky, flux_scale=1 / loss)


def whole(stack: Coadded, x: NDArray[np.float64], y: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Which stars are where all frames are."""
    reach, found = APERTURE + 2, []
    for a, b in zip(np.rint(x).astype(int), np.rint(y).astype(int), strict=True):
        box = (stack.coverage + stack.rejected)[max(b - reach, 0):b + reach + 1, max(a - reach, 0):a + reach + 1]
        found.append(bool(box.size == (2 * reach + 1) ** 2 and box.min() == count))
    return np.array(found)


def cut(plane: NDArray[np.float32], x: float, y: float, reach: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A square of a plane, and how far its pixels are from a place along x and y."""
    ix, iy = round(x), round(y)
    v, u = np.mgrid[iy - reach:iy + reach + 1, ix - reach:ix + reach + 1]
    return plane[iy - reach:iy + reach + 1, ix - reach:ix + reach + 1].astype(np.float64), u - x, v - y


def summed(plane: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], radius: float = APERTURE) -> NDArray[np.float64]:
    """Sums in apertures whose borders are soft over a pixel."""
    found = []
    for a, b in zip(x, y, strict=True):
        pixels, u, v = cut(plane, a, b, int(radius) + 2)
        found.append(np.sum(pixels * np.clip(radius + 0.5 - np.hypot(u, v), 0, 1)))
    return np.array(found)


def psf_of(exposures: list[Exposure], reach: int, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """The PSF of a coadd: that of the frames by their weights, at offsets."""
    total, weights = np.zeros(u.shape), 0.0
    for one in exposures:
        centre = galsim.PositionD(reach + 1 - float(u[0, reach]), reach + 1 - float(v[reach, 0]))
        image = galsim.ImageD(2 * reach + 1, 2 * reach + 1)
        drawn = galsim.Moffat(beta=3.5, fwhm=one.fwhm / SCALE).drawImage(image, scale=1.0, center=centre).array
        weight = float(np.median(one.frame.weight[one.frame.weight > 0]))
        total, weights = total + weight * drawn, weights + weight
    return total / weights


def fluxes(exposures: list[Exposure], weighted: Coadded, clipped: Coadded, x: NDArray[np.float64], y: NDArray[np.float64],
           flux: NDArray[np.float64]) -> list[Check]:
    """Bias of fluxes, and what clipping changes."""
    grid = np.mgrid[-60:61, -60:61].astype(float)
    psf = psf_of(exposures, 60, grid[1], grid[0])
    inside = float(np.sum(psf * np.clip(APERTURE + 0.5 - np.hypot(*grid), 0, 1)))
    found, kept = summed(weighted.data, x, y), summed(clipped.data, x, y)
    off = -2500 * np.log10(found / (flux * inside))
    error = float(np.std(off)) / len(off) ** 0.5
    change = np.abs(-2500 * np.log10(kept / found))
    return [measured("flux bias of bright stars in a weighted coadd", abs(float(np.mean(off))), error, len(off), "stars", 3.0, "mmag"),
            measured("bright stars, clipped against weighted, seeing 1 to 1.5: largest difference", float(change.max()), 0.0, len(change),
                     "stars", 3.0, "mmag")]


def depth_of_stars(exposures: list[Exposure], stack: Coadded, x: NDArray[np.float64], y: NDArray[np.float64],
                   flux: NDArray[np.float64]) -> Check:
    """How much the fluxes of faint stars by a matched filter scatter, beside what the weights predict, in magnitudes of depth."""
    pulls = []
    for a, b, f in zip(x, y, flux, strict=True):
        pixels, u, v = cut(stack.data, a, b, 10)
        weight = cut(stack.weight, a, b, 10)[0]
        psf = psf_of(exposures, 10, u, v)
        information = np.sum(weight * psf**2)
        source = np.sum(weight**2 * psf**2 * (cut(stack.variance, a, b, 10)[0] - 1 / weight)) / information**2
        pulls.append((np.sum(weight * psf * pixels) / information - f) / np.sqrt(1 / information + max(source, 0)))
    n = len(pulls)
    ratio = float(np.std(pulls, ddof=1))
    return measured("depth by injected stars: off from inverse-variance weights", abs(2.5 * np.log10(ratio)), 1.086 / (2 * n) ** 0.5, n,
                    "stars injected before resampling", 0.1, "mag")


def empty_apertures(exposures: list[Exposure], count: int) -> list[Check]:
    """How much sums over empty sky scatter, beside what the weights predict, in magnitudes of depth: the same exposures without a star."""
    rng = np.random.default_rng(3)
    sky = [one.again((rng.poisson(one.sky, one.image.shape) + rng.normal(0, READ_NOISE, one.image.shape)).astype(np.float32))
           for one in exposures]
    stack, checks = coadd([one.layer for one in sky]), []
    for radius in (4.0, 8.0):
        step = int(2 * radius + 3)
        a, b = (v.ravel().astype(float) for v in np.meshgrid(np.arange(step, stack.window.nx - step, step),
                                                            np.arange(step, stack.window.ny - step, step)))
        keep = whole_box(stack, a, b, int(radius) + 2, count)
        expected = summed(1 / np.maximum(stack.weight, 1e-30), a[keep], b[keep], radius)
        pulls = summed(stack.data, a[keep], b[keep], radius) / np.sqrt(expected)
        checks.append(measured(f"depth by empty apertures of {radius:g} pixels: off from inverse-variance weights",
                               abs(2.5 * np.log10(float(np.std(pulls)))), 1.086 / (2 * len(pulls)) ** 0.5, len(pulls), "apertures",
                               0.1, "mag"))
    return checks


def whole_box(stack: Coadded, x: NDArray[np.float64], y: NDArray[np.float64], reach: int, count: int) -> NDArray[np.bool_]:
    """Which places have all frames around them."""
    there = stack.coverage + stack.rejected
    return np.array([there[int(b) - reach:int(b) + reach + 1, int(a) - reach:int(a) + reach + 1].min() == count
                     for a, b in zip(x, y, strict=True)])


def ghosts(exposures: list[Exposure], ra: NDArray[np.float64], dec: NDArray[np.float64], rng: np.random.Generator) -> list[Check]:
    """What is left of light that a tenth of the frames has: stars, tracks and discs, none of them masked.

    It is compared with the coadd of the same frames without it, by the noise that the coadd has there, that of its stars included.
    What falls on a bright star cannot be told from that star in other seeing; it is stated apart.
    """
    clean = coadd([one.layer for one in exposures])
    dirty = set(rng.permutation(len(exposures))[:max(1, round(POLLUTED * len(exposures)))])
    half = SCALE * exposures[0].image.shape[0] / 2 - 45
    where = Wcs.tangent(*CENTRE, 1.0).pixel_to_sky(*rng.uniform(-half, half, (2, len(ra))))
    strength = 10 ** rng.uniform(2.5, 5.5, len(ra))
    mixed = [one.again(one.image + pollution(one, where, strength)) if k in dirty else one for k, one in enumerate(exposures)]
    spoilt = coadd([one.layer for one in mixed])
    (x, y), (sx, sy) = (Tile(TILE).wcs(SCALE, clean.window).sky_to_pixel(*v) for v in (where, (ra, dec)))
    grid = np.mgrid[-8:9, -8:9].astype(float)
    psf = psf_of(exposures, 8, grid[1], grid[0])
    left = np.nan_to_num(spoilt.data) - np.nan_to_num(clean.data)
    noise = np.where(clean.variance > 0, clean.variance, np.median(clean.variance[clean.variance > 0])).astype(np.float64)
    pixels = np.abs(left) / np.sqrt(noise)
    filtered = np.abs(fftconvolve(left, psf[::-1, ::-1], "same"))
    filtered /= np.sqrt(np.maximum(fftconvolve(noise, psf[::-1, ::-1] ** 2, "same"), 1e-3 * np.sum(psf**2) * noise))
    v, u = np.mgrid[:left.shape[0], :left.shape[1]]
    on_star, seen = np.zeros(left.shape, bool), np.zeros(left.shape, bool)
    for places, reach, plane in (((sx, sy), 12, on_star), ((x, y), 60, seen)):
        for a, b in zip(*places, strict=True):
            box = slice(max(int(b) - reach, 0), int(b) + reach + 1), slice(max(int(a) - reach, 0), int(a) + reach + 1)
            plane[box] |= np.hypot(u[box] - a, v[box] - b) <= reach
    count = (clean.coverage + clean.rejected) == len(exposures)
    away = seen & ~on_star & count
    n = int(away.sum())
    both = seen & on_star & count
    return [measured("ghosts of 10 % polluted frames: largest pixel", float(pixels[away].max()), 0.0, n, "pixels", 5.0, "sigma"),
            measured("ghosts of 10 % polluted frames: largest by a matched filter", float(filtered[away].max()), 0.0, n, "places", 5.0,
                     "sigma"),
            measured("of these, on bright stars: largest by a matched filter", float(filtered[both].max(initial=0)), 0.0, int(both.sum()),
                     "places", None, "sigma")]


def pollution(one: Exposure, where: tuple[NDArray[np.float64], NDArray[np.float64]], strength: NDArray[np.float64]) -> NDArray[np.float32]:
    """Stars, tracks and discs at given places of the sky."""
    image = galsim.ImageD(one.image.shape[1], one.image.shape[0], xmin=0, ymin=0, init_value=0)
    star = galsim.Moffat(beta=3.5, fwhm=one.fwhm / SCALE)
    shapes = (star, galsim.Convolve(star, galsim.Box(40, 0.5).rotate(30 * galsim.degrees)), galsim.TopHat(12.0))
    for k, (x, y, f) in enumerate(zip(*one.wcs.sky_to_pixel(*where), strength, strict=True)):
        shape = shapes[k % 3].withFlux(f * (1, 5, 5)[k % 3])
        drawn = shape.drawImage(nx=101, ny=101, scale=1.0, center=galsim.PositionD(x, y), dtype=float)
        shared = drawn.bounds & image.bounds
        if shared.isDefined():
            image[shared] += drawn[shared]
    return image.array.astype(np.float32)

