"""The natural band of a filter against bands of a catalogue, from the stars of many frames whose zero points are not known."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def on_one_zero_point(instrumental: Floats, magnitude: Floats, colour: Floats, frame: NDArray[np.intp], *, clip: float = 3.0) -> Floats:
    """Bring the instrumental magnitudes of some frames to the zero point of a catalogue, whatever their colour term is.

    All frames have one slope of magnitude difference against colour, and each a constant of its own: within a frame the slope does not
    depend on the constant, so the slope comes first, then each constant as the median of what is left.

    Parameters
    ----------
    instrumental, magnitude, colour : float64 arrays (n,)
        Instrumental magnitudes, those of the catalogue, and colours of the catalogue.
    frame : intp array (n,)
        From 0: the frame of each star.
    clip : float
        Stars further from the line than this, in standard deviations, do not count for the slope.

    Returns
    -------
    float64 array (n,)
        Instrumental magnitudes without the constants of their frames: the natural magnitude, equal to that of the catalogue at a colour
        of 0. NaN where anything is not finite.
    """
    offset = np.asarray(instrumental, np.float64) - magnitude
    known = np.isfinite(offset) & np.isfinite(colour)
    good, slope = known.copy(), 0.0
    for _ in range(10):
        y, x = _centred(offset, frame, good), _centred(np.asarray(colour, np.float64), frame, good)
        square = float(np.sum(x[good] ** 2))
        slope = float(np.sum(x[good] * y[good])) / square if square > 0 else 0.0
        residual = offset - slope * colour
        residual = residual - _medians(residual, frame, good)
        scatter = 1.4826 * float(np.median(np.abs(residual[good]))) if good.any() else 0.0
        keep = known & (np.abs(residual) <= clip * max(scatter, 1e-4))
        if np.array_equal(keep, good):
            break
        good = keep
    constant = _medians(offset - slope * colour, frame, good)
    return np.asarray(np.where(known, instrumental - constant, np.nan), np.float64)


def _medians(values: Floats, frame: NDArray[np.intp], good: NDArray[np.bool_]) -> Floats:
    """Return for each value the median of the good ones of its frame; NaN where there is none."""
    found = np.full(int(frame.max(initial=-1)) + 1, np.nan)
    for one in np.unique(frame[good]):
        found[one] = np.median(values[good & (frame == one)])
    return found[frame]


def _centred(values: Floats, frame: NDArray[np.intp], good: NDArray[np.bool_]) -> Floats:
    """Return values minus the mean of the good ones of their frame."""
    number = np.bincount(frame[good], minlength=int(frame.max(initial=-1)) + 1)
    total = np.bincount(frame[good], values[good], minlength=len(number))
    return np.asarray(values - (total / np.maximum(number, 1))[frame], np.float64)
