"""From an assembled raw chip to a reduced frame in electrons, with variance, weight and mask.

Order of steps: saturation mask, overscan, linearity (these three in `awe.science.amplifier`), bias, dark, gain,
flat. One pass over the pixels does the rest.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe.errors import FitsError, PermanentError
from awe.science.amplifier import Assembled, gain_map, per_amplifier
from awe.science.bands import run
from awe.science.imstat import imstat
from awe.science.mask import NO_WEIGHT, Bit

_NO_WEIGHT: Final = int(NO_WEIGHT)
_BAD: Final = int(Bit.BAD)
_NO_DATA: Final = int(Bit.NO_DATA)
_SATURATED: Final = int(Bit.SATURATED)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A reduced frame of one chip, (ny, nx).

    Attributes
    ----------
    data : float32
        Electrons, flat-fielded, sky included. Finite everywhere: a pixel that cannot be calibrated holds the
        sky level, weight 0 and a mask bit.
    variance : float32
        Variance of `data` with source noise, electrons^2; 0 where there is no data.
    weight : float32
        Inverse variance without source noise: the photon noise is that of the sky level. 0 where the mask has
        one of the bits `awe.science.mask.NO_WEIGHT`.
    mask : uint16
        Bits of `awe.science.mask`.
    sky : float
        Median of the good pixels of `data`, electrons.
    gain, read_noise : tuple of float
        Per amplifier, e-/ADU and e-, as used.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    weight: NDArray[np.float32]
    mask: NDArray[np.uint16]
    sky: float
    gain: tuple[float, ...]
    read_noise: tuple[float, ...]


def calibrate(assembled: Assembled, bias: NDArray[Any] | None = None, dark: NDArray[Any] | None = None,
              exptime: float = 0.0, flat: NDArray[Any] | None = None, gain: Sequence[float | None] | None = None,
              read_noise: Sequence[float | None] | None = None, masks: Sequence[NDArray[Any] | None] = (),
              bias_variance: NDArray[Any] | None = None, dark_variance: NDArray[Any] | None = None,
              flat_variance: NDArray[Any] | None = None) -> Calibrated:
    """Calibrate one chip of one exposure.

    With raw r in ADU above overscan, bias b, dark rate d, time t, gain g and flat f the result is
    ``(g (r - b) - t d) / f`` and its variance
    ``(max(g (r - b), 0) + n^2 + g^2 var(b) + t^2 var(d) + data^2 var(f)) / f^2``,
    where n is the read noise in electrons and max(...) the electrons that were collected, dark charge included.
    The weight is the inverse of the same with the collected electrons of the sky alone (``sky f + t d``).
    A flat's error is common to all frames that share the flat.

    Parameters
    ----------
    assembled : Assembled
        The chip in ADU, overscan-subtracted with the option that `bias` was made with.
    bias : (ny, nx) array, optional
        ADU.
    dark : (ny, nx) array, optional
        Rate, e-/s.
    exptime : float
        Seconds; only used with `dark`.
    flat : (ny, nx) array, optional
        Dimensionless response, 1 on average. Pixels where it is not above 0 become BAD.
    gain : sequence of float or None, optional
        Measured gain per amplifier, e-/ADU; the description's where None.
    read_noise : sequence of float or None, optional
        Measured read noise per amplifier, electrons; the description's where None, else the scatter of the
        overscan.
    masks : sequence of (ny, nx) uint16 or bool arrays or None
        Mask planes whose bits are joined (hot, cold, static; bool counts as BAD).
    bias_variance, dark_variance, flat_variance : (ny, nx) arrays, optional
        Variance of the calibration planes, each in the square of its plane's unit.

    Returns
    -------
    Calibrated

    Raises
    ------
    HeaderError
        An amplifier has no known gain.
    PermanentError
        An amplifier has no known read noise, or a dark is given without an exposure time that can be.
    FitsError
        A plane has another shape than the chip.
    """
    shape = assembled.data.shape
    given = {"bias": bias, "dark": dark, "flat": flat, "bias variance": bias_variance, "dark variance": dark_variance,
             "flat variance": flat_variance}
    for name, plane in [*given.items(), *(("mask", one) for one in masks)]:
        if plane is not None and plane.shape != shape:
            raise FitsError(f"{name} has shape {plane.shape} but the chip {shape}: it is of another chip or readout mode")
    if dark is not None and not (np.isfinite(exptime) and exptime >= 0):
        raise PermanentError(f"exposure time {exptime} s cannot be used with a dark: correct the header")
    gains = gain_map(assembled, gain)
    per_gain = _used_gain(assembled, gain)
    noises = _read_noise(assembled, read_noise, per_gain)
    mask = _joined(assembled, masks)
    planes = [_plane(one, fill, shape) for one, fill in ((bias, 0), (dark, 0), (flat, 1), (bias_variance, 0),
                                                         (dark_variance, 0), (flat_variance, 0))]
    noise = per_amplifier(noises, assembled.amplifier_index, 0.0)
    data, variance, weight = (np.empty(shape, np.float32) for _ in range(3))
    time = np.float32(exptime if dark is not None else 0.0)

    def first(y0: int, y1: int) -> None:
        _calibrate(assembled.data[y0:y1], gains[y0:y1], noise[y0:y1], *_rows(planes, y0, y1), time,
                   mask[y0:y1], data[y0:y1], variance[y0:y1])

    run(first, shape[0])
    sky = sky_level(data, mask)

    def second(y0: int, y1: int) -> None:
        _weigh(gains[y0:y1], noise[y0:y1], *_rows(planes[1:], y0, y1), time, np.float32(sky), mask[y0:y1],
               data[y0:y1], variance[y0:y1], weight[y0:y1])

    run(second, shape[0])
    return Calibrated(data, variance, weight, mask, sky, per_gain, noises)


def reweigh(calibrated: Calibrated, mask: NDArray[np.uint16]) -> Calibrated:
    """Return a frame whose mask has the bits of `mask` too (cosmic rays, tracks), with weight 0 where they say so."""
    joined = calibrated.mask | mask
    weight = np.where(joined & np.uint16(NO_WEIGHT) != 0, np.float32(0), calibrated.weight)
    return dataclasses.replace(calibrated, mask=joined, weight=weight)


def sky_level(data: NDArray[Any], mask: NDArray[Any] | None = None) -> float:
    """Return the median of the good pixels, at most about a million of them (evenly drawn); 0 without any."""
    step = max(1, int((data.size / 1e6) ** 0.5))
    level = imstat(data[::step, ::step], None if mask is None else mask[::step, ::step]).median
    return level if np.isfinite(level) else 0.0


def _used_gain(assembled: Assembled, gain: Sequence[float | None] | None) -> tuple[float, ...]:
    measured = gain if gain is not None else (None,) * len(assembled.amplifiers)
    return tuple(float(value if value is not None else one.gain or 0.0)
                 for one, value in zip(assembled.amplifiers, measured, strict=True))


def _read_noise(assembled: Assembled, read_noise: Sequence[float | None] | None,
                gain: Sequence[float]) -> tuple[float, ...]:
    """Read noise per amplifier in electrons: measured, else described, else from the overscan."""
    measured = read_noise if read_noise is not None else (None,) * len(assembled.amplifiers)
    found = []
    for one, value, scatter, factor in zip(assembled.amplifiers, measured, assembled.overscan_noise, gain, strict=True):
        stated = value if value is not None else one.read_noise
        chosen = float(stated) if stated is not None else scatter * factor
        if not np.isfinite(chosen):
            raise PermanentError(f"amplifier {one.name!r}: its read noise is unknown: measure it from two biases or "
                                 "add it to the instrument description")
        found.append(chosen)
    return tuple(found)


def _joined(assembled: Assembled, masks: Sequence[NDArray[Any] | None]) -> NDArray[np.uint16]:
    """The mask plane before calibration: saturation, and the bits of all planes given."""
    mask = np.where(assembled.saturated, np.uint16(_SATURATED), np.uint16(0)).astype(np.uint16)
    for one in masks:
        if one is not None:
            mask |= one.astype(np.uint16)
    return mask


def _plane(plane: NDArray[Any] | None, fill: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A float32 plane, or a constant that costs no memory."""
    if plane is None:
        return np.broadcast_to(np.full((1, 1), fill, np.float32), shape)
    return plane.astype(np.float32, order="C", copy=False)


def _rows(planes: Sequence[NDArray[np.float32]], y0: int, y1: int) -> list[NDArray[np.float32]]:
    """Rows of each plane, laid out alike, so that the kernels are compiled for one kind of array only."""
    return [np.ascontiguousarray(plane[y0:y1]) for plane in planes]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _calibrate(raw, gain, noise, bias, dark, flat, bias_var, dark_var, flat_var,  # type: ignore[no-untyped-def]
               time, mask, data, variance):
    """Data and variance of one band; NaN where a pixel cannot be calibrated, with its mask bit."""
    zero = np.float32(0)
    for y in range(raw.shape[0]):
        for x in range(raw.shape[1]):
            g, f = gain[y, x], flat[y, x]
            collected = g * (raw[y, x] - bias[y, x])
            value = (collected - time * dark[y, x]) / f
            spread = max(collected, zero) + noise[y, x] ** 2 + g * g * bias_var[y, x] + time * time * dark_var[y, x]
            spread = (spread + value * value * flat_var[y, x]) / (f * f)
            if np.isfinite(value) and np.isfinite(spread) and f > zero:
                data[y, x] = value
                variance[y, x] = spread
            else:
                mask[y, x] |= _BAD if np.isfinite(raw[y, x]) else _NO_DATA
                data[y, x] = np.nan
                variance[y, x] = zero


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _weigh(gain, noise, dark, flat, bias_var, dark_var, flat_var, time, sky,  # type: ignore[no-untyped-def]
           mask, data, variance, weight):
    """Weight of one band, from the sky's noise; pixels without a value get the sky's."""
    zero = np.float32(0)
    for y in range(data.shape[0]):
        for x in range(data.shape[1]):
            if np.isnan(data[y, x]):
                data[y, x] = sky
            if mask[y, x] & _NO_WEIGHT != 0:
                weight[y, x] = zero
                continue
            g, f = gain[y, x], flat[y, x]
            spread = max(sky * f + time * dark[y, x], zero) + noise[y, x] ** 2
            spread += g * g * bias_var[y, x] + time * time * dark_var[y, x] + sky * sky * flat_var[y, x]
            weight[y, x] = f * f / spread if spread > zero else zero
