"""SkyFrame: the sky of one infrared exposure."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.skyframe import sky_frame
from awe.targets.coldpixelmap import ColdPixelMap
from awe.targets.detector import DetectorFrame
from awe.targets.filter import Filter
from awe.targets.gainlinearity import GainLinearity
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.masterflat import MasterFlat
from awe.targets.raw import RawScienceFrame
from awe.targets.staticmask import StaticMask


class SkyFrame(DetectorFrame):
    """Running median of the dithers around one exposure, in two passes with objects masked."""

    version = 2

    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    method = key(str, "how the sky is measured: dither")
    raw = depends_on(RawScienceFrame, "the exposure whose sky it is")
    raws = depends_on_many(RawScienceFrame, "the exposures around it", same=("instrument", "chip", "filter", "raw.readout_mode"),
                           within=0.06, at_least=3, at_most=9)
    bias = depends_on(MasterBias, "subtracted", same=("instrument", "chip", "raw.readout_mode"))
    gain = depends_on(GainLinearity, "measured gain", same=("instrument", "chip", "raw.readout_mode"), optional=True)
    dark = depends_on(MasterDark, "subtracted", same=("instrument", "chip", "raw.readout_mode"), optional=True)
    flat = depends_on(MasterFlat, "divided out", same=("instrument", "chip", "filter", "raw.readout_mode"))
    hot = depends_on(HotPixelMap, "pixels left out", same=("instrument", "chip", "raw.readout_mode"), optional=True)
    cold = depends_on(ColdPixelMap, "pixels left out", same=("instrument", "chip", "filter", "raw.readout_mode"), optional=True)
    static = depends_on(StaticMask, "bad pixels that users marked", optional=True, same=("instrument", "chip", "raw.readout_mode"))

    object_threshold = parameter(3.0, "pixels further above the sky than this are objects", unit="sigma", at_least=0.5)
    sigma_clip = parameter(3.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)

    n_frames = attribute(int, "number of exposures around it")
    level = attribute(float, "level of the sky", unit="electron")

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "dither"}

    def make(self) -> None:
        raws = [*(raw for raw in self.raws if raw.exposure != self.exposure), self.raw]
        raws.sort(key=lambda raw: (raw.date_obs, raw.exposure))
        frames = [self.calibrated(raw) for raw in raws]
        which = next(number for number, raw in enumerate(raws) if raw.exposure == self.exposure)
        found = sky_frame([frame.data for frame in frames], [frame.mask for frame in frames], window=len(frames) - 1,
                          clip=self.sigma_clip, threshold=self.object_threshold, which=[which])[0]
        self.n_frames, self.level = len(frames) - 1, found.level
        self.image = Image(found.data, variance=found.variance, mask=found.mask)
