"""What comes of solving the astrometry of a frame: a WCS, or the reason why there is none."""
from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
SOLVED, NO_COVERAGE, NO_MATCH, FEW_SOURCES = "solved", "outside coverage", "no match", "too few sources"
"""The outcomes of `awe.science.astrometry.solve`."""


@dataclass(frozen=True, eq=False)
class Solution:
    """An astrometric solution, or the reason why there is none.

    Parameters
    ----------
    status : str
        ``solved``, ``outside coverage``, ``no match`` or ``too few sources``.
    reason : str
        One line.
    wcs : Wcs
        The solution; the nominal WCS where there is none.
    n_matched : int
        Stars used in the fit.
    degree : int
        Of the polynomial; 1 is a linear correction of the nominal WCS.
    rms_ra, rms_dec : float
        Of the residuals of the stars used, arcseconds (reference minus solution; right ascension times cos(dec)).
    mean_ra, mean_dec : float
        Their means, arcseconds.
    holdout_rms : float
        Of stars predicted by fits without them, per axis, arcseconds.
    offset : (float, float)
        Displacement found at the middle of the frame, arcseconds east and north.
    rotation, scale, parity
        Degrees (position angle, north through east), relative scale and parity of the solution with respect to the
        nominal WCS.
    pairs : intp array (n, 2)
        Index of source and reference star of the stars used.
    residuals : float64 array (n, 2)
        Arcseconds, as rms_ra and rms_dec.
    log_chance : float
        log10 of the false matches expected; see `awe.science.match.Match`.
    n_clean : int
        Stars used that nothing is said against: not saturated, blended or at the border.
    coverage : float
        Part of the frame, weighted by what could be matched there, in which stars were matched as often as on average.
    """

    status: str
    reason: str
    wcs: Wcs
    n_matched: int = 0
    degree: int = 0
    rms_ra: float = math.nan
    rms_dec: float = math.nan
    mean_ra: float = math.nan
    mean_dec: float = math.nan
    holdout_rms: float = math.nan
    offset: tuple[float, float] = (math.nan, math.nan)
    rotation: float = math.nan
    scale: float = math.nan
    parity: int = 1
    pairs: Indices = field(default_factory=lambda: np.zeros((0, 2), np.intp))
    residuals: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    log_chance: float = 0.0
    n_clean: int = 0
    coverage: float = math.nan

    @property
    def ok(self) -> bool:
        """Whether there is a solution."""
        return self.status == SOLVED
