"""Regridding a frame on the pixels of a sky tile.

By Lanczos-3 interpolation (`awe.science.lanczos`) or by shares of pixels (`awe.science.exact`), with positions from a sparse exact
transformation (`awe.science.transformation`).  Surface brightness is scaled by the local Jacobian, so that fluxes are kept.  Bad
pixels are left out and the rest of the kernel is renormalised; where too much of the kernel is missing the output is NaN with
weight 0.

**Noise.** The kernel smooths, so neighbouring output pixels are correlated and their scatter is smaller than the
variance plane says. The variance is propagated so that *sums over apertures larger than the kernel* come out right:
the interpolated input variance times the Jacobian (each output pixel is worth its share of input pixels). The scatter
of single pixels is smaller by `Regridded.noise_ratio`.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science import bands
from awe.science.exact import exact
from awe.science.grid import Tile, Window
from awe.science.kernel import njit
from awe.science.lanczos import lanczos, noise_ratio, taps
from awe.science.layer import Layer, Planes
from awe.science.mask import NO_WEIGHT
from awe.science.transformation import Transformation, transformation
from awe.science.wcs import Wcs

Plane = NDArray[np.float32]
Bits = NDArray[np.uint16]
METHODS = ("lanczos", "exact")
STRETCHED = 1.1
"""Output pixels that are larger than input pixels by more get a wider kernel, so that nothing finer than they are is aliased."""
ROWS = 64
"""Rows of output that one thread does at a time."""
NOTHING = np.zeros((0, 0), np.float32)
NO_BITS = np.zeros((0, 0), np.uint16)


class Section(NamedTuple):
    """A part of a frame as kernels take it: contiguous arrays of one shape, or of size 0 where there is none.

    `image` float32 with NaN at bad pixels; `variance` and `sky` float32, with and without source noise; `mask` uint16; (x, y) of the
    first pixel in the frame.
    """

    image: Plane
    variance: Plane
    sky: Plane
    mask: Bits
    corner: tuple[int, int] = (0, 0)


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


@dataclass(frozen=True, eq=False)
class Resampling:
    """A frame that is put on a grid part by part, when asked; safe to be asked by several threads at once.

    Parameters
    ----------
    section : callable (y0, y1, x0, x1) -> Section
        Gives a part of the frame (0-based, half-open), or more of it.
    shape : (int, int)
        (ny, nx) of the frame.
    window : Window
        Of the grid, that the frame covers.
    where : Transformation
    stretch : float
        Factor by which the kernel is widened, where output pixels are larger than input pixels; else 1.
    flux_scale : float
        Factor on fluxes.
    method : str
        ``lanczos`` or ``exact``.
    has_variance, has_mask : bool
        Whether sections have them.
    """

    section: Callable[[int, int, int, int], Section]
    shape: tuple[int, int]
    window: Window
    where: Transformation
    stretch: float = 1.0
    flux_scale: float = 1.0
    method: str = "lanczos"
    has_variance: bool = True
    has_mask: bool = True
    _taps: Plane = field(default_factory=taps, repr=False)

    @classmethod
    def of(cls, section: Callable[[int, int, int, int], Section], shape: tuple[int, int], wcs: Wcs, tile: str, scale: float, *,
           window: Window | None = None, flux_scale: float = 1.0, method: str = "lanczos", tolerance: float = 1e-3,
           has_variance: bool = True, has_mask: bool = True) -> Resampling:
        """Prepare a frame for the grid of a tile; parameters and errors as of `regrid`."""
        if method not in METHODS:
            raise PermanentError(f"asked to regrid by {method!r}; there are {', '.join(METHODS)}")
        ratio = (scale / wcs.pixel_scale) ** 2
        if not (1e-3 < ratio < 1e3):
            raise PermanentError(f"asked to regrid pixels of {wcs.pixel_scale:.3g} arcsec to {scale:.3g} arcsec; factors of up "
                                 "to 30 are done: choose another pixel scale")
        try:
            window = Tile(tile).window(scale, wcs.footprint(shape, per_side=32)) if window is None else window
        except ValueError as error:
            raise PermanentError(str(error)) from error
        if window.is_empty:
            raise PermanentError(f"asked to regrid to the empty window {tuple(window)} of tile {tile}")
        where = transformation(wcs, Tile(tile).grid(scale), window, shape, tolerance)
        stretch = math.sqrt(ratio) if ratio > STRETCHED**2 else 1.0
        return cls(section, shape, window, where, stretch, float(flux_scale), method, has_variance, has_mask)

    def into(self, part: Window, out: Plane, out_var: Plane, out_weight: Plane, out_bits: Bits) -> None:
        """Fill arrays of the shape of `part`, which is inside the window; variance and mask may have size 0."""
        y0, y1, x0, x1 = self.where.reach(part, 3.0 * self.stretch + 1.0)
        y0, y1, x0, x1 = max(y0, 0), min(y1, self.shape[0]), max(x0, 0), min(x1, self.shape[1])
        if y0 >= y1 or x0 >= x1:
            out.fill(np.nan)
            out_var.fill(0)
            out_weight.fill(0)
            out_bits.fill(64)
            return
        section = self.section(y0, y1, x0, x1)
        t, first = self.where, (part.x0 - self.where.x0, part.y0 - self.where.y0)
        given = (tuple(section[:4]), section.corner, self.shape, t.xs, t.ys, t.step, first, self.flux_scale)
        if self.method == "exact":
            exact(*given, out, out_var, out_weight, out_bits)
        else:
            lanczos(*given, self._taps, self.stretch, out, out_var, out_weight, out_bits)

    def read(self, part: Window) -> Planes:
        """Return a part as a layer of a coadd gives it; with variance and mask where the frame has them."""
        data, weight = np.empty(part.shape, np.float32), np.empty(part.shape, np.float32)
        variance = np.empty(part.shape, np.float32) if self.has_variance else NOTHING
        mask = np.empty(part.shape, np.uint16) if self.has_mask else NO_BITS
        self.into(part, data, variance, weight, mask)
        return Planes(data, weight, variance if self.has_variance else None, mask if self.has_mask else None)

    def layer(self, fwhm: float = math.nan) -> Layer:
        """Return the frame as a layer of a coadd, resampled while it is averaged."""
        return Layer(self.window, self.read, fwhm=fwhm)

    def noise_ratio(self, weight: Plane, *, every: int = 8) -> float:
        """Return the scatter of single pixels over the root of the variance plane, from pixels that have data."""
        rows, columns = np.nonzero(weight[::every, ::every] > 0)
        if not len(rows):
            return 1.0
        x, y, area = self._positions(columns * every, rows * every)
        if self.method == "lanczos":
            return noise_ratio(x - np.floor(x), y - np.floor(y), area, self.stretch)
        size = math.sqrt(float(np.median(area)))  # a box that overlaps a grid of boxes at random: squares of its shares over their sum
        return 1.0 - 1.0 / (3.0 * size) if size >= 1.0 else size - size**2 / 3.0

    def _positions(self, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """Return input positions of pixels of the window, and their areas in input pixels."""
        t = self.where
        gx, ix = np.divmod(columns + self.window.x0 - t.x0, t.step)
        gy, iy = np.divmod(rows + self.window.y0 - t.y0, t.step)
        fx, fy = ix / t.step, iy / t.step
        x, y = ((v[gy, gx] * (1 - fx) + v[gy, gx + 1] * fx) * (1 - fy) + (v[gy + 1, gx] * (1 - fx) + v[gy + 1, gx + 1] * fx) * fy
                for v in (t.xs, t.ys))
        dxx, dyx = ((v[gy, gx + 1] - v[gy, gx]) / t.step for v in (t.xs, t.ys))
        dxy, dyy = ((v[gy + 1, gx] - v[gy, gx]) / t.step for v in (t.xs, t.ys))
        return x, y, np.abs(dxx * dyy - dxy * dyx)


def regrid(data: NDArray[np.generic], variance: NDArray[np.generic] | None, mask: NDArray[np.generic] | None, wcs: Wcs,
           tile: str, scale: float, *, weight: NDArray[np.generic] | None = None, window: Window | None = None,
           flux_scale: float = 1.0, background: float | Plane = 0.0, area: Plane | None = None, method: str = "lanczos",
           tolerance: float = 1e-3) -> Regridded:
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
    background : float or float32 array (ny, nx)
        Subtracted from the data, in their unit.
    area : float32 array (ny, nx), optional
        Factor on what is left after that (`awe.science.pixelarea`, for flat-fielded frames); variances go with its square.
    method : str
        ``lanczos``: sharp, with noise that is hardly correlated; ``exact``: shares of pixels, each photon in one output pixel.
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
    frame = prepared(data, variance, weight, mask, background, area)
    ny, nx = frame.image.shape
    way = Resampling.of(in_memory(frame), (ny, nx), wcs, tile, scale, window=window, flux_scale=flux_scale, method=method,
                        tolerance=tolerance)
    out, out_var, out_weight = (np.empty(way.window.shape, np.float32) for _ in range(3))
    out_bits = np.empty(way.window.shape, np.uint16)

    def rows(y0: int, y1: int) -> None:
        part = Window(way.window.x0, way.window.y0 + y0, way.window.nx, y1 - y0)
        way.into(part, out[y0:y1], out_var[y0:y1], out_weight[y0:y1], out_bits[y0:y1])

    bands.run(rows, way.window.ny, ROWS)
    return Regridded(out, out_var, out_weight, out_bits, way.window, tile, float(scale), way.noise_ratio(out_weight), way.where.error)


def in_memory(frame: Section) -> Callable[[int, int, int, int], Section]:
    """Return what gives parts of a frame that is in memory: the whole."""
    return lambda y0, y1, x0, x1: frame


def prepared(data: NDArray[np.generic], variance: NDArray[np.generic] | None, weight: NDArray[np.generic] | None,
             mask: NDArray[np.generic] | None, background: float | Plane = 0.0, area: Plane | None = None) -> Section:
    """Return a frame, or a part of one, as kernels take it; parameters and errors as of `regrid`."""
    image = np.array(data, dtype=np.float32, order="C")
    var = np.ones_like(image) if variance is None else np.array(variance, dtype=np.float32, order="C")
    bits = np.zeros(image.shape, np.uint16) if mask is None else np.ascontiguousarray(mask).astype(np.uint16, copy=False)
    level = np.full((1, 1), background, np.float32) if np.ndim(background) == 0 else np.ascontiguousarray(background, dtype=np.float32)
    size = np.ones((1, 1), np.float32) if area is None else np.ascontiguousarray(area, dtype=np.float32)
    others = (plane for plane in (weight, level, size) if plane is not None and plane.size != 1)
    shapes = [image.shape, var.shape, bits.shape, *(plane.shape for plane in others)]
    if image.ndim != 2 or len(set(shapes)) > 1:
        raise PermanentError("asked to regrid data, variance, mask, weight, background and area of the shapes "
                             f"{', '.join(map(str, shapes))}: they must be the same")
    sky = var if weight is None else np.array(weight, dtype=np.float32, order="C")

    def rows(y0: int, y1: int) -> None:
        _blank(image[y0:y1], var[y0:y1], sky[y0:y1], bits[y0:y1], level[y0:y1] if level.size > 1 else level,
               size[y0:y1] if size.size > 1 else size, weight is not None, np.uint16(NO_WEIGHT))

    bands.run(rows, image.shape[0], ROWS)
    return Section(image, var, sky, bits)


@njit(cache=True, nogil=True, error_model="numpy")
def _blank(image: Any, var: Any, sky: Any, bits: Any, level: Any, size: Any, is_weight: bool, without: Any) -> None:
    """Subtract the background, scale by the area, put NaN at bad pixels, and turn the weight, if it is one, into a variance; in place."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            area = size[y, x] if size.size > 1 else size[0, 0]
            v = (image[y, x] - (level[y, x] if level.size > 1 else level[0, 0])) * area
            e, w = var[y, x], sky[y, x]
            good = (bits[y, x] & without) == 0 and e > 0.0 and math.isfinite(e) and math.isfinite(v)
            var[y, x] = e * area * area
            if is_weight:
                good = good and w > 0.0 and math.isfinite(w)
                sky[y, x] = area * area / w if w > 0.0 else np.float32(0)
            image[y, x] = v if good else np.nan
