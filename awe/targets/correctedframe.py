"""What is corrected in a frame only where the instrument file asks: cross talk, flat on large scales, fringes."""
from __future__ import annotations

import numpy as np

from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.assemble import Assembled
from awe.science.calibrate import Calibrated, divide, reweigh, subtract
from awe.science.crosstalk import polluted
from awe.science.fringe import fringe_scale
from awe.science.objectmask import object_mask
from awe.targets.crosstalk import CrossTalk
from awe.targets.detector import DetectorFrame
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.fringeframe import FringeFrame
from awe.targets.nightskyflat import NightSkyFlat
from awe.targets.raw import RawScienceFrame


class CorrectedFrame(DetectorFrame):
    """A frame of the sky in electrons, with the corrections that the instrument file asks for.

    What it asks for and what cannot be had is left as it is, and the frame is flagged.
    """

    __abstract__ = True

    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    raw = depends_on(RawScienceFrame, "the exposure as it was read out", same=("instrument", "chip", "exposure"))
    crosstalk = depends_on(CrossTalk, "taken off, where the instrument file says `crosstalk = \"correct\"`", optional=True,
                           same=("instrument", "chip", "raw.readout_mode", "method=instrument.crosstalk_method"))
    night_sky = depends_on(NightSkyFlat, "divided out, where it says `night_sky_flat = \"correct\"`", optional=True,
                           same=("instrument", "chip", "filter", "raw.readout_mode", "method=instrument.night_sky_method"))
    fringes = depends_on(FringeFrame, "taken off to scale, where the filter says `fringes = \"correct\"`", optional=True,
                         same=("instrument", "chip", "filter", "raw.readout_mode", "method=filter.fringes_method"))

    fringe_object_threshold = parameter(3.0, "pixels further above the sky than this do not tell how strong fringes are", unit="sigma",
                                        at_least=0.5, was=3.0)

    fringe_scale = attribute(float, "how much of the fringe pattern was taken off", unit="electron")
    fringe_scale_error = attribute(float, "its standard error", unit="electron")

    def corrected(self) -> Calibrated:
        """The frame in electrons; cross talk is taken off before linearity, and fringes after everything else."""
        asked = self.instrument.crosstalk_method, self.instrument.night_sky_method, self.filter.fringes_method
        if any(method and found is None for method, found in zip(asked, (self.crosstalk, self.night_sky, self.fringes), strict=True)):
            self.raise_flag(Flag.NOT_CORRECTED)
        frame = self.calibrated(self.raw)
        if self.crosstalk is not None:
            frame = self.with_pollution(frame)
        if self.sky is not None:  # type: ignore[attr-defined]
            frame = subtract(frame, *self.planes_of(self.sky))  # type: ignore[attr-defined]
        if self.night_sky is not None:
            frame = divide(frame, *self.planes_of(self.night_sky))
        return frame if self.fringes is None else self.without_fringes(frame)

    def assembled(self, raw: RawScienceFrame) -> Assembled:
        """The chip as one image, without cross talk."""
        found = super().assembled(raw)
        return found if self.crosstalk is None else found.without_crosstalk(self.crosstalk.correction)

    def with_pollution(self, frame: Calibrated) -> Calibrated:
        """The frame with a bit where more cross talk was taken off than there is read noise."""
        limits = [noise / gain for noise, gain in zip(frame.read_noise, frame.gain, strict=True)]
        plain = super().assembled(self.raw)
        clean = plain.without_crosstalk(self.crosstalk.correction)
        return reweigh(frame, polluted(plain.data, clean.data, plain.amplifiers, limits))

    def without_fringes(self, frame: Calibrated) -> Calibrated:
        """The frame less as much of the fringe pattern as it holds where there are no objects."""
        pattern, variance, mask = self.planes_of(self.fringes)
        hidden = (frame.mask | mask) != 0
        hidden |= object_mask(frame.data, hidden, self.fringe_object_threshold)
        found = fringe_scale(frame.data, pattern, hidden, background=self.fringes.background)
        if not np.isfinite(found.error):
            self.raise_flag(Flag.NOT_CORRECTED)
            return frame
        self.fringe_scale, self.fringe_scale_error = found.scale, found.error
        scale = np.float32(found.scale)
        return subtract(frame, scale * pattern, scale**2 * variance, np.zeros_like(mask))

    @staticmethod
    def planes_of(product: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels, variance and mask of a calibration."""
        image = product.image  # type: ignore[attr-defined]
        return image.data, image.variance, image.mask
