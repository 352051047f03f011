"""QuickCheck: 547."""
from __future__ import annotations

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.combine import combine
from awe.targets.calibration import Calibration, gains, per_pixel
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.gainlinearity import GainLinearity
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.masterflat import MasterFlat
from awe.targets.raw import RawDomeFlatFrame


class QuickCheck(BaseFrame, Calibration):
    """A dome flat divided by the master flat in use: whether the detector responds as it did."""

    plan_number = "547"
    validity = (1.0, 1.0)
    unit = ""

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawDomeFlatFrame, "dome flats of one night", same=("instrument", "chip", "filter", "readout_mode"),
                           within="night", at_least=1, at_most=3)
    bias = depends_on(MasterBias, "subtracted")
    gain = depends_on(GainLinearity, "measured gain", optional=True)
    flat = depends_on(MasterFlat, "what it is compared with")

    sigma_clip = parameter(5.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)

    response = attribute(float, "level over exposure time, by the master flat", unit="electron/s")
    flatness = attribute(float, "largest less smallest median of 32 sub-windows of the ratio, whose median is 1")

    limits = (Limit("flatness", flag=Flag.RESPONSE, at_most=0.1),)

    def make(self) -> None:
        flat, bias = self.flat.image, self.bias.image
        assert flat.mask is not None
        frames = [raw.assembled(self.bias.overscan_used) for raw in self.raws]
        good = flat.data > 0
        gain = per_pixel(gains(self, frames[0], self.gain), frames[0])
        ratios = [np.where(good, (frame.data - bias.data) * gain, np.nan) / np.where(good, flat.data, 1) for frame in frames]
        masks = [flat.mask | frame.saturated.astype(np.uint16) for frame in frames]
        levels = [float(np.nanmedian(ratio[mask == 0])) if (mask == 0).any() else 0.0 for ratio, mask in zip(ratios, masks, strict=True)]
        usable = [number for number, level in enumerate(levels) if level > 0]
        found = combine([ratios[n] for n in usable], clip=self.sigma_clip, masks=[masks[n] for n in usable],
                        scale=[1.0 / levels[n] for n in usable])
        times = [self.raws[n].exptime for n in usable]
        self.response = float(np.median([levels[n] / time for n, time in zip(usable, times, strict=True) if time > 0]))
        self.image = Image(np.nan_to_num(found.data, nan=1.0), variance=np.nan_to_num(found.variance),
                           mask=np.where(found.n_used == 0, flat.mask | np.uint16(64), flat.mask))
        self.flatness = self.imstat.flatness
