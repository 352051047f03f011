"""Regridding a frame on the pixels of a sky tile.

Lanczos-3 interpolation with the exact WCS on a sparse grid of output pixels, bilinear between, the step halved until
the error is below a thousandth of a pixel; surface brightness is scaled by the local Jacobian, so that fluxes are kept
(the scheme of SWarp: Bertin et al. 2002, ASP 281, 228). Bad pixels are left out and the rest of the kernel is
renormalised; where too much of the kernel is missing the output is NaN with weight 0.

**Noise.** The kernel smooths, so neighbouring output pixels are correlated and their scatter is smaller than the
variance plane says. The variance is propagated so that *sums over apertures larger than the kernel* come out right:
the interpolated input variance times the Jacobian (each output pixel is worth its share of input pixels). The scatter
of single pixels is smaller by `Regridded.noise_ratio`.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.grid import Tile, Window
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.wcs import Wcs

Plane = NDArray[np.float32]
Floats = NDArray[np.float64]
Bits = NDArray[np.uint16]
TAPS = 6
STEPS = 1024
"""Table entries per pixel of the Lanczos kernel."""
MISSING_LIMIT = 0.35
"""Kernel weight (of bilinear shares) that may be missing before an output pixel is given up."""


@dataclass(frozen=True, eq=False)
class Regridded:
    """A frame on the grid of a tile.

    Parameters
    ----------
    data : float32 array (ny, nx)
        Flux per output pixel; NaN where there is none.
    variance : float32 array (ny, nx)
        Effective variance, source noise included, see the module; 0 where there is none.
    weight : float32 array (ny, nx)
        Inverse effective variance without source noise; 0 where there is none.
    mask : uint16 array (ny, nx)
        Bits of the input pixels under the kernel's core; NO_DATA where there is none.
    window : Window
        On the tile's grid.
    tile, scale : str, float
        Name of the tile and arcseconds per pixel.
    noise_ratio : float
        Scatter of single pixels over the root of the variance plane, about 0.7 to 0.95 (median over the frame).
    wcs_error : float
        Largest error of the sparse transformation, input pixels.
    """

    data: Plane
    variance: Plane
    weight: Plane
    mask: Bits
    window: Window
    tile: str
    scale: float
    noise_ratio: float = 1.0
    wcs_error: float = 0.0

    @property
    def coverage(self) -> NDArray[np.bool_]:
        """Where there is data."""
        return np.asarray(self.weight > 0)

    @property
    def wcs(self) -> Wcs:
        """The WCS of the image."""
        return Tile(self.tile).wcs(self.scale, self.window)


def regrid(data: NDArray[np.generic], variance: NDArray[np.generic] | None, mask: NDArray[np.generic] | None, wcs: Wcs,
           tile: str, scale: float, *, weight: NDArray[np.generic] | None = None, window: Window | None = None,
           flux_scale: float = 1.0, background: float = 0.0, tolerance: float = 1e-3) -> Regridded:
    """Put a frame on the grid of a tile.

    Parameters
    ----------
    data : array (ny, nx)
        Any real dtype; NaN is bad.
    variance : array (ny, nx), optional
        Of each pixel, source noise included; 1 where not given. Pixels with a variance that is not positive are bad.
    mask : array (ny, nx), optional
        Bits of `awe.science.mask`; pixels without weight are bad. All bits travel.
    wcs : Wcs
        Of the frame.
    tile : str
        Name of the tile (`awe.science.grid.tile_of`).
    scale : float
        Arcseconds per output pixel.
    weight : array (ny, nx), optional
        Inverse variance without source noise, for averaging; ``1 / variance`` where not given, which biases the
        averages of stars low if that holds source noise. Pixels of weight 0 are bad.
    window : Window, optional
        Output window; the smallest that holds the frame where not given.
    flux_scale : float
        Factor on fluxes (to a common zero point).
    background : float
        Subtracted from the data, in their unit.
    tolerance : float
        Largest error of the transformation, input pixels.

    Returns
    -------
    Regridded

    Raises
    ------
    PermanentError
        The frame is not on the tile's half of the sky, pixels differ by more than a factor of 30, or shapes differ.
    """
    image, var, sky, bits = _prepared(data, variance, weight, mask, background)
    grid = Tile(tile).grid(scale)
    ratio = (scale / wcs.pixel_scale) ** 2
    if not (1e-3 < ratio < 1e3):
        raise PermanentError(f"asked to regrid pixels of {wcs.pixel_scale:.3g} arcsec to {scale:.3g} arcsec; factors of up "
                             "to 30 are done: choose another pixel scale")
    if window is None:
        try:
            window = Tile(tile).window(scale, wcs.footprint(image.shape, per_side=32))
        except ValueError as error:
            raise PermanentError(str(error)) from error
    if window.is_empty:
        raise PermanentError(f"asked to regrid to the empty window {tuple(window)} of tile {tile}")
    xs, ys, step, wcs_error = _sparse(wcs, grid, window, tolerance, image.shape)
    stretch = max(1.0, math.sqrt(ratio))
    out, out_var, out_sky, white = (np.empty(window.shape, np.float32) for _ in range(4))
    out_bits = np.empty(window.shape, np.uint16)
    _lanczos(image, var, sky, bits, xs, ys, step, float(flux_scale), _table(), _taps(), stretch, out, out_var, out_sky, out_bits,
             white)
    sample = white[::4, ::4]
    seen = sample[sample > 0]
    noise = float(np.sqrt(np.median(seen))) if len(seen) else 1.0
    return Regridded(out, out_var, out_sky, out_bits, window, tile, float(scale), noise, wcs_error)


def _prepared(data: NDArray[np.generic], variance: NDArray[np.generic] | None, weight: NDArray[np.generic] | None,
              mask: NDArray[np.generic] | None, background: float) -> tuple[Plane, Plane, Plane, Bits]:
    """Return the image with NaN at bad pixels, its variance, that of the sky alone, and its mask."""
    image = np.array(data, dtype=np.float32, order="C")
    var = np.ones_like(image) if variance is None else np.ascontiguousarray(variance, dtype=np.float32)
    bits = np.zeros(image.shape, np.uint16) if mask is None else np.ascontiguousarray(mask).astype(np.uint16)
    shapes = [image.shape, var.shape, bits.shape, image.shape if weight is None else weight.shape]
    if image.ndim != 2 or len(set(shapes)) > 1:
        raise PermanentError("asked to regrid data, variance, mask and weight of the shapes "
                             f"{', '.join(map(str, shapes))}: they must be the same")
    image -= np.float32(background)
    sky = var
    if weight is not None:
        w = np.ascontiguousarray(weight, dtype=np.float32)
        good = (w > 0) & np.isfinite(w)
        sky = np.divide(np.float32(1), w, out=np.zeros_like(w), where=good)
        image[~good] = np.nan
    image[((bits & NO_WEIGHT) != 0) | ~(var > 0) | ~np.isfinite(var) | ~np.isfinite(image)] = np.nan
    return image, var, sky, bits


def _sparse(wcs: Wcs, grid: Wcs, window: Window, tolerance: float,
            shape: tuple[int, ...]) -> tuple[Floats, Floats, int, float]:
    """Return input pixel positions on a sparse grid of output pixels, the step, and the largest error between."""
    step = 32
    while True:
        gx = np.arange(0, window.nx + step, step, dtype=np.float64)
        gy = np.arange(0, window.ny + step, step, dtype=np.float64)
        mx, my = np.meshgrid(gx + window.x0, gy + window.y0)
        xs, ys = wcs.sky_to_pixel(*grid.pixel_to_sky(mx, my))
        if step == 1 or len(gx) < 2 or len(gy) < 2:
            return xs, ys, step, 0.0
        half = step / 2.0
        bx, by = wcs.sky_to_pixel(*grid.pixel_to_sky(mx[:-1, :-1] + half, my[:-1, :-1] + half))
        ex = bx - 0.25 * (xs[:-1, :-1] + xs[1:, :-1] + xs[:-1, 1:] + xs[1:, 1:])
        ey = by - 0.25 * (ys[:-1, :-1] + ys[1:, :-1] + ys[:-1, 1:] + ys[1:, 1:])
        on = (bx > -10 - step) & (bx < shape[1] + 10 + step) & (by > -10 - step) & (by < shape[0] + 10 + step)
        error = float(np.max(np.hypot(ex, ey), where=on & np.isfinite(ex), initial=0.0))
        lost = bool(np.any(on & ~np.isfinite(ex)))
        if (error <= tolerance and not lost) or step <= 2:
            return xs, ys, step, error
        step //= 2


def _table() -> Floats:
    """Return the Lanczos-3 kernel at 0 to 3 pixels in `STEPS` steps per pixel."""
    t = np.arange(3 * STEPS + 2) / STEPS
    return np.where(t < 3, np.sinc(t) * np.sinc(t / 3.0), 0.0)


def _taps() -> Floats:
    """Return, for `STEPS` fractions of a pixel, the six weights that sum to 1 and, last, the sum of their squares."""
    distance = np.arange(-2, 4) - np.arange(STEPS + 2)[:, None] / STEPS
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3.0), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.column_stack([weights, (weights ** 2).sum(axis=1)])


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _kernel(table: Any, distance: float) -> float:
    t = abs(distance) * STEPS
    k = int(t)
    if k >= 3 * STEPS:
        return 0.0
    f = t - k
    return table[k] * (1.0 - f) + table[k + 1] * f  # type: ignore[no-any-return]


@njit(cache=True, parallel=True, nogil=True)  # type: ignore[untyped-decorator]
def _lanczos(image: Any, var: Any, sky: Any, bits: Any, xs: Any, ys: Any, step: int, flux_scale: float, table: Any,
             six: Any, stretch: float, out: Any, out_var: Any, out_sky: Any, out_bits: Any, white: Any) -> None:
    """Fill the outputs, row by row; see `regrid`. `white` is the variance of a pixel of unit white noise over out_var."""
    ny, nx = image.shape
    height, width = out.shape
    reach = 3.0 * stretch
    taps = int(math.ceil(2.0 * reach)) + 1
    for row in prange(height):
        wx, wy, edge = np.empty(taps), np.empty(taps), np.empty(7)
        gy = row // step
        fy = (row - gy * step) / step
        for col in range(width):
            gx = col // step
            fx = (col - gx * step) / step
            x00, x01, x10, x11 = xs[gy, gx], xs[gy, gx + 1], xs[gy + 1, gx], xs[gy + 1, gx + 1]
            y00, y01, y10, y11 = ys[gy, gx], ys[gy, gx + 1], ys[gy + 1, gx], ys[gy + 1, gx + 1]
            x = (x00 * (1 - fx) + x01 * fx) * (1 - fy) + (x10 * (1 - fx) + x11 * fx) * fy
            y = (y00 * (1 - fx) + y01 * fx) * (1 - fy) + (y10 * (1 - fx) + y11 * fx) * fy
            out[row, col], out_var[row, col], out_bits[row, col] = np.nan, 0.0, np.uint16(64)
            white[row, col], out_sky[row, col] = 0.0, 0.0
            if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
                continue
            dxx, dxy = (x01 - x00) * (1 - fy) + (x11 - x10) * fy, (x10 - x00) * (1 - fx) + (x11 - x01) * fx
            dyx, dyy = (y01 - y00) * (1 - fy) + (y11 - y10) * fy, (y10 - y00) * (1 - fx) + (y11 - y01) * fx
            area = abs(dxx * dyy - dxy * dyx) / (step * step)
            first_x, first_y = int(math.floor(x - reach)) + 1, int(math.floor(y - reach)) + 1
            factor = area * flux_scale
            if stretch == 1.0 and first_x >= 0 and first_y >= 0 and first_x + 5 < nx and first_y + 5 < ny:
                ix, iy = first_x + 2, first_y + 2
                px, py = x - ix, y - iy
                kx, ky = int(px * STEPS), int(py * STEPS)
                tx, ty = px * STEPS - kx, py * STEPS - ky
                value = 0.0
                for i in range(7):
                    edge[i] = six[kx, i] * (1.0 - tx) + six[kx + 1, i] * tx
                for j in range(6):
                    line = 0.0
                    for i in range(6):
                        line += edge[i] * image[first_y + j, first_x + i]
                    value += (six[ky, j] * (1.0 - ty) + six[ky + 1, j] * ty) * line
                if value == value:
                    a, b, c, d = (1 - px) * (1 - py), px * (1 - py), (1 - px) * py, px * py
                    out[row, col] = value * factor
                    out_var[row, col] = (a * var[iy, ix] + b * var[iy, ix + 1] + c * var[iy + 1, ix]
                                         + d * var[iy + 1, ix + 1]) * area * flux_scale * flux_scale
                    plain = (a * sky[iy, ix] + b * sky[iy, ix + 1] + c * sky[iy + 1, ix] + d * sky[iy + 1, ix + 1])
                    out_sky[row, col] = 1.0 / (plain * area * flux_scale * flux_scale)
                    out_bits[row, col] = bits[iy, ix] | bits[iy, ix + 1] | bits[iy + 1, ix] | bits[iy + 1, ix + 1]
                    white[row, col] = edge[6] * (six[ky, 6] * (1.0 - ty) + six[ky + 1, 6] * ty) * area
                    continue
            for k in range(taps):
                wx[k] = _kernel(table, (first_x + k - x) / stretch)
                wy[k] = _kernel(table, (first_y + k - y) / stretch)
            total = value = noise = plain = share = missing = whole = squares = 0.0
            seen = np.uint16(0)
            for j in range(taps):
                if wy[j] == 0.0:
                    continue
                iy = first_y + j
                near_y = max(1.0 - abs(iy - y) / stretch, 0.0)
                for i in range(taps):
                    w = wx[i] * wy[j]
                    if w == 0.0:
                        continue
                    ix = first_x + i
                    core = near_y * max(1.0 - abs(ix - x) / stretch, 0.0)
                    whole += core
                    if ix < 0 or iy < 0 or ix >= nx or iy >= ny:
                        missing += core
                        continue
                    if core > 0.0:
                        seen |= bits[iy, ix]
                    v = image[iy, ix]
                    if v != v:
                        missing += core
                        continue
                    value += w * v
                    total += w
                    squares += w * w
                    noise += core * var[iy, ix]
                    plain += core * sky[iy, ix]
                    share += core
            if total <= 0.3 * stretch * stretch or share <= 0.0 or missing > MISSING_LIMIT * whole:
                out_bits[row, col] = seen | np.uint16(64)
                continue
            out[row, col] = value / total * factor
            out_sky[row, col] = share / (plain * area * flux_scale * flux_scale)
            out_var[row, col] = noise / share * area * flux_scale * flux_scale
            out_bits[row, col] = seen
            white[row, col] = squares / (total * total) * area


NO_DATA_BIT = int(Bit.NO_DATA)
assert NO_DATA_BIT == 64, "the kernel writes the bit NO_DATA as a number"
