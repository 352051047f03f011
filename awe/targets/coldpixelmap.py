"""ColdPixelMap: 535."""
from __future__ import annotations

from awe.dataflow.limits import Limit
from awe.dataflow.stamps import AS_LEAD
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.coldpixels import cold_pixels
from awe.targets.calibration import Calibration
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.masterflat import MasterFlat


class ColdPixelMap(BaseFrame, Calibration):
    """Pixels whose response to light is outside the limits, too low or too high."""

    plan_number = "535"
    validity = AS_LEAD
    unit = ""

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    flat = depends_on(MasterFlat, "where they show")

    threshold_low = parameter(0.8, "lowest good response, relative to the surroundings", at_least=0.0, at_most=1.0)
    threshold_high = parameter(1.2, "highest good response, relative to the surroundings", at_least=1.0)
    significance = parameter(5.0, "and this far outside, by the noise of the flat", unit="sigma", at_least=0.0)

    count = attribute(int, "number of cold pixels", unit="pix")
    fraction = attribute(float, "part of the pixels that are cold")

    limits = (Limit("fraction", flag=Flag.TOO_MANY_BAD_PIXELS, at_most=0.1),)

    def make(self) -> None:
        flat = self.flat.image
        found = cold_pixels(flat.data, flat.variance, self.threshold_low, self.threshold_high, self.significance, flat.mask)
        self.count, self.fraction = found.count, found.count / found.mask.size
        self.image = Image(found.mask)
