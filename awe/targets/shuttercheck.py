"""ShutterCheck: 561."""
from __future__ import annotations

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.shutter import shutter_delay
from awe.targets.calibration import Calibration
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.raw import RawDomeFlatFrame


class ShutterCheck(BaseFrame, Calibration):
    """How much longer than said each part of a chip is lit, from dome flats of short and long exposure.

    Its image holds blocks of pixels. It is measured, and not applied: frames are long where it matters little.
    """

    plan_number = "561"
    version = 2
    validity = (90.0, 90.0)
    unit = "s"

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawDomeFlatFrame, "dome flats of one night", same=("instrument", "chip", "filter", "readout_mode"),
                           within="night", at_least=2)
    bias = depends_on(MasterBias, "subtracted")

    block = parameter(32, "size of the blocks", unit="pix", at_least=4)

    delay = attribute(float, "median of the blocks, to be added to the exposure time", unit="s")
    spread = attribute(float, "largest less smallest of the blocks, without the most extreme per cent", unit="s")

    limits = (Limit("delay", flag=Flag.SHUTTER, at_least=-1.0, at_most=1.0), Limit("spread", flag=Flag.SHUTTER, at_most=1.0))

    def make(self) -> None:
        frames = [raw.assembled(self.bias.overscan_used) for raw in self.raws]
        found = shutter_delay([frame.data - self.bias.image.data for frame in frames], [raw.exptime for raw in self.raws],
                              [frame.saturated for frame in frames], self.block)
        self.delay, self.spread = found.mean, found.spread
        self.image = Image(found.delay, variance=found.variance)
