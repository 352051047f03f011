"""ReadNoise: 521."""
from __future__ import annotations

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on_many, key, parameter
from awe.science.readnoise import read_noise
from awe.targets.calibration import Calibration, as_text, differs, listed, stated
from awe.targets.figures import amplifier_figure
from awe.targets.flags import Flag
from awe.targets.overscan import OPTIONS, option_for
from awe.targets.raw import RawBiasFrame, all_assembled


class ReadNoise(Calibration):
    """Read noise of each amplifier, from the differences of bias frames."""

    version = 2
    plan_number = "521"
    validity = (7.0, 7.0)

    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawBiasFrame, "bias frames of one night", same=("instrument", "chip", "readout_mode"),
                           within="night", at_least=2)

    overscan = parameter("auto", "what is subtracted; auto: as the instrument file says, else per row", choices=OPTIONS)
    rejection_threshold = parameter(4.0, "pixels further than this from the mean difference are left out", unit="sigma", at_least=1.0)
    maximum_iterations = parameter(10, "how often rejection is repeated at most", at_least=1)

    read_noise = attribute(float, "read noise, mean of the amplifiers", unit="adu")
    read_noises = attribute(str, "read noise of each amplifier in ADU, as JSON")
    mean_diff = attribute(float, "largest mean difference of two frames", unit="adu")
    median_diff = attribute(float, "largest median difference of two frames", unit="adu")

    limits = (Limit("read_noise", flag=Flag.READ_NOISE, at_least=1e-6, at_most=1000.0),
              Limit("read_noise", flag=Flag.CHANGED, at_most=5.0, compare=True))

    def make(self) -> None:
        frames = all_assembled(self.raws, option_for(self.overscan, self.raws[0]))
        found = read_noise([frame.data for frame in frames], frames[0].amplifier_index,
                           rejection_threshold=self.rejection_threshold, maximum_iterations=self.maximum_iterations)
        self.read_noises = as_text(found.read_noise)
        self.read_noise = float(np.nanmean(found.read_noise))
        self.mean_diff = float(np.nanmax(np.abs(found.mean_diff)))
        self.median_diff = float(np.nanmax(np.abs(found.median_diff)))
        gain, known = stated(frames[0], "gain"), stated(frames[0], "read_noise")
        electrons = [noise * factor if factor else None for noise, factor in zip(found.read_noise, gain, strict=True)]
        if differs(electrons, known):
            self.raise_flag(Flag.READ_NOISE_DIFFERS)

    def inspect(self) -> object:
        """The read noise of each amplifier."""
        return amplifier_figure(self, {"measured": listed(self.read_noises)}, "ADU")
