"""StaticMask: bad pixels of a detector as somebody marked them."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.lifecycle import Stored
from awe.persist.declare import attribute, depends_on, key
from awe.science.mask import describe
from awe.targets.chip import Chip
from awe.targets.figures import pixels_figure
from awe.targets.flags import BLOCKING, Flag
from awe.targets.globalname import global_name
from awe.targets.image import Image
from awe.targets.instrument import Instrument


class StaticMask(Stored):
    """Bad pixels that the users of a camera know, brought in by `awe ingest-mask`, for as long as it is valid.

    All frames of the sky of its chip and time have its bits, beside those of the maps that are measured.
    """

    is_calibration = True
    flags = Flag
    blocking_flags = BLOCKING

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    readout_mode = key(str, "binning, window, speed")
    count = attribute(int, "number of marked pixels", unit="pix")
    fraction = attribute(float, "part of the pixels that are marked")
    bits = attribute(str, "the bits of the mask that occur, by name")
    original_name = attribute(str, "name of the file when it was ingested", science=False)

    @property
    def mask(self) -> NDArray[np.uint16]:
        """Bits of `awe.science.mask`, on the assembled chip."""
        found: NDArray[np.uint16] = Image.read(self.path("mask")).data.astype(np.uint16)
        return found

    @staticmethod
    def names(mask: NDArray[np.uint16]) -> str:
        """The names of the bits that occur."""
        return " ".join(describe(int(np.bitwise_or.reduce(mask, axis=None)))) if mask.size else ""

    def global_name(self, role: str, ext: str) -> str:
        """The name of its file."""
        return global_name(self, role, ext)

    def inspect(self) -> Any:
        """The marked pixels."""
        return pixels_figure(self, (self.mask != 0).astype(np.float32), f"{self.count} pixels: {self.bits or 'none'}", "")
