"""IlluminationFrame: 548F."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe.dataflow.limits import Limit
from awe.dataflow.stamps import AS_LEAD
from awe.persist.declare import attribute, depends_on, key
from awe.science.illumination import corrected_flat
from awe.targets.calibration import Calibration
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.illuminationcorrection import IlluminationCorrection
from awe.targets.image import Image


class IlluminationFrame(BaseFrame, Calibration):
    """The master flat times the illumination correction: the response to stars, by which to divide what is to have their photometry.

    Regridded frames apply the correction itself, so that the sky stays as the flat made it; this frame is for those that divide once.
    """

    plan_number = "548F"
    validity = AS_LEAD
    unit = ""

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    method = key(str, "how the correction is measured: stars")
    illumination = depends_on(IlluminationCorrection, "the correction, with the flat that it is relative to")

    spread = attribute(float, "largest less smallest correction", unit="mag")
    median_error = attribute(float, "median relative error of a pixel")

    limits = (Limit("spread", flag=Flag.RESPONSE, at_most=0.5),
              Limit("imstat.median", flag=Flag.LEVEL, at_least=0.2, at_most=5.0),
              Limit("imstat.median", flag=Flag.CHANGED, at_most=0.2, compare=True))

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "stars"}

    def make(self) -> None:
        flat, surface = self.illumination.flat.image, self.illumination.image
        assert flat.variance is not None and surface.variance is not None and flat.mask is not None
        data, variance, self.median_error = corrected_flat(flat.data, flat.variance, flat.mask, surface.data, surface.variance)
        self.spread = self.illumination.spread
        self.image = Image(data, variance=variance, mask=flat.mask)
