"""MasterDark: 531."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.dark import MasterDark as Dark
from awe.science.dark import master_dark
from awe.targets.calibration import Calibration, gains, per_pixel, read_noises
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame, Product
from awe.targets.gainlinearity import GainLinearity
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.raw import RawDarkFrame


class MasterDark(BaseFrame, Calibration):
    """Dark current, bias-subtracted, per second."""

    version = 2
    plan_number = "531"
    validity = (30.0, 30.0)
    unit = "electron/s"

    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawDarkFrame, "darks of one night", same=("instrument", "chip", "readout_mode"), within="night", at_least=1)
    bias = depends_on(MasterBias, "subtracted")
    gain = depends_on(GainLinearity, "measured gain", optional=True)

    sigma_clip = parameter(4.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)

    exptime = attribute(float, "exposure time that it stands for, mean of the darks", unit="s")
    shortest = attribute(float, "shortest of them", unit="s")
    longest = attribute(float, "longest of them", unit="s")
    dark_current = attribute(float, "median rate", unit="electron/s")

    limits = (Limit("dark_current", flag=Flag.LEVEL, at_least=-100.0, at_most=1e4),)

    def make(self) -> None:
        found = self.average(self.raws, self)
        self.exptime, self.shortest, self.longest = found.exptime, found.shortest, found.longest
        self.image = Image(found.data, variance=found.variance, mask=found.mask, cards={"EXPTIME": found.exptime})
        self.dark_current = self.imstat.median

    def average(self, raws: Sequence[RawDarkFrame], consumer: Product) -> Dark:
        """The rate of some darks; `consumer` is told where the gain is not known."""
        frames = [raw.assembled(self.bias.overscan_used) for raw in raws]
        bias = self.bias.image
        factors = gains(consumer, frames[0], self.gain)
        electrons = read_noises(frames[0], self.bias.read_noise, factors)
        noise = per_pixel([one / factor for one, factor in zip(electrons, factors, strict=True)], frames[0])
        return master_dark([frame.data - bias.data for frame in frames], [raw.exptime for raw in raws], per_pixel(factors, frames[0]),
                           noise, np.asarray(bias.variance), self.sigma_clip)

    def as_dark(self) -> Dark:
        """What the science functions take."""
        image = self.image
        assert image.variance is not None and image.mask is not None
        return Dark(image.data, image.variance, np.full(image.data.shape, len(self.raws), np.uint16), image.mask,
                    self.exptime, self.shortest, self.longest)

    def of_time(self, exptime: float, tolerance: float, consumer: Product) -> Dark | None:
        """The average of its darks of one exposure time, within a relative tolerance; None where it has none."""
        alike = [raw for raw in self.raws if abs(raw.exptime / exptime - 1) <= tolerance]
        if not alike:
            return None
        return self.as_dark() if len(alike) == len(self.raws) else self.average(alike, consumer)
