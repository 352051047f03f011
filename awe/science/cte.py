"""Charge-transfer efficiency, by the charge that flats leave behind in the overscan (extended pixel edge response).

Charge that is lost in a transfer follows in the next pixels.  Behind the last lit pixel, which n transfers have moved, the overscan
shows what they deferred; with signal S in that pixel and D in all pixels behind it the inefficiency is ``D / (n S)``.
J. R. Janesick, 2001, "Scientific Charge-Coupled Devices", 5.2.3.2; OmegaCAM calibration plan, 534.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.science.amplifier import Amplifier
from awe.science.imstat import clipped
from awe.science.readout import trailing_columns, trailing_rows

NAN = float("nan")


@dataclasses.dataclass(frozen=True, slots=True)
class Deferred:
    """Inefficiency of one direction of one amplifier.

    Attributes
    ----------
    inefficiency, error : float
        Part of the charge that one transfer leaves behind; NaN where there is no overscan to see it in.
    signal : float
        Mean level of the last lit pixels, ADU.
    tail : tuple of float
        Mean level of the overscan pixels behind them above that far from them, ADU.
    """

    inefficiency: float
    error: float
    signal: float
    tail: tuple[float, ...]


NOTHING = Deferred(NAN, NAN, NAN, ())


def serial_inefficiency(raws: Sequence[NDArray[Any]], amplifier: Amplifier, tail: int = 4) -> Deferred:
    """Measure what transfers along rows leave behind, by the overscan columns.

    Parameters
    ----------
    raws : sequence of (ny, nx) arrays
        The HDU of the amplifier in flats, ADU as read; saturated ones should be left out.
    amplifier : Amplifier
    tail : int
        Overscan pixels next to the data that deferred charge is looked for in; the others give the level without light.
    """
    return _joined([_edge(trailing_columns(raw, amplifier), tail) for raw in raws])


def parallel_inefficiency(raws: Sequence[NDArray[Any]], amplifier: Amplifier, tail: int = 4) -> Deferred:
    """Measure what transfers along columns leave behind, by the overscan rows; see `serial_inefficiency`."""
    return _joined([_edge(trailing_rows(raw, amplifier), tail) for raw in raws])


def _edge(found: tuple[NDArray[np.float64], NDArray[np.float64]] | None, tail: int) -> Deferred:
    """The inefficiency in one flat."""
    if found is None or found[1].shape[1] < tail + 3:
        return NOTHING
    light, behind = found
    dark, noise, number = clipped(behind[:, tail:])
    signal, _, _ = clipped(light[:, -1] - dark)
    if not signal > 5.0 * max(noise, 1e-12):
        return NOTHING
    means = [clipped(behind[:, k] - dark)[0] for k in range(tail)]
    error = noise * (tail / len(behind) + tail**2 / max(number, 1)) ** 0.5
    scale = light.shape[1] * signal
    return Deferred(sum(means) / scale, error / scale, signal, tuple(means))


def _joined(measured: Sequence[Deferred]) -> Deferred:
    """The mean of several flats, weighted by their errors."""
    good = [one for one in measured if one.error > 0]
    if not good:
        return NOTHING
    weights = np.array([one.error**-2.0 for one in good])
    value = float(np.average([one.inefficiency for one in good], weights=weights))
    tails = np.average([one.tail for one in good], axis=0, weights=weights)
    return Deferred(value, float(weights.sum() ** -0.5), float(np.mean([one.signal for one in good])), tuple(tails.tolist()))
