"""ParticleEventRate: 532."""
from __future__ import annotations

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.dark import scale_dark
from awe.science.particles import particle_events
from awe.targets.calibration import Calibration, gains, per_pixel, read_noises
from awe.targets.figures import pixels_figure
from awe.targets.flags import Flag
from awe.targets.gainlinearity import GainLinearity
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.raw import RawDarkFrame


class ParticleEventRate(Calibration):
    """How many charged particles hit the detector, from the darks of one night."""

    plan_number = "532"
    validity = (30.0, 30.0)

    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawDarkFrame, "darks of one night", same=("instrument", "chip", "readout_mode"), within="night", at_least=2)
    bias = depends_on(MasterBias, "subtracted")
    gain = depends_on(GainLinearity, "measured gain", optional=True)
    dark = depends_on(MasterDark, "subtracted")
    hot = depends_on(HotPixelMap, "pixels left out")

    threshold = parameter(8.0, "the brightest pixel of an event is above this", unit="sigma", at_least=3.0)
    threshold_low = parameter(4.0, "each pixel of an event is above this", unit="sigma", at_least=2.0)

    rate = attribute(float, "events per second and million pixels", unit="1/s")
    rate_error = attribute(float, "its standard error, by the number of events", unit="1/s")
    n_events = attribute(int, "number of events")
    charge = attribute(float, "median charge of an event; not a number where there is none", unit="electron")
    size = attribute(float, "mean number of pixels of an event; not a number where there is none", unit="pix")

    limits = (Limit("rate", flag=Flag.PARTICLES, at_least=0.0, at_most=100.0),)

    def make(self) -> None:
        frames = [raw.assembled(self.bias.overscan_used) for raw in self.raws]
        factors = gains(self, frames[0], self.gain)
        gain, noise = per_pixel(factors, frames[0]), per_pixel(read_noises(frames[0], self.bias.read_noise, factors), frames[0])
        bias, dark = self.bias.image, self.dark.as_dark()
        assert bias.variance is not None
        times = [raw.exptime for raw in self.raws]
        charge = [scale_dark(dark, time) for time in times]
        spread = np.sqrt(noise**2 + gain**2 * bias.variance + np.maximum(charge[0].data, 0) * max(times) / times[0])
        electrons = [(frame.data - bias.data) * gain - one.data for frame, one in zip(frames, charge, strict=True)]
        masks = [self.hot.image.data | frame.saturated.astype(np.uint16) for frame in frames]
        found = particle_events(electrons, times, spread, masks, self.threshold, self.threshold_low)
        self.rate, self.rate_error, self.n_events = found.rate, found.rate_error, len(found.charges)
        self.charge = float(np.median(found.charges)) if self.n_events else float("nan")
        self.size = float(found.sizes.mean()) if self.n_events else float("nan")

    def inspect(self) -> object:
        """The first of the darks, debiased, in which events are to be seen."""
        frame = self.raws[0].assembled(self.bias.overscan_used)
        return pixels_figure(self, frame.data - self.bias.image.data, f"{self.n_events} events in {len(self.raws)} darks", "ADU")
