"""NightSkyFlat: 544."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.nightskyflat import night_sky
from awe.targets.calibration import Calibration
from awe.targets.coldpixelmap import ColdPixelMap
from awe.targets.detector import DetectorFrame
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.gainlinearity import GainLinearity
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.masterflat import MasterFlat
from awe.targets.raw import RawScienceFrame
from awe.targets.staticmask import StaticMask


class NightSkyFlat(DetectorFrame, Calibration):
    """Response on large scales that the dark sky shows beyond the master flat, from the dithered exposures of one night."""

    plan_number = "544"
    validity = (7.0, 7.0)
    unit = ""

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    method = key(str, "how it is measured: sky")
    raws = depends_on_many(RawScienceFrame, "exposures of one night", same=("instrument", "chip", "filter", "readout_mode"),
                           within="night", at_least=3, at_most=30)
    bias = depends_on(MasterBias, "subtracted")
    gain = depends_on(GainLinearity, "measured gain", optional=True)
    dark = depends_on(MasterDark, "subtracted", optional=True)
    flat = depends_on(MasterFlat, "divided out")
    hot = depends_on(HotPixelMap, "pixels left out", optional=True)
    cold = depends_on(ColdPixelMap, "pixels left out", optional=True)
    static = depends_on(StaticMask, "bad pixels that users marked", optional=True)

    smoothing = parameter(48.0, "sigma of the filter that takes small scales away", unit="pix", at_least=1.0)
    sigma_clip = parameter(3.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)
    object_threshold = parameter(2.0, "pixels further above the sky than this are objects", unit="sigma", at_least=0.5)

    flatness = attribute(float, "largest less smallest median of 32 sub-windows")
    n_frames = attribute(int, "number of exposures that went in")

    limits = (Limit("flatness", flag=Flag.NOT_FLAT, at_most=0.3),)

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "sky"}

    def make(self) -> None:
        frames = [self.calibrated(raw) for raw in self.raws]
        found = night_sky([frame.data for frame in frames], [frame.mask for frame in frames], self.smoothing, self.sigma_clip,
                          self.object_threshold)
        self.n_frames = len(frames)
        self.image = Image(found.data, variance=found.variance, mask=found.mask)
        self.flatness = self.imstat.flatness
