"""Reference stars: positions at an epoch, with motions, errors and magnitudes."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """Reference stars.

    Parameters
    ----------
    ra, dec : float64 arrays (m,)
        ICRS degrees at `epoch`.
    magnitude : float64 array (m,)
        In any band; NaN for unknown.
    error : float64 array (m,), optional
        Standard error per axis, arcseconds; 0 where not given.
    pm_ra, pm_dec : float64 arrays (m,), optional
        Proper motions in mas per year, the first with cos(dec) in it; NaN counts as 0.
    epoch : float
        Julian year of the positions.
    """

    ra: Floats
    dec: Floats
    magnitude: Floats
    error: Floats | None = None
    pm_ra: Floats | None = None
    pm_dec: Floats | None = None
    epoch: float = 2000.0

    def at(self, epoch: float | None) -> tuple[Floats, Floats]:
        """Return right ascension and declination, degrees, moved to a Julian year; as they are for None."""
        ra, dec = np.asarray(self.ra, np.float64), np.asarray(self.dec, np.float64)
        if epoch is None or self.pm_ra is None or self.pm_dec is None:
            return ra, dec
        years = (epoch - self.epoch) / 3.6e6
        cos = np.maximum(np.cos(np.radians(dec)), 1e-6)
        return (np.mod(ra + np.nan_to_num(np.asarray(self.pm_ra, np.float64)) * years / cos, 360.0),
                dec + np.nan_to_num(np.asarray(self.pm_dec, np.float64)) * years)
