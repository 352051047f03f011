"""Backgrounds of overlapping frames brought to one level.

Where frames overlap they see the same sky, so what they differ by, cell by cell, is their backgrounds: medians of cells of the common
grid are fitted by one unknown sky for each cell and a constant or a plane for each frame (the difference fit of Montage: Jacob et al.
2010, IJCSE 4, 73, solved at once).  What all frames share cannot be known from differences; it is left as it is on average.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from awe.science.grid import Window
from awe.science.layer import Layer

Floats = NDArray[np.float64]
KINDS = {"constant": 1, "plane": 3}
STRIDE = 3
"""Of each cell every so many pixels along either axis are looked at."""
FILLED = 0.8
"""Part of a cell that has data, from which on it counts: frames that see different parts of a cell see different skies."""


def match_backgrounds(layers: Sequence[Layer], kind: str = "constant", *, cell: int = 96, clip: float = 4.0,
                      turns: int = 4) -> list[tuple[float, float, float]]:
    """Measure what is to be subtracted from frames so that they agree where they overlap.

    Parameters
    ----------
    layers : sequence of Layer
        Whose own backgrounds are subtracted before; they are read once, in bands of cells.
    kind : str
        ``constant`` or ``plane``.
    cell : int
        Side of a cell, pixels.
    clip : float
        Cells that differ by more standard deviations from the fit are left out (moving objects, ghosts, borders).
    turns : int
        How often that is done.

    Returns
    -------
    list of (float, float, float)
        Level at grid pixel (0, 0) and slopes along x and y, a pixel, in the unit of each layer's data, to be added to its background;
        zeros for a frame that overlaps no other.
    """
    values, numbers, places = _cells(layers, cell)
    if not len(values):
        return [(0.0, 0.0, 0.0)] * len(layers)
    unknowns = KINDS[kind]
    middle, extent = places.mean(axis=0), max(float(np.ptp(places, axis=0).max()), 1.0)
    terms = np.column_stack([np.ones(len(places)), (places - middle) / extent])[:, :unknowns]
    keys = np.unique(places, axis=0, return_inverse=True)[1].ravel()
    keep = np.ones(len(values), bool)
    for _ in range(turns):
        found = _solved(values, numbers, keys, terms, keep, len(layers))
        rest = values - np.sum(terms * found[numbers], axis=1)
        left = rest - _means(rest, keys, keep)[keys]
        spread = 1.4826 * float(np.median(np.abs(left[keep])))
        again = np.abs(left) <= clip * max(spread, 1e-12 * (1.0 + float(np.abs(values).max())))
        if np.array_equal(again, keep):
            break
        keep = again
    full = np.zeros((len(layers), 3))
    full[:, :unknowns] = found
    full[:, 1:] /= extent
    full[:, 0] -= full[:, 1:] @ middle
    full /= np.array([layer.flux_scale for layer in layers])[:, None]
    return [(float(level), float(across), float(up)) for level, across, up in full]


def _cells(layers: Sequence[Layer], cell: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return the medians of the cells of all frames, the numbers of the frames, and the middles (x, y) of the cells."""
    values: list[float] = []
    numbers: list[int] = []
    places: list[tuple[float, float]] = []
    for number, layer in enumerate(layers):
        w = layer.window
        for gy in range(w.y0 // cell, (w.y0 + w.ny - 1) // cell + 1):
            band = w.intersection(Window(w.x0, gy * cell, w.nx, cell))
            planes = layer.part(band)
            first_y, first_x = -band.y0 % STRIDE, -band.x0 % STRIDE
            data = np.where(planes.weight > 0, planes.data, np.nan)[first_y::STRIDE, first_x::STRIDE]
            columns = (band.x0 + first_x + STRIDE * np.arange(data.shape[1])) // cell
            for gx in np.unique(columns):
                part = data[:, columns == gx]
                good = part[np.isfinite(part)]
                if len(good) >= FILLED * (cell / STRIDE) ** 2:
                    values.append(float(np.median(good)))
                    numbers.append(number)
                    places.append(((gx + 0.5) * cell, (gy + 0.5) * cell))
    return np.array(values), np.array(numbers, np.int64), np.array(places).reshape(-1, 2)


def _means(values: Floats, keys: NDArray[np.int64], keep: NDArray[np.bool_]) -> Floats:
    """Return the mean of the kept values of each cell; 0 of none."""
    count = np.bincount(keys[keep], minlength=keys.max() + 1)
    return np.asarray(np.bincount(keys[keep], values[keep], minlength=keys.max() + 1) / np.maximum(count, 1))


def _solved(values: Floats, numbers: NDArray[np.int64], keys: NDArray[np.int64], terms: Floats, keep: NDArray[np.bool_],
            count: int) -> Floats:
    """Return the terms of each frame: normal equations with the sky of the cells eliminated, and of all solutions the smallest."""
    unknowns = terms.shape[1]
    each = np.arange(unknowns)
    matrix, right = np.zeros((count, unknowns, count, unknowns)), np.zeros((count, unknowns))
    order = np.flatnonzero(keep)[np.argsort(keys[keep], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if len(group) < 2:
            continue
        who, t, v = numbers[group], terms[group[0]], values[group]
        outer = np.outer(t, t)
        centred = np.eye(len(group)) - 1.0 / len(group)
        matrix[np.ix_(who, each, who, each)] += np.einsum("ij,kl->ikjl", centred, outer)
        right[who] += (v - v.mean())[:, None] * t
    size = count * unknowns
    return np.asarray(np.linalg.lstsq(matrix.reshape(size, size), right.reshape(size), rcond=1e-10)[0].reshape(count, unknowns))
