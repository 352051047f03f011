"""Averaging frames on one grid.

The output is made block by block, and of each frame only what a block needs is read (or resampled: `Resampling.layer`), so that
memory does not grow with the number or the size of frames. Clipping is about the median and allows for what is not noise: the
scatter that differing seeing makes in the cores and on the slopes of stars is a fraction of the signal around, so the threshold is
``sqrt((clip * sigma)^2 + (allowance * signal)^2)`` with the largest median within `REACH` pixels as signal (the idea of Gruen, Seitz
& Bernstein 2014, PASP 126, 158). A pixel is rejected for good reason or not at all, or bright stars would be biased. The same is done
to cells of 4x4 pixels, which show what is faint and wide.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science import averaging, bands
from awe.science.grid import Window, join
from awe.science.layer import Layer, Plane, Planes
from awe.science.regrid import NO_BITS, NOTHING, Regridded

METHODS = ("weighted", "clipped", "trimmed", "median")
MAX_FRAMES = 4096
CELL = 32
"""Pixels of a cell of the map of the PSF; blocks are whole cells."""
BLOCK = (256, 512)
BYTES = 28
"""Of a pixel of a frame that is held: data, variance, weight and mask, as they were read and in the stack."""
MEMORY = 160 << 20
"""Bytes of all frames that a thread holds at a time; blocks are made smaller until they fit, down to two cells."""
SAMPLE = 4
"""Every so many pixels along either axis the weights are looked at for the map of the PSF."""


@dataclass(frozen=True, eq=False)
class Coadded:
    """An average.

    Parameters
    ----------
    data : float32 array (ny, nx)
        NaN where no frame has data.
    variance : float32 array (ny, nx)
        Effective variance of the average, source noise included (see `awe.science.regrid`); 0 where there is none.
    weight : float32 array (ny, nx)
        Its inverse without source noise; 0 where there is none.
    coverage : uint16 array (ny, nx)
        Frames that went in.
    rejected : uint16 array (ny, nx)
        Frames that were clipped or trimmed.
    mask : uint16 array (ny, nx)
        Bits common to all frames that have data there, SATURATED where any frame is (its star is cut there), NO_DATA where none has data.
    fwhm : float32 array (ny / CELL, nx / CELL, rounded up)
        Width of the PSF in cells: the root of the weighted mean of squares, as second moments of PSFs that are averaged do; in the
        unit of the layers, NaN where nothing is known.
    window : Window
    """

    data: Plane
    variance: Plane
    weight: Plane
    coverage: NDArray[np.uint16]
    rejected: NDArray[np.uint16]
    mask: NDArray[np.uint16]
    fwhm: Plane
    window: Window

    @classmethod
    def over(cls, window: Window) -> Coadded:
        """Return one that is to be filled."""
        data, variance, weight = (np.empty(window.shape, np.float32) for _ in range(3))
        coverage, rejected, mask = (np.zeros(window.shape, np.uint16) for _ in range(3))
        cells = tuple(-(-n // CELL) for n in window.shape)
        return cls(data, variance, weight, coverage, rejected, mask, np.full(cells, np.nan, np.float32), window)


@dataclass(frozen=True)
class Recipe:
    """How to average; see `coadd`."""

    combine: str
    clip: float
    allowances: NDArray[np.float64]
    least: int
    trim: int

    @property
    def margin(self) -> int:
        """Pixels around a block that have to be known."""
        return averaging.MARGIN if self.combine == "clipped" else 0


def coadd(frames: Sequence[Regridded | Layer], *, combine: str = "clipped", clip: float = 4.0, allowance: float = 0.7,
          least: int = 3, trim: int = 1, window: Window | None = None, memory: int = MEMORY) -> Coadded:
    """Average frames on one grid.

    Parameters
    ----------
    frames : sequence of Regridded or Layer
        On the same tile and pixel scale (tiles of `Regridded` are compared); their order does not matter but for the
        last bits of float64 sums.
    combine : str
        ``weighted`` (by the weights, which know no source noise: else the bright side of every fluctuation would count
        less, and stars be faint), ``clipped`` (the same after clipping), ``trimmed`` (the same after the lowest and the highest
        values are left out) or ``median``.
    clip : float
        In standard deviations of each frame's own noise about the median; half of it next to what was clipped.
    allowance : float
        Fraction of the signal around (the largest median within 2 pixels, above zero) that is never clipped, for seeing
        that differs by up to half; where the FWHM of frames is known, less for those that are like the others and more for those
        that are not.
    least : int
        Where fewer frames have data nothing is clipped.
    trim : int
        How many lowest and how many highest values ``trimmed`` leaves out; none where not more than twice as many frames have data.
    window : Window, optional
        Output; the union of the frames' windows where not given.
    memory : int
        Bytes of all frames that each thread holds at a time.

    Returns
    -------
    Coadded

    Raises
    ------
    PermanentError
        No frames, frames of different grids, an unknown method, or no overlap with the window.
    """
    layers = _layers(frames, combine)
    window = join([layer.window for layer in layers]) if window is None else window
    used = [layer for layer in layers if not layer.window.intersection(window).is_empty]
    if not used:
        raise PermanentError(f"asked for a coadd over the window {tuple(window)}: none of {len(layers)} frames reaches it")
    recipe = Recipe(combine, float(clip), _allowances(used, allowance), int(least), int(trim))
    out = Coadded.over(window)
    height, width = _block(len(used), memory)
    across = -(-window.nx // width)

    def blocks(first: int, last: int) -> None:
        for number in range(first, last):
            y0, x0 = number // across * height, number % across * width
            _average(used, recipe, Window(window.x0 + x0, window.y0 + y0, min(width, window.nx - x0), min(height, window.ny - y0)), out)

    bands.run(blocks, across * -(-window.ny // height), 1)
    return out


def _layers(frames: Sequence[Regridded | Layer], combine: str) -> list[Layer]:
    if combine not in METHODS:
        raise PermanentError(f"asked to combine by {combine!r}; there are {', '.join(METHODS)}")
    if not 0 < len(frames) <= MAX_FRAMES:
        raise PermanentError(f"asked for a coadd of {len(frames)} frames; 1 to {MAX_FRAMES} are done")
    grids = {(f.tile, f.scale) for f in frames if isinstance(f, Regridded)}
    if len(grids) > 1:
        raise PermanentError(f"asked for a coadd of frames on different grids: {sorted(grids)}; regrid them to one")
    return [layer_of(f) if isinstance(f, Regridded) else f for f in frames]


def layer_of(frame: Regridded, flux_scale: float = 1.0, background: float = 0.0, fwhm: float = float("nan")) -> Layer:
    """Return a frame in memory as a layer."""
    def read(part: Window) -> Planes:
        where = part.within(frame.window)
        return Planes(frame.data[where], frame.weight[where], frame.variance[where], frame.mask[where])
    return Layer(frame.window, read, flux_scale, (background, 0.0, 0.0), fwhm)


def _allowances(layers: Sequence[Layer], allowance: float) -> NDArray[np.float64]:
    """Return the allowance of each layer: as stated where widths are unknown; else what its own width, against the others', explains.

    Peaks of stars go with the square of the width; what is left for a frame like all others is for sampling and registration.
    """
    widths = np.array([layer.fwhm for layer in layers], np.float64)
    known = np.isfinite(widths) & (widths > 0)
    if not known.any():
        return np.full(len(layers), float(allowance))
    ratio = np.where(known, np.median(widths[known]) / np.where(known, widths, 1.0), 1.0)
    return np.asarray(np.where(known, allowance * (0.3 + 1.7 * np.abs(ratio**2 - 1.0)), allowance))


def _block(count: int, memory: int) -> tuple[int, int]:
    """Return the size of blocks."""
    height, width = BLOCK
    while count * height * width * BYTES > memory and (height > CELL or width > 2 * CELL):
        height, width = (height // 2, width) if height > CELL else (height, width // 2)
    return height, width


def _average(layers: Sequence[Layer], recipe: Recipe, block: Window, out: Coadded) -> None:
    """Fill one block."""
    place, margin = (block.y0 - out.window.y0, block.x0 - out.window.x0), recipe.margin
    around = Window(block.x0 - margin, block.y0 - margin, block.nx + 2 * margin, block.ny + 2 * margin)
    sums, kept = averaging.Sums(block.shape), []
    moments = np.zeros((2, *(-(-n // CELL) for n in block.shape)))
    for layer, allowance in zip(layers, recipe.allowances, strict=True):
        common = layer.window.intersection(around)
        if common.is_empty:
            continue
        planes = layer.part(common)
        inside = common.intersection(block)
        if not inside.is_empty:
            averaging.add(planes.data, planes.weight, NOTHING if planes.variance is None else planes.variance,
                          NO_BITS if planes.mask is None else planes.mask, (inside.y0 - common.y0, inside.x0 - common.x0), sums.planes,
                          (inside.y0 - block.y0, inside.x0 - block.x0), inside.shape)
            _note_width(planes.weight[inside.within(common)], layer.fwhm, inside.within(block), moments)
        if recipe.combine != "weighted":
            kept.append((common.within(around), planes, allowance))
    filled = out.data, out.variance, out.weight, out.coverage
    averaging.finish(sums.planes, place, *filled, out.mask)
    if recipe.combine == "clipped" and len(kept) >= recipe.least:
        _clip(kept, recipe, around.shape, place, out)
    elif kept and recipe.combine in ("trimmed", "median"):
        trim = recipe.trim if recipe.combine == "trimmed" else -1
        data, variance, weight, _ = _stack(kept, around.shape)
        averaging.ordered(data, variance, weight, trim, averaging.variance_losses(len(kept), trim), place, *filled, out.rejected)
    cells = tuple(slice(start // CELL, start // CELL + n) for start, n in zip(place, moments.shape[1:], strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        out.fwhm[cells] = np.sqrt(moments[1] / moments[0])


Kept = list[tuple[tuple[slice, slice], Planes, float]]


def _stack(kept: Kept, shape: tuple[int, int]) -> tuple[Plane, Plane, Plane, NDArray[np.uint16]]:
    """Return data, variance, weight and mask of all frames (n, ny, nx); weight 0 is no data."""
    full = (len(kept), *shape)
    data, weight = np.zeros(full, np.float32), np.zeros(full, np.float32)
    has_variance, has_mask = (any(plane is not None for plane in planes) for planes in
                              (([p.variance for _, p, _ in kept]), ([p.mask for _, p, _ in kept])))
    variance = np.zeros(full, np.float32) if has_variance else np.zeros((0, 0, 0), np.float32)
    mask = np.zeros(full, np.uint16) if has_mask else np.zeros((0, 0, 0), np.uint16)
    for k, (where, planes, _) in enumerate(kept):
        data[(k, *where)], weight[(k, *where)] = planes.data, planes.weight
        if has_variance:
            with np.errstate(divide="ignore"):
                variance[(k, *where)] = np.where(planes.weight > 0, 1.0 / planes.weight, 0) if planes.variance is None else planes.variance
        if has_mask and planes.mask is not None:
            mask[(k, *where)] = planes.mask
    return data, variance, weight, mask


def _clip(kept: Kept, recipe: Recipe, shape: tuple[int, int], place: tuple[int, int], out: Coadded) -> None:
    """Average anew where something has to be left out."""
    data, variance, weight, mask = _stack(kept, shape)
    allowances = np.array([allowance for *_, allowance in kept])
    cells = (len(kept), *(-(-n // averaging.COARSE) for n in shape))
    small, small_weight = np.empty(cells, np.float32), np.empty(cells, np.float32)
    small_var = np.empty(cells if variance.size else (0, 0, 0), np.float32)
    cut = _marked(data, variance, weight, recipe, allowances, averaging.REACH, averaging.GROWTH)
    averaging.coarse(data, variance, weight, cut, small, small_var, small_weight)
    cut_cells = _marked(small, small_var, small_weight, recipe, allowances, averaging.COARSE_REACH, averaging.COARSE_GROWTH)
    averaging.refine(cut_cells, data, weight, cut)
    averaging.without(data, variance, weight, mask, cut, recipe.margin, place, out.data, out.variance, out.weight, out.coverage,
                      out.rejected, out.mask)


def _marked(data: Plane, variance: Plane, weight: Plane, recipe: Recipe, allowances: NDArray[np.float64], reach: int,
            growth: int) -> NDArray[np.uint8]:
    """Return which values of a stack are to be left out."""
    found, cut = np.empty(data.shape[1:], np.bool_), np.zeros(data.shape, np.uint8)
    averaging.suspects(data, weight, recipe.clip, recipe.least, found)
    if found.any():
        averaging.clip_stack(data, variance, weight, found, recipe.clip, allowances, reach, growth, cut)
    return cut


def _note_width(weight: Plane, fwhm: float, where: tuple[slice, slice], moments: NDArray[np.float64]) -> None:
    """Add a frame to the sums of weights and of weighted squares of widths, in cells; `where` is its place in the block."""
    if not fwhm > 0:
        return
    first = [-part.start % SAMPLE for part in where]
    rows, columns = (np.arange(part.start + start, part.stop, SAMPLE) // CELL for part, start in zip(where, first, strict=True))
    if not len(rows) or not len(columns):
        return
    sampled = weight[first[0]::SAMPLE, first[1]::SAMPLE].astype(np.float64)
    along = np.add.reduceat(sampled, np.flatnonzero(np.diff(columns, prepend=-1)), axis=1)
    cells = np.add.reduceat(along, np.flatnonzero(np.diff(rows, prepend=-1)), axis=0)
    corner = (slice(rows[0], rows[0] + cells.shape[0]), slice(columns[0], columns[0] + cells.shape[1]))
    moments[(0, *corner)] += cells
    moments[(1, *corner)] += cells * fwhm**2
