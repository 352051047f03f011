"""From an assembled raw chip to a reduced frame in electrons, with variance, weight and mask.

Order of steps: saturation mask, overscan, linearity (these three in `awe.science.amplifier`), bias, dark, gain,
flat. One pass over the pixels does the rest.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError, PermanentError
from awe.science.assemble import Assembled, gain_list
from awe.science.bands import run
from awe.science.kernel import njit
from awe.science.mask import NO_WEIGHT, Bit

_BAND: Final = 64
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
    unlit : float32
        The part of the variance that does not come from light, electrons^2: read noise, dark charge, errors of the calibrations. 0 where
        there is no response.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    weight: NDArray[np.float32]
    mask: NDArray[np.uint16]
    sky: float
    gain: tuple[float, ...]
    read_noise: tuple[float, ...]
    unlit: NDArray[np.float32]


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
    shape = assembled.shape
    given = {"bias": bias, "dark": dark, "flat": flat, "bias variance": bias_variance, "dark variance": dark_variance,
             "flat variance": flat_variance}
    for name, plane in [*given.items(), *(("mask", one) for one in masks)]:
        if plane is not None and plane.shape != shape:
            raise FitsError(f"{name} has shape {plane.shape} but the chip {shape}: it is of another chip or readout mode")
    if dark is not None and not (np.isfinite(exptime) and exptime >= 0):
        raise PermanentError(f"exposure time {exptime} s cannot be used with a dark: correct the header")
    gains = gain_list(assembled, gain)
    noises = _read_noise(assembled, read_noise, gains)
    constants = _per_amplifier(assembled, gains), _per_amplifier(assembled, noises)
    planes = [(bias, 0.0), (dark, 0.0), (flat, 1.0), (bias_variance, 0.0), (dark_variance, 0.0), (flat_variance, 0.0)]
    data, variance, weight, unlit = (np.empty(shape, np.float32) for _ in range(4))
    result = Calibrated(data, variance, weight, np.empty(shape, np.uint16), 0.0, gains, noises, unlit)
    time = np.float32(exptime if dark is not None else 0.0)

    def first(y0: int, y1: int) -> None:
        raw, saturated = assembled.band(y0, y1)
        mask = result.mask[y0:y1]
        np.multiply(saturated, np.uint16(_SATURATED), out=mask)
        for one in masks:
            if one is not None:
                mask |= one[y0:y1].astype(np.uint16, copy=False)
        _calibrate(raw, *(one[y0 // _BAND] for one in constants), *_rows(planes, shape, y0, y1), time, mask,
                   result.data[y0:y1], result.variance[y0:y1])

    run(first, shape[0], _BAND)
    sky = sky_level(result.data, result.mask)

    def second(y0: int, y1: int) -> None:
        _weigh(*(one[y0 // _BAND] for one in constants), *_rows(planes[1:], shape, y0, y1), time, np.float32(sky), result.mask[y0:y1],
               result.data[y0:y1], result.variance[y0:y1], result.weight[y0:y1], result.unlit[y0:y1])

    run(second, shape[0], _BAND)
    return dataclasses.replace(result, sky=sky)


def reweigh(calibrated: Calibrated, mask: NDArray[np.uint16]) -> Calibrated:
    """Return a frame whose mask has the bits of `mask` too (cosmic rays, tracks), with weight 0 where they say so."""
    joined = calibrated.mask | mask
    weight = np.where(joined & np.uint16(NO_WEIGHT) != 0, np.float32(0), calibrated.weight)
    return dataclasses.replace(calibrated, mask=joined, weight=weight)


def subtract(calibrated: Calibrated, data: NDArray[Any], variance: NDArray[Any], mask: NDArray[np.uint16]) -> Calibrated:
    """Return a frame less an image of what lies above it (sky, fringes), which adds its own variance and mask.

    Parameters
    ----------
    calibrated : Calibrated
    data, variance : (ny, nx) arrays
        Electrons and their square, as the frame.
    mask : (ny, nx) uint16
    """
    weight = np.where(calibrated.weight > 0, 1.0 / (1.0 / np.maximum(calibrated.weight, 1e-30) + variance), 0.0).astype(np.float32)
    return dataclasses.replace(calibrated, data=calibrated.data - data, variance=calibrated.variance + variance, weight=weight,
                               mask=calibrated.mask | mask, unlit=calibrated.unlit + variance)


def divide(calibrated: Calibrated, data: NDArray[Any], variance: NDArray[Any], mask: NDArray[np.uint16]) -> Calibrated:
    """Return a frame divided by a further flat; where that has no value the frame is left, and the mask says so.

    Parameters
    ----------
    calibrated : Calibrated
    data, variance : (ny, nx) arrays
        Dimensionless, about 1.
    mask : (ny, nx) uint16
        Bits where the flat has no value.
    """
    usable = (data > 0) & (mask & np.uint16(NO_WEIGHT) == 0)
    share = np.where(usable, np.float32(1) / np.where(usable, data, np.float32(1)), np.float32(1)).astype(np.float32)
    own = np.where(usable, variance, np.float32(0)).astype(np.float32)
    pixels = calibrated.data * share
    sky = np.float32(calibrated.sky) ** 2 * own * share**2
    weight = np.where(calibrated.weight > 0, 1.0 / (share**2 / np.maximum(calibrated.weight, 1e-30) + sky), 0.0).astype(np.float32)
    divided = dataclasses.replace(calibrated, data=pixels, variance=(calibrated.variance + pixels**2 * own) * share**2, weight=weight,
                                  unlit=calibrated.unlit * share**2 + sky)
    return reweigh(divided, np.where(usable, np.uint16(0), mask | np.uint16(_BAD)).astype(np.uint16))


def sky_level(data: NDArray[Any], mask: NDArray[Any] | None = None) -> float:
    """Return the median of the good pixels, at most about a million of them (evenly drawn); 0 without any."""
    step = max(1, int((data.size / 1e6) ** 0.5))
    drawn = data[::step, ::step]
    good = np.isfinite(drawn) if mask is None else np.isfinite(drawn) & (mask[::step, ::step] == 0)
    return float(np.median(drawn[good], overwrite_input=True)) if good.any() else 0.0


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


def _per_amplifier(assembled: Assembled, values: Sequence[float]) -> list[NDArray[np.float32]]:
    """For each band of rows one number per column where it is the same in all of its rows, else one per pixel; NaN where none lands."""
    ny, nx = assembled.shape
    found = []
    for y0 in range(0, ny, _BAND):
        height = min(_BAND, ny - y0)
        borders = {edge for one in assembled.amplifiers for edge in one.position[:2] if y0 < edge < y0 + height}
        rows = np.full((height if borders else 1, nx), np.nan, np.float32)
        for one, value in zip(assembled.amplifiers, values, strict=True):
            v0, v1, x0, x1 = one.position
            rows[max(v0 - y0, 0):max(v1 - y0, 0), x0:x1] = value
        found.append(rows)
    return found


def _rows(planes: Sequence[tuple[NDArray[Any] | None, float]], shape: tuple[int, int], y0: int, y1: int) -> list[NDArray[np.float32]]:
    """Rows of each plane, or of the number that stands for one."""
    return [np.full((1, shape[1]), default, np.float32) if plane is None else np.ascontiguousarray(plane[y0:y1], np.float32)
            for plane, default in planes]


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _row(plane, y):  # type: ignore[no-untyped-def]
    return plane[y if plane.shape[0] > 1 else 0]


@njit(cache=True, nogil=True, error_model="numpy")
def _calibrate(raws, gains, noises, biases, darks, flats, bias_vars, dark_vars, flat_vars,  # type: ignore[no-untyped-def]
               time, masks, datas, variances):
    """Data and variance of one band; NaN where a pixel cannot be calibrated, with its mask bit."""
    zero, nothing = np.float32(0), np.float32(np.nan)
    bad, no_data, fine = np.uint16(_BAD), np.uint16(_NO_DATA), np.uint16(0)
    for y in range(raws.shape[0]):
        raw, gain, noise, bias, dark, flat = raws[y], _row(gains, y), _row(noises, y), _row(biases, y), _row(darks, y), _row(flats, y)
        bias_var, dark_var, flat_var = _row(bias_vars, y), _row(dark_vars, y), _row(flat_vars, y)
        mask, data, variance = masks[y], datas[y], variances[y]
        for x in range(raw.size):
            g, f = gain[x], flat[x]
            share = np.float32(1) / f
            collected = g * (raw[x] - bias[x])
            value = (collected - time * dark[x]) * share
            spread = max(collected, zero) + noise[x] * noise[x] + g * g * bias_var[x] + time * time * dark_var[x]
            spread = (spread + value * value * flat_var[x]) * share * share
            good = (f > zero) & (abs(value) < np.inf) & (spread < np.inf)
            data[x] = value if good else nothing
            variance[x] = spread if good else zero
            mask[x] |= fine if good else bad if abs(raw[x]) < np.inf else no_data


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(gains, noises, darks, flats, bias_vars, dark_vars, flat_vars, time, sky,  # type: ignore[no-untyped-def]
           masks, datas, variances, weights, unlits):
    """Weight of one band, from the sky's noise, and the part of the variance that no light has; pixels without a value get the sky's."""
    zero = np.float32(0)
    no_weight = np.uint16(_NO_WEIGHT)
    for y in range(datas.shape[0]):
        gain, noise, dark, flat = _row(gains, y), _row(noises, y), _row(darks, y), _row(flats, y)
        bias_var, dark_var, flat_var = _row(bias_vars, y), _row(dark_vars, y), _row(flat_vars, y)
        mask, data, weight, unlit = masks[y], datas[y], weights[y], unlits[y]
        for x in range(data.size):
            g, f = gain[x], flat[x]
            charge = time * dark[x]
            still = noise[x] * noise[x] + g * g * bias_var[x] + time * time * dark_var[x] + sky * sky * flat_var[x]
            spread = max(sky * f + charge, zero) + still
            data[x] = data[x] if abs(data[x]) < np.inf else sky
            weight[x] = f * f / spread if (mask[x] & no_weight == 0) & (spread > zero) else zero
            unlit[x] = (still + max(charge, zero)) / (f * f) if (f > zero) & (g > zero) else zero
