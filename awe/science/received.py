"""Frames that were calibrated elsewhere, brought to the units and planes of our own reduced frames."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.background import background
from awe.science.mask import NO_WEIGHT, Bit

#: Magnitude (AB) of one unit, of units that are fluxes themselves.
FLUX_UNITS = {"nanomaggy": 22.5, "Jy": 8.9}


@dataclasses.dataclass(frozen=True)
class Received:
    """A frame in electrons, or in its own unit where its gain is not known.

    Attributes
    ----------
    data, variance, weight : (ny, nx) float32
        As of a reduced frame: NaN-free; the variance holds source noise, the weight (its inverse) does not.
    mask : (ny, nx) uint16
        Bits of `awe.science.mask`.
    sky : float
        Median background, in the unit of `data`.
    factor : float
        Electrons per stored unit that was applied; 1 where the gain is not known.
    zero_point : float or None
        Magnitude of one unit of `data` per second.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    weight: NDArray[np.float32]
    mask: NDArray[np.uint16]
    sky: float
    factor: float
    zero_point: float | None


def receive(data: NDArray[Any], exptime: float, *, unit: str = "ADU", soft_bias: float = 0.0, gain: float | None = None,
            saturation: float | None = None, weight: NDArray[Any] | None = None, weight_kind: str = "weight",
            mask: NDArray[Any] | None = None, zero_point: float | None = None, zero_point_per: str = "second") -> Received:
    """Bring a calibrated frame to electrons, with a variance, a weight and a mask.

    Parameters
    ----------
    data : (ny, nx) array
        As stored; NaN and infinite pixels become NO_DATA with the value of the sky.
    exptime : float
        Seconds.
    unit : {"ADU", "electron", "ADU/s", "electron/s", "nanomaggy", "Jy"}
        Of `data`; the last two are taken as they are.
    soft_bias : float
        Subtracted from `data`.
    gain : float, optional
        e-/ADU.
    saturation : float, optional
        In the unit of `data`, before the soft bias is subtracted.
    weight : (ny, nx) array, optional
        Of the given kind, in the unit of `data`: ``weight`` (inverse variance), ``variance``, ``rms``, or ``confidence``
        (a relative weight, scaled to the measured scatter of the sky).  Without it the scatter of the sky is used.
    mask : (ny, nx) array, optional
        Bits of `awe.science.mask`.
    zero_point : float, optional
        Of one unit of `data` per second, or of the exposure, as `zero_point_per` says.  A nanomaggy or a jansky is a
        flux whatever the exposure time, with a zero point by definition where none is given.

    Raises
    ------
    PermanentError
        An exposure time that is not above 0 where a rate has to be converted.
    """
    if unit.endswith("/s") and not exptime > 0:
        raise PermanentError(f"exposure time {exptime} s cannot turn a rate ({unit}) into counts: correct the header")
    per_adu = gain if gain and unit.startswith("ADU") else 1.0
    factor = per_adu * (exptime if unit.endswith("/s") else 1.0)
    bits = np.zeros(data.shape, np.uint16) if mask is None else mask.astype(np.uint16)
    finite = np.isfinite(data)
    bits[~finite] |= np.uint16(Bit.NO_DATA)
    if saturation is not None:
        bits[finite & (data >= saturation)] |= np.uint16(Bit.SATURATED)
    found = background(np.where(finite, data, np.nan), bits & np.uint16(NO_WEIGHT))
    sky = found.globallevel if math.isfinite(found.globallevel) else 0.0
    values = (np.where(finite, data, sky) - soft_bias) * factor
    flat = variance_of(weight, weight_kind, found.rms) * factor**2
    bad = ~(flat > 0) | ~np.isfinite(flat)
    bits[bad & (bits == 0)] |= np.uint16(Bit.BAD)
    none = (bits & np.uint16(NO_WEIGHT)) != 0
    flat = np.where(bad, float(np.median(flat[~bad])) if (~bad).any() else 1.0, flat)
    level = (sky - soft_bias) * factor
    counted = gain is not None or unit.startswith("electron")
    variance = flat + (np.maximum(values - level, 0) if counted else 0.0)
    return Received(values.astype(np.float32), variance.astype(np.float32), np.where(none, 0, 1 / flat).astype(np.float32), bits,
                    float(level), float(factor), converted(zero_point, zero_point_per, unit, per_adu, exptime))


def variance_of(weight: NDArray[Any] | None, kind: str, rms: NDArray[np.float32]) -> NDArray[np.float64]:
    """Variance of each pixel, in the square of the stored unit; 0 where a weight says there is none."""
    scatter = np.asarray(rms, np.float64) ** 2
    if weight is None:
        return scatter
    plane = np.asarray(weight, np.float64)
    positive = plane > 0
    if kind == "variance":
        return np.where(positive, plane, 0.0)
    if kind == "rms":
        return np.where(positive, plane**2, 0.0)
    inverse = np.divide(1.0, plane, out=np.zeros_like(plane), where=positive)
    if kind == "weight" or not positive.any():
        return inverse
    return inverse * float(np.median(scatter[positive]) * np.median(plane[positive]))


def converted(zero_point: float | None, per: str, unit: str, per_adu: float, exptime: float) -> float | None:
    """The zero point of one unit of the converted frame per second."""
    if unit in FLUX_UNITS:
        zero_point, per = FLUX_UNITS[unit] if zero_point is None else zero_point, "exposure"
    if zero_point is None:
        return None
    found = zero_point + 2.5 * math.log10(per_adu)
    if per == "exposure" and not unit.endswith("/s") and exptime > 0:
        found -= 2.5 * math.log10(exptime)
    return found


def mask_bits(stored: NDArray[Any], meaning: Mapping[int, str], by: str) -> NDArray[np.uint16]:
    """Translate a mask of another pipeline: by pixel ``values`` or by ``bits``; without a meaning any value but 0 is BAD."""
    bits = np.zeros(stored.shape, np.uint16)
    if not meaning:
        bits[stored != 0] = np.uint16(Bit.BAD)
        return bits
    for number, name in meaning.items():
        where = (stored.astype(np.int64) >> number & 1) != 0 if by == "bits" else stored == number
        bits[where] |= np.uint16(Bit[name])
    return bits
