"""What is simulated: the size of the camera, the number of frames, the state of sky and detector."""
from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from awe.errors import ConfigError
from awe.simulate.band import BANDS

GAP = 40
"""Pixels between neighbouring chips."""


@dataclass(frozen=True)
class RunConfig:
    """Settings of a simulated run; the defaults are those of the quickstart.

    Counts of frames are per night, and for flats and science per filter too.
    Lengths are in pixels, angles in arcseconds, times in seconds, densities per square arcminute.
    """

    chips: int = 2
    width: int = 1024
    height: int = 1024
    filters: tuple[str, ...] = ("r",)
    nights: int = 1
    first_night: date = date(2024, 3, 10)
    field_name: str = "FIELD1"
    field: tuple[float, float] | None = None
    """RA and Dec in degrees of the field; None draws one that is high in the sky."""

    biases: int = 5
    darks: int = 3
    domes: int = 5
    twilights: int = 5
    exposures: int = 5
    exposure_time: float = 60.0
    dark_time: float = 60.0

    pixel_scale: float = 0.3
    prescan: int = 8
    overscan: int = 24
    full_well: float = 90_000.0
    dark_rate: float = 0.02
    hot_fraction: float = 5e-4
    cold_fraction: float = 5e-4
    cosmic_rate: float = 1.3
    """Cosmic rays per second and million pixels."""

    star_density: float = 24.0
    star_limits: tuple[float, float] = (15.0, 22.5)
    """Brightest and faintest magnitude: few stars are saturated, and most are bright enough to compare magnitudes with the truth."""
    star_slope: float = 0.10
    """Their number grows as 10^(slope mag)."""
    galaxy_density: float = 25.0
    seeing: float = 0.9
    worst_seeing: float = 1.5
    worst_transparency: float = 0.2
    """Magnitudes that the poorest exposure loses."""
    worst_sky: float = 1.6
    dither: float = 20.0
    pointing_error: float = 20.0
    rotation: float = 1.0
    """Degrees by which the second science exposure of the run is rotated without its header knowing."""
    distortion: float = 1.5
    """Arcseconds by which the optics displace an image at the corner of the mosaic."""
    dome_gradient: float = 0.02
    dome_times: tuple[float, ...] = (6.0,)
    """Exposure times of dome flats, one after the other; their light goes with the time."""
    shutter_delay: float = 0.0
    """Seconds by which the middle of the mosaic is lit longer than its corners in dome flats."""
    twilight_gradient: float = 0.005

    position_error: float = 15.0
    """Milliarcseconds, per coordinate, of the reference catalogue."""
    magnitude_error: float = 0.02
    wrong_entries: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a run that cannot be simulated."""
        for name in ("chips", "nights", "biases", "darks", "domes", "twilights", "exposures"):
            least = 1 if name in ("chips", "nights") else 0
            if getattr(self, name) < least:
                raise ConfigError(f"simulation: {name} is {getattr(self, name)}; give at least {least}")
        if min(self.width, self.height) < 64:
            raise ConfigError(f"simulation: chips of {self.width} x {self.height} pixels; give at least 64 x 64")
        if not self.dome_times or min(self.dome_times) <= 0:
            raise ConfigError(f"simulation: dome_times are {list(self.dome_times)}; give one or more, above 0 s")
        unknown = [name for name in self.filters if name not in BANDS]
        if unknown or not self.filters:
            raise ConfigError(f"simulation: filters are {list(self.filters)}; choose from {', '.join(BANDS)}")

    @classmethod
    def small(cls, **changes: object) -> RunConfig:
        """Return a run for tests: chips of 256 x 256 pixels, done in a few seconds."""
        settings: dict[str, object] = {
            "width": 256, "height": 256, "star_density": 60.0, "star_limits": (13.8, 23.5), "star_slope": 0.15, "galaxy_density": 40.0,
            "dither": 10.0, "distortion": 0.5,
        }
        return replace(cls(), **(settings | changes))  # type: ignore[arg-type]
