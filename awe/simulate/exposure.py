"""One exposure of the run: when, of what, and under which sky."""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["bias", "dark", "dome flat", "twilight flat", "object"]


@dataclass(frozen=True)
class Conditions:
    """What the sky and the telescope did during a science exposure; the header knows only `wanted` and `airmass`."""

    wanted: tuple[float, float]
    """RA and Dec in degrees that the header claims for the optical axis."""
    pointing: tuple[float, float]
    """RA and Dec in degrees that the optical axis had."""
    rotation: float
    """Degrees by which the camera was turned."""
    seeing: float
    """Full width at half maximum in arcsec."""
    ellipticity: tuple[float, float]
    """Reduced shear of the point spread function."""
    transparency: float
    """Fraction of the light that clouds let through."""
    sky: float
    """Electrons per second and pixel on the optical axis."""
    airmass: float


@dataclass(frozen=True)
class Exposure:
    """One raw file of the run; `start` is UTC."""

    number: int
    kind: Kind
    night: int
    start: datetime
    exposure_time: float
    filter: str | None = None
    object: str = ""
    level: float = 0.0
    """Electrons per pixel of a flat field."""
    conditions: Conditions | None = field(default=None)

    @property
    def stem(self) -> str:
        """Name of the raw file without its ending."""
        return f"simcam.{self.start:%Y%m%d}.{self.number:04d}"
