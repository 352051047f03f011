"""What dome and twilight flats share."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.dark import scale_dark
from awe.science.flat import Flat
from awe.targets.calibration import Calibration, gains, per_pixel, read_noises
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.gainlinearity import GainLinearity
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark


class FlatFrame(BaseFrame, Calibration):
    """Response to light in electrons, as it was lit: not yet divided by the level of the mosaic."""

    __abstract__ = True
    validity = (7.0, 7.0)
    unit = "electron"

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")

    sigma_clip = parameter(5.0, "pixels further than this from the median, by photon noise, are left out", unit="sigma", at_least=1.0)

    level = attribute(float, "median level of the average", unit="electron")
    n_outliers = attribute(int, "values that were left out", unit="pix")

    def average(self, function: Callable[..., Flat], raws: list[Any], bias: MasterBias, dark: MasterDark | None,
                gain: GainLinearity | None, hot: HotPixelMap | None) -> None:
        """Debias the raw frames, subtract the dark, and average them with `function`."""
        frames = [raw.assembled(bias.overscan_used) for raw in raws]
        factors = gains(self, frames[0], gain)
        spread = per_pixel(factors, frames[0])
        electrons = [(frame.data - bias.image.data) * spread for frame in frames]
        masks = [frame.saturated.astype(np.uint16) for frame in frames]
        if dark is None:
            self.raise_flag(Flag.NO_DARK)
        else:
            darks = [scale_dark(dark.as_dark(), raw.exptime) for raw in raws]
            electrons = [frame - one.data for frame, one in zip(electrons, darks, strict=True)]
        if hot is not None:
            masks = [mask | hot.image.data for mask in masks]
        variance = np.asarray(bias.image.variance) * spread**2
        known = None if self.quality_flags & Flag.GAIN_UNKNOWN else 1.0
        found = function(electrons, known, per_pixel(read_noises(frames[0], bias.read_noise, factors), frames[0]), self.sigma_clip,
                         masks, variance)
        self.level, self.n_outliers = found.level, found.n_outliers
        self.image = Image(found.data, variance=found.variance, mask=found.mask, cards={"LEVEL": found.level})

    def as_flat(self) -> Flat:
        """What the science functions take."""
        image = self.image
        assert image.variance is not None and image.mask is not None
        return Flat(image.data, image.variance, image.mask, self.level, (self.level,), self.n_outliers)
