"""MasterBias: 541."""
from __future__ import annotations

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.bias import master_bias
from awe.targets.calibration import Calibration, listed, per_pixel
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.overscan import OPTIONS, option_for
from awe.targets.raw import RawBiasFrame
from awe.targets.readnoise import ReadNoise


class MasterBias(BaseFrame, Calibration):
    """Mean of the bias frames of one night, outliers rejected by the measured read noise."""

    plan_number = "541"
    validity = (7.0, 7.0)

    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawBiasFrame, "bias frames of one night", same=("instrument", "chip", "readout_mode"),
                           within="night", at_least=3)
    read_noise = depends_on(ReadNoise, "what outliers are judged by")

    sigma_clip = parameter(3.0, "pixels further than this from the median are left out", unit="sigma", at_least=1.0)
    overscan = parameter("auto", "what is subtracted: auto, none, constant, per_row, per_column or prescan", choices=OPTIONS)

    overscan_used = attribute(str, "what was subtracted; frames this bias is used on do the same")
    n_noisy = attribute(int, "pixels that scatter more than read noise explains", unit="pix")

    limits = (Limit("imstat.stdev", flag=Flag.NOISY, at_most=1e4),
              Limit("imstat.median", flag=Flag.CHANGED, at_most=500.0, compare=True))

    def make(self) -> None:
        self.overscan_used = option_for(self.overscan, self.raws[0])
        frames = [raw.assembled(self.overscan_used) for raw in self.raws]
        noise = per_pixel([value or 0.0 for value in listed(self.read_noise.read_noises)], frames[0])
        found = master_bias([frame.data for frame in frames], noise, self.sigma_clip)
        self.n_noisy = int((found.mask & 256 != 0).sum())
        self.image = Image(found.data, variance=found.variance, mask=found.mask, cards={"OVERSCAN": self.overscan_used})
