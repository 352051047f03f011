"""The detector steps, from a raw frame to electrons: saturation, overscan, linearity, bias, dark, gain, flat."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.persist.declare import depends_on, parameter
from awe.science.assemble import Assembled
from awe.science.calibrate import Calibrated, calibrate
from awe.science.dark import scale_dark
from awe.science.mask import Bit
from awe.targets.calibration import gains, read_noises
from awe.targets.chip import Chip
from awe.targets.coldpixelmap import ColdPixelMap
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.instrument import Instrument
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.masterflat import MasterFlat
from awe.targets.raw import RawScienceFrame
from awe.targets.staticmask import StaticMask


class DetectorFrame(BaseFrame):
    """A frame of the sky in electrons, with all calibrations it is made with."""

    __abstract__ = True
    unit = "electron"

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)

    maximum_dark_factor = parameter(5.0, "by how much a dark may be scaled before it is flagged", at_least=1.0)

    def calibrated(self, raw: RawScienceFrame) -> Calibrated:
        """Bring one raw frame to electrons, with the calibrations of this object."""
        bias: MasterBias = self.bias  # type: ignore[attr-defined]
        flat: MasterFlat = self.flat  # type: ignore[attr-defined]
        assembled = self.assembled(raw)
        if bias.overscan_used != "none" and assembled.without_overscan:
            self.raise_flag(Flag.NO_OVERSCAN)
        gain = gains(self, assembled, self.gain)  # type: ignore[attr-defined]
        rate, rate_variance, dark_mask = self.dark_for(raw)
        masks = [self.map_of("hot"), self.map_of("cold"), flat.image.mask, dark_mask, self.static_mask(assembled)]
        return calibrate(assembled, bias.image.data, rate, raw.exptime, flat.image.data, gain,
                         read_noises(assembled, bias.read_noise, gain), [mask for mask in masks if mask is not None],
                         bias.image.variance, rate_variance, flat.image.variance)

    def assembled(self, raw: RawScienceFrame) -> Assembled:
        """The chip as one image in ADU, with the overscan option of the bias."""
        bias: MasterBias = self.bias  # type: ignore[attr-defined]
        return raw.assembled(bias.overscan_used)

    def dark_for(self, raw: RawScienceFrame) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]:
        """Rate, variance and mask of the dark for one frame; None where there is no dark, or none of its time where that matters."""
        target: MasterDark | None = self.dark  # type: ignore[attr-defined]
        definition = self.instrument.definition
        tolerance = max(definition.dark_tolerance, 1e-6)
        dark = None
        if target is not None and raw.exptime > 0:
            dark = target.of_time(raw.exptime, tolerance, self) if definition.dark == "exact" else target.as_dark()
        if dark is None:
            self.raise_flag(Flag.NO_DARK)
            return None, None, None
        found = scale_dark(dark, raw.exptime, definition.dark, tolerance, self.maximum_dark_factor)
        if found.extrapolated:
            self.raise_flag(Flag.DARK_EXTRAPOLATED)
        return found.data / np.float32(raw.exptime), found.variance / np.float32(raw.exptime) ** 2, found.mask & ~np.uint16(Bit.NOISY)

    def static_mask(self, assembled: Assembled) -> NDArray[np.uint16] | None:
        """What users marked, if they did.

        Raises PermanentError where that is of another size than the frame.
        """
        found: StaticMask | None = getattr(self, "static", None)
        if found is None:
            return None
        mask, shape = found.mask, assembled.data.shape
        if mask.shape != shape:
            sizes = ["x".join(map(str, size[::-1])) for size in (mask.shape, shape)]
            raise PermanentError(f"{found.original_name} marks bad pixels of {sizes[0]}, and {self.chip.name} has {sizes[1]}; invalidate "
                                 "it, and ingest a mask that is trimmed as frames are")
        return mask

    def map_of(self, name: str) -> NDArray[Any] | None:
        """A map of bad pixels, if there is one."""
        found: HotPixelMap | ColdPixelMap | None = getattr(self, name)
        return None if found is None else found.image.data


