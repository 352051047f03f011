"""Particle events in darks: how many charged particles hit the detector, and how much charge they leave.

OmegaCAM calibration plan, 532.  An event is a group of touching pixels above the noise with at least one far above it, that no other
dark shows at the same place.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.errors import PermanentError

#: Pixels that touch at a side or a corner belong together.
TOUCHING = np.ones((3, 3), int)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ParticleEvents:
    """What was seen in some darks.

    Attributes
    ----------
    charges : (n,) float64
        Electrons of each event.
    sizes : (n,) int64
        Pixels of each event.
    exposure : float
        Seconds times millions of live pixels, of all darks together.
    """

    charges: NDArray[np.float64]
    sizes: NDArray[np.int64]
    exposure: float

    @property
    def rate(self) -> float:
        """Events per second and million pixels."""
        return len(self.charges) / self.exposure

    @property
    def rate_error(self) -> float:
        """Standard error of the rate, by the number of events; of none, that of one."""
        return float(max(len(self.charges), 1) ** 0.5 / self.exposure)


def particle_events(darks: Sequence[NDArray[Any]], exptimes: Sequence[float], noise: NDArray[Any],
                    masks: Sequence[NDArray[Any] | None], threshold: float = 8.0, low: float = 4.0) -> ParticleEvents:
    """Find the events of some darks.

    Parameters
    ----------
    darks : sequence of (ny, nx) arrays
        Electrons, bias and dark charge subtracted; NaN takes no part.
    exptimes : sequence of float
        Seconds, above 0.
    noise : (ny, nx) array
        Standard deviation of a pixel without event, electrons.
    masks : sequence of (ny, nx) arrays or None
        Pixels where it is not 0 take no part: hot, noisy and dead ones.
    threshold, low : float
        Sigma that the brightest pixel of an event exceeds, and that each of its pixels does.  A pixel above `low` in more than one
        dark belongs to the detector, and takes no part.

    Raises
    ------
    PermanentError
        No dark, or an exposure time that is not above 0.
    """
    if not darks or min(exptimes) <= 0:
        raise PermanentError(f"particle events need darks with exposure times above 0 s; there are {len(darks)} of "
                             f"{', '.join(f'{time:g}' for time in exptimes) or 'no'} s")
    with np.errstate(invalid="ignore", divide="ignore"):
        significance = [np.where(noise > 0, dark / noise, np.nan) for dark in darks]
    hidden = [~np.isfinite(one) if mask is None else ~np.isfinite(one) | (mask != 0)
              for one, mask in zip(significance, masks, strict=True)]
    above = [(one > low) & ~out for one, out in zip(significance, hidden, strict=True)]
    stays = np.sum(above, axis=0) > 1
    charges, sizes, exposure = [], [], 0.0
    for dark, one, high, out, time in zip(darks, significance, above, hidden, exptimes, strict=True):
        groups, number = scipy.ndimage.label(high & ~stays, TOUCHING)
        if number:
            where = groups > 0
            index = groups[where]
            peak = np.zeros(number + 1)
            np.maximum.at(peak, index, one[where])
            is_event = peak[1:] > threshold
            charges.append(np.bincount(index, dark[where], number + 1)[1:][is_event])
            sizes.append(np.bincount(index, minlength=number + 1)[1:][is_event])
        exposure += float(time) * float((~out & ~stays).sum()) / 1e6
    if not exposure > 0:
        raise PermanentError("all pixels of the darks are masked, so no particle event can be seen")
    return ParticleEvents(np.concatenate(charges) if charges else np.zeros(0),
                          np.concatenate(sizes).astype(np.int64) if sizes else np.zeros(0, np.int64), exposure)
