"""Which frames are good enough for a coadd, and why the others are not."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """What is known of a frame.

    Parameters
    ----------
    seeing : float
        FWHM, arcsec.
    zero_point, zero_point_error : float
        Magnitude of one electron per second; NaN where it is not absolute.
    astrometric_error : float
        Residuals, arcsec.
    distance : float
        From the tangent point of the tile, degrees.
    """

    seeing: float = math.nan
    zero_point: float = math.nan
    zero_point_error: float = math.nan
    astrometric_error: float = math.nan
    distance: float = 0.0


@dataclass(frozen=True)
class Limits:
    """What is asked of frames; 0 asks nothing.

    Parameters
    ----------
    seeing, zero_point_error, astrometric_error, distance : float
        Largest values, in the units of `Quality`.
    extinction : float
        By how many magnitudes a zero point may be fainter than the best one.
    """

    seeing: float = 0.0
    extinction: float = 0.0
    zero_point_error: float = 0.0
    astrometric_error: float = 0.0
    distance: float = 0.0


def reasons(frames: Sequence[Quality], limits: Limits) -> list[str]:
    """Return, for each frame, why it is left out; empty where it is not. What is unknown (NaN) breaks a limit that is set.

    Zero points are compared where they are known; of frames whose zero points are all relative none is left out for that.
    """
    known = [frame.zero_point for frame in frames if math.isfinite(frame.zero_point)]
    best = max(known, default=math.nan)
    found = []
    for frame in frames:
        loss = best - frame.zero_point if known else 0.0
        asked = (("seeing", frame.seeing, limits.seeing, "arcsec"), ("extinction", loss, limits.extinction, "mag"),
                 ("error of the zero point", frame.zero_point_error if known else 0.0, limits.zero_point_error, "mag"),
                 ("astrometric residuals", frame.astrometric_error, limits.astrometric_error, "arcsec"),
                 ("distance from the tile", frame.distance, limits.distance, "deg"))
        found.append("; ".join(said(*one) for one in asked if one[2] > 0 and not one[1] <= one[2]))
    return found


def said(name: str, value: float, limit: float, unit: str) -> str:
    """Return in words by how much a limit is broken."""
    if not math.isfinite(value):
        return f"{name} unknown, and a limit of {limit:g} {unit} is set"
    return f"{name} {value:.3g} {unit}, above {limit:g}"
