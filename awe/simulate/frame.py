"""One chip of one exposure: the electrons of its kind, read out, and for science the pixels that deviate."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from awe.simulate.band import BANDS
from awe.simulate.camera import Camera, Chip
from awe.simulate.config import RunConfig
from awe.simulate.cosmic import cosmic_rays
from awe.simulate.detector import Detector
from awe.simulate.drawing import Painter
from awe.simulate.exposure import Conditions, Exposure
from awe.simulate.projection import Projection, true_projection
from awe.simulate.readout import Counts, assembled, per_amplifier, read_out
from awe.simulate.sky import Sources, power_law
from awe.simulate.streams import Streams

Floats = npt.NDArray[np.float64]

DUSK_STARS = 2.0
"""Stars per square arcminute that show in a twilight flat."""


@dataclass(frozen=True)
class Frame:
    """The raw images of one chip by HDU index, and what is known about them."""

    raws: dict[int, Counts]
    projection: Projection | None
    deviating: dict[str, npt.NDArray[np.generic]]
    """Arrays of the truth of a science frame; see `deviating_pixels`. Empty for calibrations."""


class ChipSimulator:
    """Makes the frames of one chip of a run."""

    def __init__(
        self, config: RunConfig, camera: Camera, chip: Chip, detector: Detector, sources: Sources, streams: Streams
    ) -> None:
        self.config, self.camera, self.chip, self.detector = config, camera, chip, detector
        self.sources, self.streams = sources, streams

    def expose(self, exposure: Exposure) -> Frame:
        """Return the frame that this chip gives in an exposure."""
        rng = self.streams.rng("frame", exposure.number, self.chip.name)
        projection, light = self._light(exposure, rng)
        dark = self.detector.dark * (0.0 if exposure.kind == "bias" else exposure.exposure_time)
        collected = rng.poisson(light + dark).astype(np.float64)
        seconds = 0.0 if exposure.kind == "bias" else exposure.exposure_time
        cosmics = cosmic_rays(self.chip.shape, seconds, self.config.cosmic_rate, rng)
        raws = read_out(collected + cosmics, self.chip, self.detector, self.config.full_well, rng)
        deviating = {}
        if exposure.kind == "object":
            normal = light + self.config.dark_rate * seconds
            deviating = self.deviating_pixels(raws, normal, cosmics, seconds)
        return Frame(raws, projection, deviating)

    def deviating_pixels(
        self, raws: dict[int, Counts], normal: Floats, cosmics: Floats, seconds: float
    ) -> dict[str, npt.NDArray[np.generic]]:
        """Return the pixels of a science frame that are not what the sky made them, as compact arrays.

        Each kind has ``<kind>_index`` (int32, flat index y * nx + x of the assembled chip, 0-based) and
        ``<kind>_electrons`` (float32, how much the pixel differs from a good one); all kinds share
        ``<kind>_sigma`` (float32, electrons: noise of the pixel if it were good, its own light included).
        Kinds: cosmic, hot, cold, saturated (raw counts at or above the level of the amplifier; electrons are 0 there).
        `shape` is (ny, nx).
        """
        healthy = normal / np.where(self.detector.cold, self.detector.damage, 1.0)
        sigma = np.sqrt(healthy + per_amplifier(self.chip, "read_noise") ** 2)
        saturated = assembled(raws, self.chip) >= per_amplifier(self.chip, "saturation")
        excess = (self.detector.dark - self.config.dark_rate) * seconds
        kinds = {
            "cosmic": (cosmics > 0, cosmics), "hot": (self.detector.hot, excess),
            "cold": (self.detector.cold, normal - healthy), "saturated": (saturated, np.zeros_like(normal)),
        }
        arrays: dict[str, npt.NDArray[np.generic]] = {"shape": np.array(self.chip.shape, dtype=np.int32)}
        for kind, (where, electrons) in kinds.items():
            index = np.flatnonzero(where)
            arrays[f"{kind}_index"] = index.astype(np.int32)
            arrays[f"{kind}_electrons"] = electrons.ravel()[index].astype(np.float32)
            arrays[f"{kind}_sigma"] = sigma.ravel()[index].astype(np.float32)
        return arrays

    def _light(self, exposure: Exposure, rng: np.random.Generator) -> tuple[Projection | None, Floats]:
        """Return expected electrons from the sky or a lamp, and where the sky fell."""
        if exposure.filter is None:
            return None, np.zeros(self.chip.shape)
        response = self.detector.response[exposure.filter]
        if exposure.kind == "dome flat":
            area = true_projection(self.config, self.camera, self.chip, (0.0, 0.0), 0.0).pixel_area(self.chip.shape)
            lit = 1.0 + self._shutter_delay() / exposure.exposure_time
            return None, exposure.level * lit * self._tilt(self.config.dome_gradient, 0.6) * area * response
        if exposure.conditions is None:
            return None, self._dusk(exposure, rng) * response
        projection, light = self._field(exposure, exposure.conditions)
        return projection, light * response

    def _field(self, exposure: Exposure, sky: Conditions) -> tuple[Projection, Floats]:
        """Sky background and sources of a science exposure."""
        projection = true_projection(self.config, self.camera, self.chip, sky.pointing, sky.rotation)
        x, y = projection.to_pixel(self.sources["ra"], self.sources["dec"])
        electrons = true_electrons(self.sources, exposure)
        painter = Painter(sky.seeing, sky.ellipticity, self.config.pixel_scale)
        objects = painter.draw(self.chip.shape, x, y, electrons, self.sources)
        return projection, objects + sky.sky * exposure.exposure_time * projection.pixel_area(self.chip.shape)

    def _dusk(self, exposure: Exposure, rng: np.random.Generator) -> Floats:
        """The bright sky of dusk: a gradient that differs per exposure, and stars of another field."""
        area = true_projection(self.config, self.camera, self.chip, (0.0, 0.0), 0.0).pixel_area(self.chip.shape)
        direction = self.streams.rng("dusk", exposure.number).uniform(0, 2 * math.pi)
        sky = exposure.level * self._tilt(self.config.twilight_gradient, direction) * area
        ny, nx = self.chip.shape
        count = int(rng.poisson(DUSK_STARS * ny * nx * (self.config.pixel_scale / 60) ** 2)) + 1
        band = BANDS[exposure.filter or ""]
        magnitude = power_law(rng, 0.3, (9.0, 15.0), count)
        electrons = exposure.exposure_time * 10 ** (-0.4 * (magnitude - band.zero_point))
        x, y = rng.uniform(0, nx, count), rng.uniform(0, ny, count)
        painter = Painter(self.config.seeing * 1.3, (0.0, 0.0), self.config.pixel_scale)
        return sky + painter.draw((ny, nx), x, y, electrons)

    def _shutter_delay(self) -> Floats | float:
        """Seconds by which an iris lights each pixel longer than said: none in the corners of the mosaic."""
        if not self.config.shutter_delay:
            return 0.0
        y, x = np.mgrid[: self.chip.shape[0], : self.chip.shape[1]]
        distance = ((x - self.chip.x_axis) ** 2 + (y - self.chip.y_axis) ** 2) / self.camera.radius**2
        return np.asarray(self.config.shutter_delay * (1.0 - distance), dtype=np.float64)

    def _tilt(self, slope: float, direction: float) -> Floats:
        """A plane over the whole mosaic, 1 on the axis and 1 + slope at its edge."""
        y, x = np.mgrid[: self.chip.shape[0], : self.chip.shape[1]]
        along = (x - self.chip.x_axis) * math.cos(direction) + (y - self.chip.y_axis) * math.sin(direction)
        return np.asarray(1 + slope * along / self.camera.radius, dtype=np.float64)


def true_electrons(sources: Sources, exposure: Exposure) -> Floats:
    """Return the electrons of every source in an exposure, clouds and airmass included, at a response of 1."""
    if exposure.filter is None or exposure.conditions is None:
        raise ValueError(f"exposure {exposure.number} is a {exposure.kind}, which sees no sources")
    band = BANDS[exposure.filter]
    magnitude = sources[f"mag_{exposure.filter}"] + band.extinction * exposure.conditions.airmass
    rate = 10 ** (-0.4 * (magnitude - band.zero_point)) * exposure.conditions.transparency
    return np.asarray(rate * exposure.exposure_time, dtype=np.float64)
