"""How far positions, magnitudes and masks are from the truth: plain arrays in, figures out.

Nothing here is used to make what is compared: matching and spherical geometry are astropy's.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: What is masked though it deviates by no more than so many sigma is masked falsely.
UNTOUCHED = 1.0
#: What deviates by more than so many sigma should be masked.
DEVIATING = 5.0
#: The part of a neighbour's light that an aperture holds at the distance where blends end, and the power of the distance by which it falls:
#: a Moffat profile of 1.35 arcsec and index 3.5 in an aperture of 1.5 FWHM, 4 arcsec away.
WINGS, STEEPNESS = 0.002, 7.0


@dataclass(frozen=True)
class Figure:
    """One figure of merit, with the range it should be in; without one it is told, and not judged."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it is in its range; what is not a number is in none."""
        if self.at_least is None and self.at_most is None:
            return True
        low, high = (self.at_least, -np.inf)[self.at_least is None], (self.at_most, np.inf)[self.at_most is None]
        return bool(low <= self.value <= high)  # type: ignore[operator]

    @property
    def bar(self) -> str:
        """The range in words."""
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}" if self.at_least is not None else ""


def matched(ra: Floats, dec: Floats, true_ra: Floats, true_dec: Floats, within: float) -> tuple[Indices, Indices]:
    """Pairs of measured and true sources that are each other's nearest, no more than `within` arcsec apart."""
    if not len(ra) or not len(true_ra):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    here, there = SkyCoord(ra * u.deg, dec * u.deg), SkyCoord(true_ra * u.deg, true_dec * u.deg)
    nearest, distance, _ = here.match_to_catalog_sky(there)
    back, _, _ = there.match_to_catalog_sky(here)
    index = np.arange(len(ra))
    mutual = (back[nearest] == index) & (distance.arcsec <= within)
    return index[mutual].astype(np.int64), np.asarray(nearest)[mutual].astype(np.int64)


def offsets(ra: Floats, dec: Floats, true_ra: Floats, true_dec: Floats) -> tuple[Floats, Floats]:
    """Measured minus true position on the sky, in arcsec: towards east, towards north."""
    east = (np.remainder(ra - true_ra + 180.0, 360.0) - 180.0) * np.cos(np.radians(true_dec))
    return east * 3600.0, (dec - true_dec) * 3600.0


def position_figures(east: Floats, north: Floats, pixel_scale: float) -> list[Figure]:
    """The scatter of positions about zero, per coordinate, and their means, in pixels."""
    x, y = east / pixel_scale, north / pixel_scale
    rms = float(np.sqrt(np.mean(np.concatenate([x, y]) ** 2))) if len(x) else float("nan")
    means = [float(np.mean(each)) if len(each) else float("nan") for each in (x, y)]
    return [Figure("positions: rms about zero", rms, at_most=0.1, unit="pix"), Figure("positions: mean, east", means[0], unit="pix"),
            Figure("positions: mean, north", means[1], unit="pix")]


def magnitude_figures(measured: Floats, errors: Floats, true: Floats) -> list[Figure]:
    """Mean and scatter of measured minus true magnitudes, and the scatter in units of the stated errors.

    The errors are those of single sources.  That of the zero point, which all share, is no part of them, so pulls are about the mean
    difference, weighted as errors say, which stands in the figure of the bias.
    """
    if len(measured) < 2:
        bias = rms = pulls = float("nan")
    else:
        difference = measured - true
        bias, rms = float(np.mean(difference)), float(np.sqrt(np.mean(difference**2)))
        shared = np.average(difference, weights=errors**-2.0)
        pulls = float(np.std((difference - shared) / errors, ddof=1))
    return [Figure("magnitudes: bias", bias, at_least=-0.01, at_most=0.01, unit="mag"),
            Figure("magnitudes: rms", rms, at_most=0.02, unit="mag"),
            Figure("magnitudes: pulls", pulls, at_least=0.9, at_most=1.2)]


def isolated(ra: Floats, dec: Floats, magnitude: Floats, chosen: NDArray[np.bool_], *, within: float, part: float) -> NDArray[np.bool_]:
    """Which of the `chosen` true sources have no neighbours that add more than `part` of their own light.

    All the light of neighbours within so many arcsec counts, and of others, to three times that distance, what an aperture holds of their
    wings.
    """
    sky = SkyCoord(ra * u.deg, dec * u.deg)
    wanted = np.flatnonzero(chosen)
    ours, others, distance = np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    if len(wanted):
        ours, others, separation, _ = sky.search_around_sky(sky[wanted], 3.0 * within * u.arcsec)
        distance = separation.arcsec
    other = others != wanted[ours]
    ours, others, distance = ours[other], others[other], distance[other]
    held = np.where(distance <= within, 1.0, WINGS * (within / np.maximum(distance, within)) ** STEEPNESS)
    light = np.bincount(ours, held * 10 ** (-0.4 * (magnitude[others] - magnitude[wanted[ours]])), len(wanted))
    found = np.zeros(len(ra), bool)
    found[wanted[light <= part]] = True
    return found


def near(ra: Floats, dec: Floats, other_ra: Floats, other_dec: Floats, *, within: float) -> NDArray[np.bool_]:
    """Which positions have another one within so many arcsec."""
    here, there = SkyCoord(ra * u.deg, dec * u.deg), SkyCoord(np.atleast_1d(other_ra) * u.deg, np.atleast_1d(other_dec) * u.deg)
    _, hit, _, _ = here.search_around_sky(there, within * u.arcsec)
    found = np.zeros(len(ra), bool)
    found[hit] = True
    return found


@dataclass(frozen=True)
class Pixels:
    """How many pixels deviate, how many of them were found, how many are as they should be, how many of those are masked."""

    deviating: int = 0
    found: int = 0
    untouched: int = 0
    falsely: int = 0

    def __add__(self, other: Pixels) -> Pixels:
        """Of several frames together."""
        return Pixels(self.deviating + other.deviating, self.found + other.found, self.untouched + other.untouched,
                      self.falsely + other.falsely)

    def figures(self) -> list[Figure]:
        """The two fractions, in per cent."""
        return [Figure("deviating pixels: found", 100.0 * self.found / self.deviating if self.deviating else float("nan"),
                       at_least=95.0, unit="%"),
                Figure("deviating pixels: false", 100.0 * self.falsely / self.untouched if self.untouched else float("nan"),
                       at_most=0.1, unit="%")]


def pixels(masked: NDArray[np.bool_], deviation: Floats, saturated: NDArray[np.bool_]) -> Pixels:
    """Count the pixels of one frame.

    Parameters
    ----------
    masked : bool array
        what the system would not use
    deviation : float array
        how far each pixel is from what the sky made it, in sigma
    saturated : bool array
        pixels that have no value; they deviate, whatever their charge
    """
    bad = (np.abs(deviation) > DEVIATING) | saturated
    good = (np.abs(deviation) <= UNTOUCHED) & ~saturated
    return Pixels(int(bad.sum()), int((bad & masked).sum()), int(good.sum()), int((good & masked).sum()))
