"""RegriddedFrame: a frame on the pixels of a sky tile."""
from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.background import background
from awe.science.grid import Tile, Window
from awe.science.mask import NO_WEIGHT
from awe.science.pixelarea import relative_area
from awe.science.regrid import METHODS, regrid
from awe.science.wcs import Wcs
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.backgroundframe import BackgroundFrame
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.gastrometric import GAstrometric
from awe.targets.ghostmap import GhostMap
from awe.targets.illuminationcorrection import IlluminationCorrection
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.photometricparameters import PhotometricParameters
from awe.targets.reduced import ReducedScienceFrame


class RegriddedFrame(BaseFrame):
    """One frame, its sky subtracted, at a common zero point, on the grid of a tile, whose pixels all frames of the tile share."""

    plan_number = "636"
    version = 3
    unit = "count/s"

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    tile = key(str, "name of the sky tile")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    astrometry = depends_on(AstrometricParameters, "where it is")
    photometry = depends_on(PhotometricParameters, "its zero point")
    gastrometric = depends_on(GAstrometric, "the solution of all frames of the field", optional=True,
                              same=("instrument", "filter", "object=reduced.raw.object", "mode=global_mode"))

    illumination = depends_on(IlluminationCorrection, "divided out, where the instrument file says `illumination = \"correct\"`",
                              same=("instrument", "chip", "filter", "readout_mode=reduced.raw.readout_mode",
                                    "method=instrument.illumination_method"), optional=True)

    ghosts = depends_on(GhostMap, "pixels without weight, where the instrument file has a `[[ghost]]`", optional=True,
                        same=("instrument", "chip", "filter", "exposure", "method=instrument.ghost_method"))
    sky_model = depends_on(BackgroundFrame, "what is subtracted, where `background_type` says so", optional=True,
                           same=("instrument", "chip", "filter", "exposure", "method=background_method"))

    astrometric_solution = parameter("local", "where it is: by its own solution, or by that of all frames of the field",
                                     choices=("local", "global"), was="local")
    pixel_scale = parameter(0.0, "size of the pixels; 0 is that of the instrument", unit="arcsec", at_least=0.0)
    target_zero_point = parameter(30.0, "zero point that fluxes are brought to", unit="mag")
    resample_type = parameter("lanczos", "lanczos, which is sharp; or exact, by shares of pixels, which keeps each photon", choices=METHODS)
    background_type = parameter("mesh", "what is subtracted: mesh, constant, target (that of BackgroundFrame) or none",
                                choices=("mesh", "constant", "target", "none"))
    background_mesh = parameter(128, "size of the mesh", unit="pix", at_least=8)

    scale = attribute(float, "size of the pixels", unit="arcsec")
    x0 = attribute(int, "first column on the grid of the tile", unit="pix")
    y0 = attribute(int, "first row on the grid of the tile", unit="pix")
    flux_scale = attribute(float, "factor that fluxes were multiplied by")
    sky = attribute(float, "level that was subtracted", unit="electron")
    seeing = attribute(float, "FWHM of star-like sources", unit="arcsec")
    noise_ratio = attribute(float, "scatter of single pixels over the root of the variance plane")
    wcs_error = attribute(float, "largest error of the sparse transformation", unit="pix")

    limits = (Limit("wcs_error", flag=Flag.BAD_ASTROMETRY, at_most=0.01),)

    @staticmethod
    def key_global_mode(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """A global solution is asked for only where it is wanted."""
        return "global" if parameters.get("astrometric_solution") == "global" else None

    @staticmethod
    def key_background_method(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """A background frame is asked for only where it is to be subtracted."""
        return "mesh" if parameters.get("background_type") == "target" else None

    def make(self) -> None:
        image, wcs = self.without_ghosts(self.reduced.image), self.solution()
        assert image.variance is not None and image.weight is not None and image.mask is not None
        self.scale = self.pixel_scale or self.nominal_scale()
        self.flux_scale = float(10.0 ** (0.4 * (self.target_zero_point - self.photometry.zero_point)) / self.reduced.exptime)
        found = regrid(image.data, image.variance, image.mask, wcs, self.tile, self.scale, weight=image.weight,
                       background=self.sky_of(image), area=self.factor(wcs, image.data.shape), flux_scale=self.flux_scale,
                       method=self.resample_type)
        self.x0, self.y0 = found.window.x0, found.window.y0
        self.seeing, self.noise_ratio, self.wcs_error = self.astrometry.seeing, found.noise_ratio, found.wcs_error
        self.quality_flags = (self.quality_flags or 0) | carried(self.astrometry) | carried(self.photometry)
        self.image = Image(found.data, found.variance, found.weight, found.mask, cards=self.cards(found.window))

    def without_ghosts(self, image: Image) -> Image:
        """The frame with the bit of ghosts, and no weight there."""
        if self.ghosts is None:
            if self.instrument.ghost_method:
                self.raise_flag(Flag.NOT_CORRECTED)
            return image
        assert image.mask is not None and image.weight is not None
        plane = self.ghosts.image.data
        return image.replace(mask=image.mask | plane.astype(np.uint16), weight=np.where(plane != 0, np.float32(0), image.weight))

    def factor(self, wcs: Wcs, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """What the fluxes of pixels are multiplied by: their size on the sky, over the response that the flat missed."""
        area = relative_area(wcs, shape)
        if self.illumination is not None:
            return np.asarray(area / self.illumination.of_flat(self.reduced.flat), np.float32)
        if self.instrument.illumination_method:
            self.raise_flag(Flag.NOT_CORRECTED)
        return area

    def solution(self) -> Wcs:
        """The WCS of the frame; its own, with a flag, where a global one is wanted and there is none."""
        if self.gastrometric is not None:
            return self.gastrometric.as_wcs(self.exposure, self.chip.name)
        if self.astrometric_solution == "global":
            self.raise_flag(Flag.LOCAL_ASTROMETRY)
        return self.astrometry.as_wcs()

    def nominal_scale(self) -> float:
        """The pixel size of the instrument, binned as the frame is; else that of the solution, as all frames of a camera round it."""
        stated, solved = self.instrument.pixel_scale, self.astrometry.pixel_scale
        if stated and np.isfinite(stated):
            return float(f"{stated * max(1, round(solved / stated)):.6g}")
        return float(f"{10.0 ** (round(10.0 * math.log10(solved)) / 10.0):.3g}")

    def sky_of(self, image: Image) -> NDArray[np.float32] | float:
        """What is subtracted as sky."""
        self.sky = 0.0
        if self.background_type == "none":
            return 0.0
        assert image.mask is not None
        if self.background_type == "target":
            if self.sky_model is None:
                raise PermanentError(f"background_type is target, and no BackgroundFrame of {self.exposure} {self.chip.name} could be had; "
                                     "set it to mesh, or ask for the BackgroundFrame to see why")
            self.sky = self.sky_model.level
            return self.sky_model.planes()[0]
        found = background(image.data, image.mask & np.uint16(NO_WEIGHT), mesh=self.background_mesh)
        self.sky = found.globallevel if np.isfinite(found.globallevel) else 0.0
        return found.level if self.background_type == "mesh" else self.sky

    def cards(self, window: Window) -> dict[str, object]:
        """The header."""
        return {"INSTRUME": self.instrument.name, "CHIP": self.chip.name, "FILTER": self.filter.name, "OBJECT": self.reduced.object,
                "TILE": self.tile, "MAGZERO": self.target_zero_point, "EXPTIME": 1.0,
                "GAIN": 1.0 / self.flux_scale, **Tile(self.tile).wcs(self.scale, window).cards()}

    @property
    def window(self) -> Window:
        """Where it lies on the grid of the tile."""
        ny, nx = self.image.data.shape
        return Window(self.x0, self.y0, nx, ny)

    @property
    def wcs_cards(self) -> dict[str, object]:
        """The celestial cards of the image."""
        return json.loads(json.dumps(Tile(self.tile).wcs(self.scale, self.window).cards()))  # type: ignore[no-any-return]


def carried(target: AstrometricParameters | PhotometricParameters) -> int:
    """The flags that tell of what it was made with."""
    return int(target.quality_flags) & int(Flag.RELATIVE_ASTROMETRY | Flag.NO_ZEROPOINT)
