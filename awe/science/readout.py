"""The order in which amplifiers read their pixels, as far as the sections of a raw file tell."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science.amplifier import Amplifier


def reads_backwards(amplifier: Amplifier) -> tuple[bool, bool]:
    """Whether rows (y) and columns (x) of its raw section are read from high to low pixel numbers.

    Overscan is read after the pixels, prescan before them, so they tell the direction: an overscan at lower columns than the data
    means that the data are read from high to low.  Without either, the file is taken to be in the order of reading.

    Returns
    -------
    (bool, bool)
        For y, by ``overscan_y``; for x, by ``overscan``, else ``prescan``.
    """
    y0, _, x0, _ = amplifier.data
    backwards_y = amplifier.overscan_y is not None and amplifier.overscan_y[0] < y0
    if amplifier.overscan is not None:
        return backwards_y, amplifier.overscan[2] < x0
    return backwards_y, amplifier.prescan is not None and amplifier.prescan[2] > x0


def in_read_order(image: NDArray[Any], amplifier: Amplifier) -> NDArray[Any]:
    """Return the pixels of one amplifier as they came out of it: element (0, 0) was read first.

    Parameters
    ----------
    image : (ny, nx) array
        An assembled chip.
    amplifier : Amplifier

    Returns
    -------
    (rows, columns) array
        A view into `image`: what is written to it lands in the image.
    """
    y0, y1, x0, x1 = amplifier.position
    backwards_y, backwards_x = reads_backwards(amplifier)
    place = image[y0:y1, x0:x1][::-1 if amplifier.flip_y else 1, ::-1 if amplifier.flip_x else 1]
    raw = place.T if amplifier.transpose else place
    return raw[::-1 if backwards_y else 1, ::-1 if backwards_x else 1]


def trailing_columns(raw: NDArray[Any], amplifier: Amplifier) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the last light-sensitive columns and the overscan behind them, both in the order of reading.

    Parameters
    ----------
    raw : (ny, nx) array
        The HDU of the amplifier.
    amplifier : Amplifier

    Returns
    -------
    (rows, columns), (rows, n) float64 arrays, or None
        None where there is no overscan in x of the same rows as the data, or where it is not next to them.
    """
    if amplifier.overscan is None:
        return None
    return _trailing(raw, amplifier.data, amplifier.overscan)


def trailing_rows(raw: NDArray[Any], amplifier: Amplifier) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the same for rows, transposed: what the parallel clocks leave behind, by the overscan in y."""
    if amplifier.overscan_y is None:
        return None
    turned = [(section[2], section[3], section[0], section[1]) for section in (amplifier.data, amplifier.overscan_y)]
    return _trailing(raw.T, turned[0], turned[1])


def _trailing(raw: NDArray[Any], data: tuple[int, int, int, int],
              over: tuple[int, int, int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    y0, y1 = max(data[0], over[0]), min(data[1], over[1])
    follows, precedes = over[2] == data[3], over[3] == data[2]
    if y1 <= y0 or not (follows or precedes):
        return None
    step = 1 if follows else -1
    light = raw[y0:y1, data[2]:data[3]][:, ::step]
    behind = raw[y0:y1, over[2]:over[3]][:, ::step]
    return light.astype(np.float64), behind.astype(np.float64)
