"""Photometry by fitting a point spread function: positions and fluxes, or fluxes at given positions; blends simultaneously.

Every group of stars that overlap is one weighted least-squares problem, solved by Gauss-Newton steps. The weights are those of the
background and of the light of the model, not of the data: weights from the data would make faint fluxes too small. Groups of more than
`LARGEST` stars are fitted in parts, the rest subtracted, in some sweeps. All is done twice, at last with the light of other groups'
stars subtracted, too. Groups are fitted by threads, each by one, so that the bits do
not depend on the number of threads.
"""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science import bands
from awe.science.kernel import njit
from awe.science.psfmodel import PsfModel

Floats = NDArray[np.float64]
Plane = NDArray[np.float32]

LARGEST, SWEEPS, STEPS = 10, 4, 12
"""Stars fitted simultaneously at most; sweeps over the parts of larger groups; Gauss-Newton steps of each fit at most."""
FEW_PIXELS, MOVED, NEIGHBOURS, FAINT = 1, 2, 4, 8
"""Bits of the flags: less than two thirds of the PSF's weight on good pixels; the position was given up; fitted with others; the
position was held, as the star is too faint for one."""
LEAST_SNR = 3.0
"""Below this signal-to-noise ratio positions are not freed."""


class PsfPhotometry(NamedTuple):
    """What was fitted, float64 arrays (n,) but for the flags.

    `x`, `y`: 0-based centres; `flux`, `error`; `varx`, `vary`: variances of the centres, 0 where held; `chi2`: per degree of freedom;
    `spread`, `spread_error`: by what part the image of the source is wider than the PSF, 0 for a star; `flags`: bits of this module.
    Where a source has no good pixel all are NaN.
    """

    x: Floats
    y: Floats
    flux: Floats
    error: Floats
    varx: Floats
    vary: Floats
    chi2: Floats
    spread: Floats
    spread_error: Floats
    flags: NDArray[np.int16]


@njit(cache=True, nogil=True, error_model="numpy")
def sample(grid: Any, middle: int, oversampling: int, dx: float, dy: float, out: Any) -> None:
    """Fill value and derivatives along x and y of an oversampled image at an offset from its centre, by cubic convolution; 0 outside."""
    u, v = middle + dx * oversampling, middle + dy * oversampling
    i, j = int(math.floor(u)), int(math.floor(v))
    out[0] = out[1] = out[2] = 0.0
    if i < 1 or j < 1 or i > grid.shape[1] - 3 or j > grid.shape[0] - 3:
        return
    s, t = u - i, v - j
    wx = (0.5 * s * (-1.0 + s * (2.0 - s)), 1.0 + s * s * (1.5 * s - 2.5), 0.5 * s * (1.0 + s * (4.0 - 3.0 * s)), 0.5 * s * s * (s - 1.0))
    wy = (0.5 * t * (-1.0 + t * (2.0 - t)), 1.0 + t * t * (1.5 * t - 2.5), 0.5 * t * (1.0 + t * (4.0 - 3.0 * t)), 0.5 * t * t * (t - 1.0))
    gx = (-0.5 + s * (2.0 - 1.5 * s), s * (4.5 * s - 5.0), 0.5 + s * (4.0 - 4.5 * s), s * (1.5 * s - 1.0))
    gy = (-0.5 + t * (2.0 - 1.5 * t), t * (4.5 * t - 5.0), 0.5 + t * (4.0 - 4.5 * t), t * (1.5 * t - 1.0))
    height = along_x = along_y = 0.0
    row, column = np.uint64(j - 1), np.uint64(i - 1)  # unsigned: never counted from the end
    for m in range(4):
        at = row + np.uint64(m)
        p0, p1 = float(grid[at, column]), float(grid[at, column + np.uint64(1)])
        p2, p3 = float(grid[at, column + np.uint64(2)]), float(grid[at, column + np.uint64(3)])
        line = wx[0] * p0 + wx[1] * p1 + wx[2] * p2 + wx[3] * p3
        height += wy[m] * line
        along_x += wy[m] * (gx[0] * p0 + gx[1] * p1 + gx[2] * p2 + gx[3] * p3)
        along_y += gy[m] * line
    out[0], out[1], out[2] = height, along_x * oversampling, along_y * oversampling


@njit(cache=True, nogil=True, error_model="numpy")
def local_psf(terms: Any, norms: Any, u: float, v: float, powers: Any, out: Any) -> None:
    """Fill the PSF at a place of the field, u and v from -1 to 1, normalised."""
    out[:, :] = 0.0
    norm = 0.0
    for k in range(terms.shape[0]):
        weight = u ** powers[k, 0] * v ** powers[k, 1]
        norm += weight * norms[k]
        factor = np.float32(weight)
        for j in range(out.shape[0]):
            for i in range(out.shape[1]):
                out[j, i] += factor * terms[k, j, i]
    scale = np.float32(1.0 / norm)
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[j, i] *= scale


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(normal: Any, right: Any, n: int) -> bool:
    """Solve a symmetric positive system in place by Cholesky's method, and invert its matrix; False where it is singular."""
    for j in range(n):
        for k in range(j):
            normal[j, j] -= normal[j, k] * normal[j, k]
        if not normal[j, j] > 1e-30:
            return False
        normal[j, j] = math.sqrt(normal[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                normal[i, j] -= normal[i, k] * normal[j, k]
            normal[i, j] /= normal[j, j]
    for j in range(n):
        normal[j, j] = 1.0 / normal[j, j]
        for i in range(j + 1, n):
            total = 0.0
            for k in range(j, i):
                total -= normal[i, k] * normal[k, j]
            normal[i, j] = total / normal[i, i]
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, n):
                total += normal[k, i] * normal[k, j]
            normal[i, j] = total
    for i in range(n):
        for j in range(i):
            normal[j, i] = normal[i, j]
    answer = np.zeros(n)
    for i in range(n):
        for k in range(n):
            answer[i] += normal[i, k] * right[k]
    right[:n] = answer
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _add_light(behind: Any, left: int, low: int, psf: Any, middle: int, oversampling: int, x: float, y: float, flux: float,
               one: Any) -> None:
    """Add a star to a box of pixels."""
    reach = (middle - 2) / oversampling
    for j in range(max(0, int(y - reach) - low), min(behind.shape[0], int(y + reach) + 2 - low)):
        for i in range(max(0, int(x - reach) - left), min(behind.shape[1], int(x + reach) + 2 - left)):
            sample(psf, middle, oversampling, left + i - x, low + j - y, one)
            behind[j, i] += flux * one[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _fit(image: Any, noise: Any, gain: float, members: Any, others: Any, far: Any, before: Any, psfs: Any, middle: int, oversampling: int,
         radius: float, x: Any, y: Any, flux: Any, free: Any, result: Any) -> None:
    """Fit the stars `members`, those of `others` subtracted as they are, those of `far` as they were `before` (rows x, y, flux).

    x, y, flux and rows of `result` are updated.
    """
    n = members.shape[0]
    ny, nx = image.shape
    left, right = int(math.floor(x[members].min() - radius)), int(math.ceil(x[members].max() + radius))
    low, top = int(math.floor(y[members].min() - radius)), int(math.ceil(y[members].max() + radius))
    left, right, low, top = max(left, 0), min(right, nx - 1), max(low, 0), min(top, ny - 1)
    normal, rhs, row, one = np.empty((3 * n, 3 * n)), np.empty(3 * n), np.empty(3 * n), np.empty(3)
    start_x, start_y = x[members].copy(), y[members].copy()
    behind = np.zeros((max(top - low + 1, 0), max(right - left + 1, 0)))
    for s in others:
        _add_light(behind, left, low, psfs[s], middle, oversampling, x[s], y[s], flux[s], one)
    for s in far:
        _add_light(behind, left, low, psfs[s], middle, oversampling, before[0, s], before[1, s], before[2, s], one)
    for _ in range(STEPS):
        normal[:, :] = 0.0
        rhs[:] = 0.0
        for py in range(low, top + 1):
            for px in range(left, right + 1):
                if not noise[py, px] > 0.0:
                    continue
                near, model, back = False, 0.0, behind[py - low, px - left]
                for s in members:
                    near = near or (px - x[s]) ** 2 + (py - y[s]) ** 2 <= radius * radius
                if not near:
                    continue
                for a in range(n):
                    s = members[a]
                    dx, dy = px - x[s], py - y[s]
                    row[3 * a + 1] = row[3 * a + 2] = 0.0
                    sample(psfs[s], middle, oversampling, dx, dy, one)
                    row[3 * a] = one[0]
                    if free[s]:
                        row[3 * a + 1], row[3 * a + 2] = -flux[s] * one[1], -flux[s] * one[2]
                    model += flux[s] * one[0]
                weight = 1.0 / (noise[py, px] + max(model + back, 0.0) / gain)
                residual = image[py, px] - model - back
                for a in range(3 * n):
                    if row[a] != 0.0:
                        rhs[a] += weight * row[a] * residual
                        for b in range(a + 1):
                            normal[a, b] += weight * row[a] * row[b]
        for a in range(3 * n):
            if normal[a, a] == 0.0:
                normal[a, a] = 1.0
                rhs[a] = 0.0
        if not _solve(normal, rhs, 3 * n):
            break
        largest = 0.0
        for a in range(n):
            s = members[a]
            flux[s] += rhs[3 * a]
            largest = max(largest, abs(rhs[3 * a]) / math.sqrt(normal[3 * a, 3 * a]))
            if free[s]:
                step_x, step_y = min(max(rhs[3 * a + 1], -0.5), 0.5), min(max(rhs[3 * a + 2], -0.5), 0.5)
                x[s], y[s] = x[s] + step_x, y[s] + step_y
                largest = max(largest, 20.0 * abs(step_x), 20.0 * abs(step_y))
                away = math.hypot(x[s] - start_x[a], y[s] - start_y[a])
                if away > max(1.0, 0.3 * radius) or flux[s] < LEAST_SNR * math.sqrt(normal[3 * a, 3 * a]):
                    x[s], y[s], free[s] = start_x[a], start_y[a], False
                    result[s, 8] += MOVED if away > max(1.0, 0.3 * radius) else FAINT
                    largest = 1.0
        if largest < 0.01:
            break
    for a in range(n):
        s = members[a]
        result[s, 0] = math.sqrt(normal[3 * a, 3 * a])
        result[s, 1] = normal[3 * a + 1, 3 * a + 1] if free[s] else 0.0
        result[s, 2] = normal[3 * a + 2, 3 * a + 2] if free[s] else 0.0
        _judge(image, noise, gain, s, members, behind, left, low, psfs, middle, oversampling, radius, x, y, flux, result, one)


@njit(cache=True, nogil=True, error_model="numpy")
def _judge(image: Any, noise: Any, gain: float, s: int, members: Any, behind: Any, left: int, low: int, psfs: Any, middle: int,
           oversampling: int, radius: float, x: Any, y: Any, flux: Any, result: Any, one: Any) -> None:
    """Fill chi square, spread, its error and the part of the PSF's weight that is on good pixels."""
    chi = count = seen = whole = 0.0
    gg = gp = pp = gd = pd = 0.0
    for py in range(int(math.floor(y[s] - radius)), int(math.ceil(y[s] + radius)) + 1):
        for px in range(int(math.floor(x[s] - radius)), int(math.ceil(x[s] + radius)) + 1):
            dx, dy = px - x[s], py - y[s]
            if dx * dx + dy * dy > radius * radius:
                continue
            sample(psfs[s], middle, oversampling, dx, dy, one)
            value, wider = one[0], -(2.0 * one[0] + dx * one[1] + dy * one[2])
            whole += value * value
            inside = left <= px < left + behind.shape[1] and low <= py < low + behind.shape[0]
            if not inside or not noise[py, px] > 0.0:
                continue
            seen += value * value
            model = behind[py - low, px - left]
            for other in members:
                sample(psfs[other], middle, oversampling, px - x[other], py - y[other], one)
                model += flux[other] * one[0]
            weight = 1.0 / (noise[py, px] + max(model, 0.0) / gain)
            residual = image[py, px] - model
            chi += weight * residual * residual
            count += 1.0
            gg += weight * wider * wider
            gp += weight * wider * value
            pp += weight * value * value
            gd += weight * wider * residual
            pd += weight * value * residual
    result[s, 3] = chi / max(count - 3.0, 1.0)
    det = gg * pp - gp * gp
    result[s, 4] = result[s, 5] = math.nan
    if det > 0.0 and flux[s] > 0.0:
        result[s, 4] = (gd * pp - pd * gp) / det / flux[s]
        result[s, 5] = math.sqrt(pp / det) / flux[s]
    result[s, 6], result[s, 7] = count, seen / whole if whole > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _fit_groups(image: Any, noise: Any, gain: float, order: Any, starts: Any, far: Any, far_starts: Any, before: Any, first: int, last: int,
                psfs: Any, middle: int, oversampling: int, radius: float, x: Any, y: Any, flux: Any, free: Any, result: Any) -> None:
    """Fit the groups [first, last): stars order[starts[g]:starts[g + 1]], with far[far_starts[g]:far_starts[g + 1]] around them."""
    for g in range(first, last):
        stars, around = order[starts[g]:starts[g + 1]], far[far_starts[g]:far_starts[g + 1]]
        parts = (stars.shape[0] + LARGEST - 1) // LARGEST
        for _ in range(SWEEPS if parts > 1 else 1):
            for part in range(parts):
                begin, end = part * LARGEST, min((part + 1) * LARGEST, stars.shape[0])
                others = np.concatenate((stars[:begin], stars[end:]))
                _fit(image, noise, gain, stars[begin:end], others, around, before, psfs, middle, oversampling, radius, x, y, flux, free,
                     result)


@njit(cache=True, nogil=True, error_model="numpy")
def _psfs(terms: Any, norms: Any, powers: Any, u: Any, v: Any, first: int, last: int, out: Any) -> None:
    """Fill the PSFs at some places."""
    for s in range(first, last):
        local_psf(terms, norms, u[s], v[s], powers, out[s])


def groups(x: Floats, y: Floats, reach: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return stars ordered by groups of friends of friends within `reach` pixels, and where each group starts (and the last ends)."""
    n = len(x)
    pairs = scipy.spatial.cKDTree(np.column_stack([x, y])).query_pairs(reach, output_type="ndarray")
    graph = scipy.sparse.coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    order = np.lexsort((y, label))
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    return order.astype(np.intp), np.append(starts, n).astype(np.intp)


def strangers(x: Floats, y: Floats, order: NDArray[np.intp], starts: NDArray[np.intp],
              reach: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return, group after group, the stars of other groups within `reach` of a member, and where each group's start (and the last end)."""
    group = np.empty(len(x), np.intp)
    group[order] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    pairs = scipy.spatial.cKDTree(np.column_stack([x, y])).query_pairs(reach, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[group[both[:, 0]] != group[both[:, 1]]]
    known = np.unique(np.column_stack([group[both[:, 0]], both[:, 1]]), axis=0)
    return known[:, 1].astype(np.intp), np.searchsorted(known[:, 0], np.arange(len(starts))).astype(np.intp)


def psf_photometry(image: Plane, noise: Plane, x: Floats, y: Floats, model: PsfModel, *, gain: float = math.inf,
                   radius: float | None = None, flux: Floats | None = None, forced: bool = False) -> PsfPhotometry:
    """Fit the PSF to sources.

    Parameters
    ----------
    image : float32 array (ny, nx)
        Background-subtracted, finite where `noise` is above 0.
    noise : float32 array (ny, nx)
        Variance of each pixel without the light of sources; 0 or NaN where the pixel is bad.
    x, y : float64 arrays (n,)
        0-based centres to start from; those that are not finite give NaN.
    model : PsfModel
        Of this image.
    gain : float
        Electrons per unit of the image; infinite where light brings no noise of its own.
    radius : float, optional
        Of the pixels fitted about each source; 1.5 FWHM of the model.
    flux : float64 array (n,), optional
        To start from.
    forced : bool
        Keep the positions and fit fluxes alone, which are then unbiased for what is not there, too.

    Returns
    -------
    PsfPhotometry
    """
    n = len(x)
    reach = min(radius or 1.5 * model.fwhm, model.half - 1.0)
    ny, nx = image.shape
    there = np.isfinite(x) & np.isfinite(y) & (x > -reach) & (y > -reach) & (x < nx - 1 + reach) & (y < ny - 1 + reach)
    index = np.flatnonzero(there)
    px, py = np.array(x[index], np.float64), np.array(y[index], np.float64)
    light = np.zeros(len(index)) if flux is None else np.nan_to_num(np.array(flux[index], np.float64))
    free = np.full(len(index), not forced)
    result = np.zeros((len(index), 9))
    if len(index):
        order, starts = groups(px, py, 1.6 * reach)
        psfs = np.empty((len(index), *model.terms.shape[1:]), np.float32)
        u, v = model.scaled(px, py)
        bands.run(lambda a, b: _psfs(model.terms, model.norms, model.powers, u, v, a, b, psfs), len(index), 64)

        around, around_starts = strangers(px, py, order, starts, reach + model.half)
        nobody = np.zeros(len(starts), np.intp)
        for far, far_starts in ((around[:0], nobody), (around, around_starts)):
            before = np.stack([px, py, light])
            fitted = (image, noise, gain, order, starts, far, far_starts, before)

            def work(first: int, last: int, fitted: tuple[Any, ...] = fitted) -> None:
                _fit_groups(*fitted, first, last, psfs, model.middle, model.oversampling, reach, px, py, light, free, result)

            bands.run(work, len(starts) - 1, 16)
        sizes = np.repeat(np.diff(starts), np.diff(starts))
        result[order, 8] += np.where(sizes > 1, NEIGHBOURS, 0)
    return _gathered(n, index, px, py, light, result)


def _gathered(n: int, index: NDArray[np.intp], x: Floats, y: Floats, flux: Floats, result: Floats) -> PsfPhotometry:
    """Return results in the order of the sources; NaN where there was no good pixel."""
    out = np.full((9, n), np.nan)
    flags = np.zeros(n, np.int16)
    seen = result[:, 6] > 0
    at = index[seen]
    for row, values in enumerate((x, y, flux, result[:, 0], result[:, 1], result[:, 2], result[:, 3], result[:, 4], result[:, 5])):
        out[row, at] = values[seen]
    flags[index] = result[:, 8].astype(np.int16)
    flags[index] |= np.where(result[:, 7] < 2 / 3, FEW_PIXELS, 0).astype(np.int16)
    return PsfPhotometry(out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7], out[8], flags)


def upper_limit(flux: Floats, error: Floats, sigma: float = 5.0) -> Floats:
    """Return the flux that a source stays below: `sigma` errors above its flux, or above 0 where that is negative; NaN where none is."""
    return np.asarray(np.where(np.isfinite(flux), np.maximum(flux, 0.0), np.nan) + sigma * error, np.float64)
