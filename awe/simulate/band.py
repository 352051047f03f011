"""The photometric bands of the simulated camera: how much light arrives, and how bright the night is."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """One band of the simulated camera; magnitudes are AB."""

    zero_point: float
    """Magnitude above the atmosphere that gives one electron per second."""
    sky: float
    """Magnitudes per square arcsecond of the dark night."""
    extinction: float
    """Magnitudes per airmass."""
    colour_slope: float
    """Magnitude in this band minus the one in r, per magnitude of g - r."""


BANDS: dict[str, Band] = {
    "u": Band(23.9, 22.5, 0.45, 2.4),
    "g": Band(25.6, 21.9, 0.18, 1.0),
    "r": Band(25.5, 21.0, 0.10, 0.0),
    "i": Band(25.2, 20.0, 0.06, -0.45),
    "z": Band(24.5, 19.0, 0.05, -0.70),
    "y": Band(23.7, 18.0, 0.05, -0.80),
}
"""Bands by name, bluest first."""
