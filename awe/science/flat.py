"""Flat fields: dome and twilight flats, and the master flat that joins them (calibration plan 542, 543, 546).

A flat leaves `dome_flat` and `twilight_flat` in electrons at the mean level of its frames: since gain comes
before flat in the order of steps, the step between amplifiers must not be in the flat. It is made dimensionless
by `normalise`, with one level for the whole mosaic, so that all chips share a zero point.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError, PermanentError
from awe.science.combine import Combined, combine
from awe.science.gain import photon_transfer
from awe.science.imstat import imstat
from awe.science.lowpass import lowpass
from awe.science.mask import Bit
from awe.science.objectmask import object_mask

COMBINE_TYPES: Final = ("both", "dome", "twilight")

LOWEST: Final = 0.03
"""Response below which a pixel is of no use, in that of the mosaic."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A flat field, (ny, nx).

    Attributes
    ----------
    data : float32
        Response: electrons at `level` before `normalise` (ADU where the gain is unknown), dimensionless after
        it; `level` where NO_DATA.
    variance : float32
        Variance of `data`, same unit squared.
    mask : uint16
        NO_DATA where no frame has a value, BAD where the response is not above 0.
    level : float
        Median of the good pixels, in the unit of `data`; what `normalise` of a mosaic needs of each chip.
    levels : tuple of float
        Median of each frame, ADU.
    n_outliers : int
        Values that were rejected (in twilight flats mostly stars).
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    mask: NDArray[np.uint16]
    level: float
    levels: tuple[float, ...]
    n_outliers: int


def dome_flat(frames: Sequence[NDArray[Any]], gain: float | NDArray[Any] | None = None,
              read_noise: float | NDArray[Any] = 0.0, clip: float = 5.0,
              masks: Sequence[NDArray[Any] | None] | None = None,
              calibration_variance: float | NDArray[Any] = 0.0) -> Flat:
    """Average dome flats, with photon noise as clip.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        Bias- (and dark-) subtracted, ADU.
    gain : float or (ny, nx) array, optional
        e-/ADU; a plane where amplifiers differ. Without it one gain for all is measured from the first two
        frames to predict their noise, and the result stays in ADU.
    read_noise : float or (ny, nx) array
        ADU.
    clip : float
        Rejection threshold in sigma.
    masks : sequence of (ny, nx) arrays or None, optional
        Pixels where it is not 0 (saturated ones, for example) take no part.
    calibration_variance : float or (ny, nx) array
        Variance of the bias and dark that were subtracted, ADU^2; it is common to all frames.

    Raises
    ------
    PermanentError
        A frame has no light.
    FitsError
        No frames, or shapes that differ.
    """
    levels = _levels(frames, masks)
    found = _average(frames, levels, gain, read_noise, clip, masks)
    return _flat(found, levels, gain, calibration_variance, int(found.n_rejected.sum()))


def twilight_flat(frames: Sequence[NDArray[Any]], gain: float | NDArray[Any] | None = None,
                  read_noise: float | NDArray[Any] = 0.0, clip: float = 5.0,
                  masks: Sequence[NDArray[Any] | None] | None = None,
                  calibration_variance: float | NDArray[Any] = 0.0, star_threshold: float = 4.0) -> Flat:
    """Average twilight flats, with stars rejected.

    Stars are found in the ratio of each frame to the median of all, and masked with their surroundings, where
    two other frames remain; what is left of them meets the clip. Frames should be dithered.

    Parameters
    ----------
    star_threshold : float
        Sigma above which a star in a ratio image is masked.
    frames, gain, read_noise, clip, masks, calibration_variance
        As for `dome_flat`.
    """
    levels = _levels(frames, masks)
    hidden = list(masks) if masks is not None else [None] * len(frames)
    if len(frames) > 2:
        first = combine(frames, clip=0.0, masks=masks, scale=_scale(levels), method="median").data
        stars = [_stars(frame, first, mask, star_threshold) for frame, mask in zip(frames, hidden, strict=True)]
        covered = len(frames) - np.sum(stars, axis=0, dtype=np.int32) < 2
        hidden = [(star & ~covered) if mask is None else (star & ~covered) | (mask != 0)
                  for star, mask in zip(stars, hidden, strict=True)]
        hits = int(sum(int(star.sum()) for star in stars))
    else:
        hits = 0
    found = _average(frames, levels, gain, read_noise, clip, hidden)
    return _flat(found, levels, gain, calibration_variance, hits + int(found.n_rejected.sum()))


def master_flat(dome: Flat | None = None, twilight: Flat | None = None, combine_type: str = "both",
                scale: float = 48.0, mask: NDArray[Any] | None = None) -> Flat:
    """Join a dome and a twilight flat: high spatial frequencies from dome, low ones from twilight.

    The dome flat is multiplied by the low frequencies of twilight over dome. That is the separation by a
    Gaussian filter of Astro-WISE, applied to the ratio: dust, vignetting edges and bad pixels are in both
    flats and do not leak through the filter.

    Parameters
    ----------
    dome, twilight : Flat
        On the same scale or not: the result has the level of the twilight flat (of the dome flat for ``dome``).
    combine_type : {"both", "dome", "twilight"}
        Which are used.
    scale : float
        Sigma of the filter in pixels.
    mask : (ny, nx) array, optional
        Pixels that are not 0 do not take part in the filter.

    Raises
    ------
    PermanentError
        An unknown type, or a flat that it needs is missing.
    """
    if combine_type not in COMBINE_TYPES:
        raise PermanentError(f"combine type {combine_type!r} is unknown: there are {', '.join(COMBINE_TYPES)}")
    for name, flat in (("dome", dome), ("twilight", twilight)):
        if flat is None and combine_type in (name, "both"):
            raise PermanentError(f"combine type {combine_type!r} needs a {name} flat and there is none: take one, or "
                                 f"set the combine type to {'twilight' if name == 'dome' else 'dome'!r}")
    if combine_type != "both" or dome is None or twilight is None:
        single = dome if combine_type == "dome" else twilight
        assert single is not None
        return single
    if dome.data.shape != twilight.data.shape:
        raise FitsError(f"dome flat {dome.data.shape} and twilight flat {twilight.data.shape} have different shapes")
    bad = (dome.mask | twilight.mask) != 0
    hidden = bad if mask is None else bad | (mask != 0)
    ratio = np.divide(twilight.data, dome.data, out=np.full(dome.data.shape, np.nan, np.float32), where=~hidden)
    low = lowpass(ratio, scale, hidden)
    data = dome.data * low
    both = dome.mask | twilight.mask
    smoothing = np.float32(1.0 / max(4.0 * np.pi * scale**2, 1.0))
    variance = low**2 * dome.variance + twilight.variance * smoothing
    return Flat(data, variance, both, imstat(data, both).median, twilight.levels, dome.n_outliers + twilight.n_outliers)


def normalise(flat: Flat, level: float, lowest: float = LOWEST) -> Flat:
    """Return `flat` divided by `level`, dimensionless; pixels whose response is not above `lowest` get 1 and BAD.

    A dead amplifier has a response of noise about 0; dividing by that would make stars of it.

    Parameters
    ----------
    lowest : float
        Smallest response of a pixel that is of use, in that of the mosaic.
    level : float
        Median over the good pixels of all chips of the mosaic (`mosaic_level`), in the unit of `flat`.

    Raises
    ------
    PermanentError
        `level` is not a number above 0.
    """
    if not (np.isfinite(level) and level > 0):
        raise PermanentError(f"a flat cannot be normalised by a level of {level}: its frames have no light")
    data = flat.data / np.float32(level)
    mask = flat.mask.copy()
    dead = ~(data > lowest) & (mask & Bit.NO_DATA == 0)
    mask[dead] |= np.uint16(Bit.BAD)
    unusable = mask & np.uint16(Bit.BAD | Bit.NO_DATA) != 0
    return Flat(np.where(unusable, np.float32(1), data),
                np.where(unusable, np.float32(0), flat.variance / np.float32(level) ** 2), mask, flat.level / level,
                flat.levels, flat.n_outliers)


def mosaic_level(flats: Sequence[Flat], masks: Sequence[NDArray[Any] | None] | None = None) -> float:
    """Return the median over the good pixels of all chips, at most about a million of each (evenly drawn)."""
    hidden = masks if masks is not None else [None] * len(flats)
    drawn = []
    for flat, mask in zip(flats, hidden, strict=True):
        step = max(1, int((flat.data.size / 1e6) ** 0.5))
        values = flat.data[::step, ::step]
        good = np.isfinite(values) & (flat.mask[::step, ::step] == 0)
        drawn.append(values[good if mask is None else good & (mask[::step, ::step] == 0)])
    return imstat(np.concatenate(drawn)).median


def _levels(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None] | None) -> tuple[float, ...]:
    """Median of the good pixels of each frame; refuses frames without light."""
    hidden = masks if masks is not None else [None] * len(frames)
    levels = tuple(imstat(frame, mask).median for frame, mask in zip(frames, hidden, strict=True))
    for number, level in enumerate(levels):
        if not level > 0:
            raise PermanentError(f"flat {number + 1} of {len(levels)} has a level of {level:.6g} ADU: a flat needs "
                                 "light; invalidate it, or it may be a bias or dark by mistake")
    return levels


def _scale(levels: Sequence[float]) -> list[float]:
    return [float(np.mean(levels)) / level for level in levels]


def _average(frames: Sequence[NDArray[Any]], levels: Sequence[float], gain: float | NDArray[Any] | None,
             read_noise: float | NDArray[Any], clip: float, masks: Sequence[NDArray[Any] | None] | None) -> Combined:
    """Mean at the common level with the photon noise as clip, weighted by light."""
    if gain is None:
        gain = 1.0
        if len(frames) > 1:
            measured = photon_transfer([(frames[0], frames[1])], read_noise=[float(np.median(read_noise))])[0].gain
            gain = measured if np.isfinite(measured) else 1.0
    return combine(frames, sigma=read_noise, gain=gain, clip=clip, masks=masks, scale=_scale(levels),
                   weights=list(levels))


def _stars(frame: NDArray[Any], first: NDArray[np.float32], mask: NDArray[Any] | None,
           threshold: float) -> NDArray[np.bool_]:
    """Where a frame is brighter than the median of all frames, in units that have the same noise everywhere."""
    ratio = np.divide(frame, first, out=np.full(first.shape, np.nan, np.float32), where=first > 0, casting="same_kind")
    step = max(1, int((ratio.size / 1e6) ** 0.5))
    level = imstat(ratio[::step, ::step]).median
    return object_mask((ratio - np.float32(level)) * np.sqrt(np.maximum(first, 0)), mask, threshold)


def _flat(found: Combined, levels: tuple[float, ...], gain: float | NDArray[Any] | None,
          common: float | NDArray[Any], outliers: int) -> Flat:
    """Wrap a combined stack, in electrons: bad pixels get the level, and a bit."""
    factor = np.asarray(1.0 if gain is None else gain, np.float32)
    data = found.data * factor
    mask = np.where(found.n_used == 0, np.uint16(Bit.NO_DATA), np.uint16(0)).astype(np.uint16)
    with np.errstate(invalid="ignore"):
        mask[~(data > 0) & (found.n_used > 0)] |= np.uint16(Bit.BAD)
    level = imstat(data, mask).median
    empty = found.n_used == 0
    variance = ((np.nan_to_num(found.variance) + common) * factor**2).astype(np.float32)
    return Flat(np.where(empty, np.float32(level), data), np.where(empty, np.float32(0), variance), mask, level,
                levels, outliers)
