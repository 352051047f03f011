"""Night-sky flat: what the dark sky shows of the response that dome and twilight flats missed.

Frames that were already divided by a flat are brought to one level and averaged with their objects masked; what is left beyond the
noise is the error of that flat on large scales.  OmegaCAM calibration plan, 544.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.combine import combine
from awe.science.imstat import imstat
from awe.science.lowpass import lowpass
from awe.science.mask import Bit
from awe.science.objectmask import object_mask


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class NightSky:
    """Response on large scales relative to the flat that was used.

    Attributes
    ----------
    data : (ny, nx) float32
        About 1; median 1 over the good pixels.
    variance : (ny, nx) float32
        Variance of `data`, that of the average over the area that was smoothed.
    mask : (ny, nx) uint16
        NO_DATA where no frame has a usable pixel nearby.
    levels : tuple of float
        Sky of each frame, in its unit.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    mask: NDArray[np.uint16]
    levels: tuple[float, ...]


def night_sky(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None], smoothing: float = 48.0, clip: float = 3.0,
              threshold: float = 2.0) -> NightSky:
    """Return the response on large scales that the sky shows.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        Flat-fielded, with their sky, dithered; NaN takes no part.
    masks : sequence of (ny, nx) arrays or None
        Pixels where it is not 0 take no part.
    smoothing : float
        Sigma of the Gaussian that takes the small scales away, pixels.
    clip, threshold : float
        Rejection in the average, and of objects, in sigma.

    Raises
    ------
    PermanentError
        Fewer than three frames, or a frame whose sky is not above 0.
    """
    levels = [imstat(frame, mask).median for frame, mask in zip(frames, masks, strict=True)]
    if len(frames) < 3 or not all(level > 0 for level in levels):
        raise PermanentError(f"a night-sky flat needs three or more dithered frames with a sky above 0; there are {len(frames)} with "
                             f"{', '.join(f'{level:.4g}' for level in levels) or 'none'}")
    hidden = [object_mask(frame, mask, threshold, grow=6, background=smoothing) if mask is None
              else object_mask(frame, mask, threshold, grow=6, background=smoothing) | (mask != 0)
              for frame, mask in zip(frames, masks, strict=True)]
    levels = [imstat(frame, out).median for frame, out in zip(frames, hidden, strict=True)]
    found = combine(frames, clip=clip, masks=hidden, scale=[1.0 / level for level in levels])
    empty = found.n_used == 0
    smooth = lowpass(found.data, smoothing, empty)
    middle = np.float32(np.median(smooth[~empty])) if (~empty).any() else np.float32(1)
    area = max(4.0 * np.pi * smoothing**2, 1.0)
    variance = lowpass(np.nan_to_num(found.variance), smoothing, empty) / np.float32(area)
    return NightSky((smooth / middle).astype(np.float32), np.maximum(variance, 0).astype(np.float32),
                    np.where(np.isfinite(smooth), np.uint16(0), np.uint16(Bit.NO_DATA)), tuple(levels))
