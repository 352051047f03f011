"""GhostMap: 572."""
from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.matching import match
from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.background import background
from awe.science.ghosts import Reflection, covered, excess, ghosts
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.sources import FLAG_SATURATED, extract
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.chip import Chip
from awe.targets.figures import ghost_figure
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.nominal import first_wcs
from awe.targets.photometricparameters import PhotometricParameters
from awe.targets.reduced import ReducedScienceFrame

#: Stars of a catalogue are looked for no further from the optical axis than this, degrees.
FURTHEST = 3.0
#: Saturated sources further than this from any star of the catalogue are none of its own, arcsec.
OWN = 5.0
#: What ghosts add is told, relative to the model, where its error is below this.
SURE = 0.25


class GhostMap(BaseFrame):
    """Pixels in the ghosts of bright stars: reflections in the optics, by the model of the instrument file (`[[ghost]]`).

    The stars are those of the reference catalogue, also beyond the edges of the chip, and saturated sources of the frame that it has not;
    without a catalogue all sources of the frame. A regridded frame gives them no weight.
    """

    plan_number = "572"
    unit = ""

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    method = key(str, "how ghosts are found: model")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    astrometry = depends_on(AstrometricParameters, "where it is")
    photometry = depends_on(PhotometricParameters, "how bright its stars are")

    threshold = parameter(0.5, "ghosts that add less to a pixel are left alone", unit="sigma of the sky", at_least=0.0)
    detection_threshold = parameter(20.0, "sources of the frame that are looked at", unit="sigma", at_least=1.0)

    n_ghosts = attribute(int, "ghosts that were masked")
    fraction = attribute(float, "part of the pixels that they cover")
    brightness = attribute(float, "how bright they are over what the model says; none where that cannot be told")
    brightness_error = attribute(float, "its standard error")
    ghosts = attribute(str, "their places, radii and what they add to a pixel, brightest first, at most 100, as JSON")

    limits = (Limit("fraction", flag=Flag.TOO_MANY_BAD_PIXELS, at_most=0.5),
              Limit("brightness", flag=Flag.GHOSTS, at_least=0.3, at_most=3.0, optional=True),
              Limit("fraction", flag=Flag.CHANGED, at_most=0.3, compare=True))

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "model"}

    def make(self) -> None:
        image = self.reduced.image
        assert image.mask is not None and image.weight is not None
        shape = (image.data.shape[0], image.data.shape[1])
        bad = np.asarray((image.mask & np.uint16(NO_WEIGHT)) != 0)
        sky = background(image.data, bad)
        reflections = self.reflections()
        x, y, flux = self.stars(sky, reflections, shape)
        there = image.weight > 0
        noise = float(1.0 / np.sqrt(np.median(image.weight[there]))) if there.any() else math.inf
        found = ghosts(x, y, flux, reflections, shape, self.threshold * noise)
        plane = covered(found, shape)
        self.n_ghosts, self.fraction = len(found), float(plane.mean())
        ratio, error = excess(image.data, ~bad & ~sky.objects, found)
        if error < SURE:
            self.brightness, self.brightness_error = ratio, error
        self.ghosts = json.dumps([[round(float(value), 4) for value in ghost] for ghost in found[:100]])
        self.image = Image(np.where(plane, np.uint16(Bit.GHOST), np.uint16(0)))

    def reflections(self) -> list[Reflection]:
        """The ghosts of the instrument file that the filter has, in pixels of the frame."""
        scale, (x, y) = self.astrometry.pixel_scale, first_wcs(self.reduced).wcs.crpix
        return [Reflection(one.radius / scale, one.hole / scale, one.flux_ratio, one.place,
                           (x + one.axis[0] / scale, y + one.axis[1] / scale))
                for one in self.instrument.definition.ghosts if one.shows_in(self.filter.name)]

    def stars(self, sky: Any, reflections: list[Reflection], shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Places on the grid of the chip, and light in electrons, of the stars that may have ghosts on it."""
        image, wcs = self.reduced.image, self.astrometry.as_wcs()
        found = extract(image.data, image.variance, image.mask, sky=sky, weight=image.weight, threshold=self.detection_threshold)
        x, y, flux = (np.asarray(values, np.float64) for values in (found["X_IMAGE"] - 1, found["Y_IMAGE"] - 1, found["FLUX_AUTO"]))
        catalogue = self.photometry.catalogue
        if catalogue is None or not reflections:
            return x, y, flux
        ra, dec = wcs.pixel_to_sky(*(np.array([value]) for value in reflections[0].axis))
        listed, _ = catalogue.near(float(ra[0]), float(dec[0]), self.reach(reflections, shape), self.photometry.band)
        there = np.isfinite(listed.magnitude)
        of_catalogue = 10.0 ** (-0.4 * (listed.magnitude - self.photometry.zero_point)) * self.reduced.exptime
        own = (found["FLAGS"] & FLAG_SATURATED) != 0
        own[match(*wcs.pixel_to_sky(x, y), listed.ra, listed.dec, OWN).first] = False
        places = wcs.sky_to_pixel(listed.ra[there], listed.dec[there])
        return (np.concatenate([places[0], x[own]]), np.concatenate([places[1], y[own]]),
                np.concatenate([of_catalogue[there], flux[own]]))

    def reach(self, reflections: list[Reflection], shape: tuple[int, int]) -> float:
        """How far from the optical axis stars may be whose ghosts reach the chip, degrees."""
        ny, nx = shape
        far = max((max(math.hypot(cx - one.axis[0], cy - one.axis[1]) for cx in (0, nx - 1) for cy in (0, ny - 1)) + one.radius)
                  / max(abs(one.place), 0.05) for one in reflections)
        return min(far * self.astrometry.pixel_scale / 3600.0, FURTHEST)

    def inspect(self) -> Any:
        """The frame, smoothed, with the ghosts that were masked."""
        return ghost_figure(self)
