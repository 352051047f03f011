"""HotPixelMap: 522."""
from __future__ import annotations

import numpy as np

from awe.dataflow.limits import Limit
from awe.dataflow.stamps import AS_LEAD
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.hotpixels import hot_pixels
from awe.targets.calibration import Calibration
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark


class HotPixelMap(BaseFrame, Calibration):
    """Pixels that collect charge without light: from the dark where there is one, else from the bias.

    Structure of the bias that is the same in every frame is subtracted with it, and makes no pixel bad.
    """

    plan_number = "522"
    validity = AS_LEAD
    unit = ""

    readout_mode = key(str, "binning, window, speed")
    bias = depends_on(MasterBias, "where hot pixels show if there is no dark")
    dark = depends_on(MasterDark, "where hot pixels show", optional=True)

    rejection_threshold = parameter(5.0, "pixels further above their surroundings than this are hot", unit="sigma", at_least=1.0)
    maximum_iterations = parameter(5, "how often rejection is repeated at most", at_least=1)

    count = attribute(int, "number of hot pixels", unit="pix")
    fraction = attribute(float, "part of the pixels that are hot")

    limits = (Limit("fraction", flag=Flag.TOO_MANY_BAD_PIXELS, at_most=0.1),)

    def make(self) -> None:
        source = (self.dark or self.bias).image
        assert source.variance is not None
        mask = hot_pixels(source.data, np.sqrt(source.variance), self.rejection_threshold, self.maximum_iterations).mask
        if self.dark is not None and source.mask is not None:
            mask = mask | source.mask
        self.count = int(np.count_nonzero(mask))
        self.fraction = self.count / mask.size
        self.image = Image(mask)
