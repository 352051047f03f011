"""MasterBias: 541."""
from __future__ import annotations

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.bias import master_bias
from awe.science.mask import Bit
from awe.targets.calibration import Calibration, listed
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.overscan import OPTIONS, option_for
from awe.targets.raw import RawBiasFrame, all_assembled
from awe.targets.readnoise import ReadNoise


class MasterBias(BaseFrame, Calibration):
    """Mean of the bias frames of one night, outliers rejected by the measured read noise."""

    version = 3
    plan_number = "541"
    validity = (7.0, 7.0)

    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawBiasFrame, "bias frames of one night", same=("instrument", "chip", "readout_mode"),
                           within="night", at_least=3)
    read_noise = depends_on(ReadNoise, "what outliers are judged by")

    sigma_clip = parameter(3.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)
    overscan = parameter("auto", "what is subtracted; auto: as the instrument file says, else per row", choices=OPTIONS)

    overscan_used = attribute(str, "what was subtracted; frames this bias is used on do the same")
    n_noisy = attribute(int, "pixels that scatter more than read noise explains", unit="pix")

    limits = (Limit("imstat.stdev", flag=Flag.NOISY, at_most=1e4),
              Limit("imstat.median", flag=Flag.CHANGED, at_most=500.0, compare=True))

    def make(self) -> None:
        self.overscan_used = option_for(self.overscan, self.raws[0])
        frames = all_assembled(self.raws, self.overscan_used)
        noise = frames[0].spread([value or 0.0 for value in listed(self.read_noise.read_noises)])
        found = master_bias(frames, noise, self.sigma_clip)
        self.n_noisy = int(np.count_nonzero(found.mask & np.uint16(Bit.NOISY)))
        self.image = Image(found.data, variance=found.variance, mask=found.mask, stdev=found.stdev,
                           cards={"OVERSCAN": self.overscan_used})
