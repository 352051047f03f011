"""The low spatial frequencies of an image: a Gaussian filter that copes with bad pixels and edges.

The image is first reduced to medians of small blocks, which removes hot, cold and cosmic-ray pixels that no
mask knows of, then filtered, then interpolated back: a hundredth of the cost of the direct filter. The filter
is a Gaussian-weighted fit of a plane around each block. Where all around is good that is the Gaussian filter
itself; at edges and beside gaps it keeps the gradient, which mirrored edges would flatten by several times
1e-3 in a flat field.
"""
from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.science.bands import run
from awe.science.kernel import njit


def lowpass(data: NDArray[Any], scale: float, mask: NDArray[Any] | None = None) -> NDArray[np.float32]:
    """Return `data` smoothed by a Gaussian of sigma `scale` pixels.

    Parameters
    ----------
    data : (ny, nx) array
        NaN and infinite pixels take no part.
    scale : float
        Sigma of the Gaussian in pixels, at least 1.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part.

    Returns
    -------
    (ny, nx) float32
        Finite everywhere; beyond the reach of any good pixel the median of all; all 0 without a good pixel.
    """
    if data.ndim != 2 or not scale >= 1:
        raise FitsError(f"cannot smooth {data.ndim} axes by {scale} pixels: give an image and a scale of at least 1")
    size = max(1, int(scale / 4.0))
    medians, share = block_medians(data, mask, size)
    present = share > 0
    if not present.any():
        return np.zeros(data.shape, np.float32)
    grid = _local_lines(medians, share, scale / size, [_centres(length, size) for length in data.shape])
    return _expand(grid, data.shape, size)


def block_medians(data: NDArray[Any], mask: NDArray[Any] | None, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return medians and good fractions of size x size blocks; the last row and column of blocks may be smaller.

    Parameters
    ----------
    data : (ny, nx) array
    mask : (ny, nx) array or None
        Pixels where it is not 0 take no part.
    size : int
        Pixels along a side.

    Returns
    -------
    medians, share : float64 arrays, (ceil(ny / size), ceil(nx / size))
        NaN and 0 where a block has no good pixel.
    """
    ny, nx = data.shape
    medians = np.empty((-(-ny // size), -(-nx // size)))
    share = np.empty_like(medians)

    def band(b0: int, b1: int) -> None:
        rows = slice(b0 * size, min(b1 * size, ny))
        values = np.array(data[rows], np.float32, order="C")
        if mask is not None:
            values[mask[rows] != 0] = np.nan
        _block_medians(values, size, medians[b0:b1], share[b0:b1])

    run(band, len(medians), max(1, 128 // size))
    return medians, share


def local_medians(data: NDArray[Any], places: NDArray[np.bool_], skip: NDArray[np.bool_],
                  reach: int = 5) -> NDArray[np.float32]:
    """Return the median of the good pixels around each of some pixels.

    Near an edge the window shrinks so that it stays centred, which keeps a gradient out of the median.

    Parameters
    ----------
    data : (ny, nx) array
    places : (ny, nx) bool
        Where it is wanted.
    skip : (ny, nx) bool
        Pixels that take no part; nor does the pixel itself.
    reach : int
        Half width: 5 looks at 11 x 11 pixels.

    Returns
    -------
    float32 array
        One value per true pixel of `places`, in the order of ``data[places]``; NaN without a good pixel.
    """
    at = np.argwhere(places)
    result = np.empty(len(at), np.float32)
    values = np.array(data, np.float32, order="C")
    values[skip] = np.nan
    run(lambda n0, n1: _local_medians(values, at[n0:n1], reach, result[n0:n1]), len(at), 4096)
    return result


def _centres(length: int, size: int) -> NDArray[np.float64]:
    """Centres of the blocks along one axis, in blocks, 0 the centre of the first whole one."""
    starts = np.arange(0, length, size)
    return (starts + np.minimum(starts + size, length) - size) / (2.0 * size)


def _local_lines(medians: NDArray[np.float64], share: NDArray[np.float64], sigma: float,
                 centres: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Value at each block of the straight plane that fits the blocks around it best, weighted by a Gaussian.

    All moments are Gaussian filters of products of weight, coordinates (in sigma) and values. A ridge of 1e-3
    keeps the slope finite where all blocks lie on one side. `centres` are those of the pixels of each row and
    column of blocks, in blocks: the last ones may be smaller.
    """
    level = float(np.median(medians[share > 0]))
    y0, x0 = (axis / sigma for axis in np.indices(medians.shape))
    y, x = (axis / sigma for axis in np.meshgrid(*centres, indexing="ij"))
    value = np.where(share > 0, medians - level, 0.0)

    def moment(term: Any) -> NDArray[np.float64]:
        return np.asarray(scipy.ndimage.gaussian_filter(share * term, sigma, mode="constant"), np.float64)

    w, wx, wy, wv = moment(np.ones_like(value)), moment(x), moment(y), moment(value)
    near = w > 1e-6
    norm = np.where(near, w, 1.0)
    mx, my, mv = wx / norm, wy / norm, wv / norm
    ridge = 1e-3
    xx, yy = moment(x * x) / norm - mx * mx + ridge, moment(y * y) / norm - my * my + ridge
    xy = moment(x * y) / norm - mx * my
    xv, yv = moment(x * value) / norm - mx * mv, moment(y * value) / norm - my * mv
    determinant = np.maximum(xx * yy - xy * xy, ridge * ridge)
    slope_x, slope_y = (xv * yy - yv * xy) / determinant, (yv * xx - xv * xy) / determinant
    return level + np.where(near, mv + slope_x * (x0 - mx) + slope_y * (y0 - my), 0.0)


def _expand(grid: NDArray[np.float64], shape: tuple[int, ...], size: int) -> NDArray[np.float32]:
    """Cubic interpolation of a grid of block values at the pixels of an image of `shape`."""
    if size == 1:
        return grid.astype(np.float32)
    nodes_y, weights_y = _cubic(shape[0], size, grid.shape[0])
    nodes_x, weights_x = _cubic(shape[1], size, grid.shape[1])
    result = np.empty(shape, np.float32)
    rows = np.ascontiguousarray((grid[:, nodes_x] * weights_x).sum(axis=2))

    def band(y0: int, y1: int) -> None:
        _interpolate(rows, nodes_y[y0:y1], weights_y[y0:y1], result[y0:y1])

    run(band, shape[0])
    return result


def _cubic(length: int, size: int, blocks: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nodes and weights (length, 4) of Catmull-Rom interpolation between block centres, mirrored at the edges."""
    at = (np.arange(length) + 0.5) / size - 0.5
    first = np.floor(at).astype(np.int64)
    t = at - first
    weights = 0.5 * np.stack([((2 - t) * t - 1) * t, (3 * t - 5) * t * t + 2, ((4 - 3 * t) * t + 1) * t,
                              (t - 1) * t * t], axis=1)
    nodes = first[:, None] + np.arange(-1, 3)
    nodes = np.where(nodes < 0, -1 - nodes, nodes)
    nodes = np.where(nodes >= blocks, 2 * blocks - 1 - nodes, nodes)
    return np.clip(nodes, 0, blocks - 1), weights


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolate(rows, nodes, weights, result):  # type: ignore[no-untyped-def]
    for y in range(result.shape[0]):
        a, b, c, d = rows[nodes[y, 0]], rows[nodes[y, 1]], rows[nodes[y, 2]], rows[nodes[y, 3]]
        p, q, r, s = weights[y, 0], weights[y, 1], weights[y, 2], weights[y, 3]
        for x in range(result.shape[1]):
            result[y, x] = p * a[x] + q * b[x] + r * c[x] + s * d[x]


@njit(cache=True, nogil=True, error_model="numpy")
def _local_medians(values, at, reach, result):  # type: ignore[no-untyped-def]
    kept = np.empty((2 * reach + 1) ** 2, np.float32)
    for n in range(at.shape[0]):
        y, x = at[n, 0], at[n, 1]
        m = 0
        up = min(reach, y, values.shape[0] - 1 - y)
        along = min(reach, x, values.shape[1] - 1 - x)
        if up == 0 and along == 0:
            up = along = 1
        for j in range(max(0, y - up), min(values.shape[0], y + up + 1)):
            for i in range(max(0, x - along), min(values.shape[1], x + along + 1)):
                if np.isfinite(values[j, i]) and (j != y or i != x):
                    kept[m] = values[j, i]
                    m += 1
        result[n] = np.median(kept[:m]) if m > 0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _block_medians(values, size, medians, share):  # type: ignore[no-untyped-def]
    ny, nx = values.shape
    kept = np.empty(size * size, np.float32)
    for j in range(medians.shape[0]):
        y0, y1 = j * size, min((j + 1) * size, ny)
        for i in range(medians.shape[1]):
            x0, x1 = i * size, min((i + 1) * size, nx)
            n = 0
            for y in range(y0, y1):
                for x in range(x0, x1):
                    if np.isfinite(values[y, x]):
                        kept[n] = values[y, x]
                        n += 1
            share[j, i] = n / ((y1 - y0) * (x1 - x0))
            medians[j, i] = np.median(kept[:n]) if n > 0 else np.nan
