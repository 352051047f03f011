"""MasterFlat: 546."""
from __future__ import annotations

import numpy as np

from awe.dataflow.limits import Limit
from awe.dataflow.stamps import AS_LEAD
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.flat import master_flat, normalise
from awe.science.lamp import without_lamp
from awe.science.mask import Bit
from awe.targets.calibration import Calibration
from awe.targets.domeflat import DomeFlat
from awe.targets.filter import Filter
from awe.targets.flags import DEAD, Flag
from awe.targets.flatlevel import FlatLevel
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.twilightflat import TwilightFlat


class MasterFlat(BaseFrame, Calibration):
    """Response to light: high spatial frequencies from the dome flat, low ones from the twilight flat; median 1 over the mosaic."""

    version = 2
    plan_number = "546"
    validity = AS_LEAD
    unit = ""

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    twilight = depends_on(TwilightFlat, "low spatial frequencies", optional=True)
    dome = depends_on(DomeFlat, "high spatial frequencies", optional=True)
    mosaic = depends_on(FlatLevel, "level of all chips")

    combine_type = parameter("both", "both, or one of them; where only one can be had, that one", choices=("both", "dome", "twilight"))
    smoothing = parameter(48.0, "sigma of the filter that separates high from low", unit="pix", at_least=1.0)

    lamp_degree = parameter(0, "a dome flat that is used alone is freed of a polynomial of this degree: the lamp; 0 leaves it", at_least=0,
                            at_most=4, was=0)

    combined = attribute(str, "what was combined: both, dome or twilight")

    limits = (Limit("imstat.flatness", flag=Flag.NOT_FLAT, at_most=2.0),
              Limit("imstat.median", flag=Flag.LEVEL, at_least=0.2, at_most=5.0),
              Limit("imstat.median", flag=Flag.CHANGED, at_most=0.2, compare=True))

    def make(self) -> None:
        self.combined = self.combine_type
        if self.dome is None or self.twilight is None:
            there = "dome" if self.dome is not None else "twilight"
            if self.combine_type not in ("both", there):
                raise PermanentError(f"combine_type is {self.combine_type}, and there is only a {there} flat; set it to both or {there}")
            self.combined = there
            self.raise_flag(Flag.SHAPE_ONLY)
        flat = master_flat(self.dome.as_flat() if self.dome else None, self.twilight.as_flat() if self.twilight else None,
                           self.combined, self.smoothing)
        if self.combined == "dome" and self.lamp_degree:
            flat = without_lamp(flat, self.lamp_degree)
        level = self.mosaic.dome_level if self.combined == "dome" else self.mosaic.twilight_level
        found = normalise(flat, float(level))
        if np.mean(found.mask & np.uint16(Bit.BAD | Bit.NO_DATA) != 0) > DEAD:
            self.raise_flag(Flag.PARTLY_DEAD)
        self.image = Image(found.data, variance=found.variance, mask=found.mask)
