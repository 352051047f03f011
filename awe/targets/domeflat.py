"""DomeFlat: 542."""
from __future__ import annotations

from awe.dataflow.limits import Limit
from awe.persist.declare import depends_on, depends_on_many
from awe.science.flat import dome_flat
from awe.targets.flags import Flag
from awe.targets.flat import FlatFrame
from awe.targets.gainlinearity import GainLinearity
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.raw import RawDomeFlatFrame


class DomeFlat(FlatFrame):
    """Average of the dome flats of one night."""

    version = 2
    plan_number = "542"

    raws = depends_on_many(RawDomeFlatFrame, "dome flats of one night", same=("instrument", "chip", "filter", "readout_mode"),
                           within="night", at_least=3)
    bias = depends_on(MasterBias, "subtracted")
    gain = depends_on(GainLinearity, "measured gain", optional=True)
    dark = depends_on(MasterDark, "subtracted", optional=True)
    hot = depends_on(HotPixelMap, "pixels left out of the levels", optional=True)

    limits = (Limit("level", flag=Flag.LEVEL, at_least=50.0, at_most=1e7),)

    def make(self) -> None:
        self.average(dome_flat, self.raws, self.bias, self.dark, self.gain, self.hot)
