"""BackgroundFrame: the sky of one reduced frame, on a mesh."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.background import Background, Grid, background
from awe.science.imstat import flatness
from awe.science.mask import NO_WEIGHT
from awe.targets.chip import Chip
from awe.targets.figures import background_figure
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.reduced import ReducedScienceFrame


class BackgroundFrame(BaseFrame):
    """The sky of a frame and its noise in the cells of a mesh, objects left out; `planes()` gives those of all pixels.

    Its pixels are cells; BACKGROUND_TYPE "target" of a regridded frame subtracts it.
    """

    unit = "electron"

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    method = key(str, "how it is measured: mesh")
    reduced = depends_on(ReducedScienceFrame, "the frame")

    mesh = parameter(128, "size of the cells, as SExtractor's BACK_SIZE", unit="pix", at_least=8)
    filter_size = parameter(3, "side of the median filter over cells, as BACK_FILTERSIZE", at_least=1)
    object_threshold = parameter(2.0, "pixels of the smoothed frame further above the sky than this are objects, and are left out",
                                 unit="sigma", at_least=1.0)
    grow = parameter(3, "by how much objects are grown", unit="pix", at_least=0)
    passes = parameter(2, "how often it is measured, each time without the objects above the last; 1 is SExtractor's", at_least=1,
                       at_most=5)

    level = attribute(float, "median over the cells", unit="electron")
    noise = attribute(float, "median noise of a pixel", unit="electron")
    spread = attribute(float, "largest less smallest cell, part of the level; of the noise where the sky was subtracted before")
    object_fraction = attribute(float, "part of the good pixels that are objects")
    residual = attribute(float, "largest less smallest median of 4 x 8 sub-windows of what is left, by the noise of a pixel")

    limits = (Limit("residual", flag=Flag.NOT_FLAT, at_most=0.5),
              Limit("object_fraction", flag=Flag.LEVEL, at_most=0.9),
              Limit("object_fraction", flag=Flag.CHANGED, at_most=0.3, compare=True))

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "mesh"}

    def make(self) -> None:
        image = self.reduced.image
        bad = self.bad_of(image)
        found = background(image.data, bad, mesh=self.mesh, filter_size=self.filter_size, reject=self.object_threshold, grow=self.grow,
                           passes=self.passes)
        if found.grid is None:
            raise PermanentError(f"no pixel of {self.exposure} {self.chip.name} is good: it has no background; look at its mask with "
                                 "inspect()")
        self.describe_background(found, image, bad)
        grid = found.grid
        cards = {"CELLX": grid.side_x, "CELLY": grid.side_y, "IMAGE1": image.data.shape[1], "IMAGE2": image.data.shape[0]}
        self.image = Image(grid.level, stdev=grid.rms, cards=cards)

    def describe_background(self, found: Background, image: Image, bad: NDArray[np.bool_]) -> None:
        """What can be asked of it afterwards."""
        assert found.grid is not None
        self.level, self.noise = found.globallevel, found.globalrms
        against = float(abs(self.level) if self.reduced.sky is None else self.noise)
        self.spread = float(np.ptp(found.grid.level)) / against if against > 0 else 0.0
        good = ~bad
        self.object_fraction = float(np.count_nonzero(found.objects & good) / max(int(np.count_nonzero(good)), 1))
        left = float(flatness(image.data - found.level, (bad | found.objects).astype(np.uint16)))
        self.residual = left / found.globalrms if found.globalrms > 0 and np.isfinite(left) else 0.0

    @staticmethod
    def bad_of(image: Image) -> NDArray[np.bool_]:
        """The pixels of a frame that take no part."""
        assert image.mask is not None
        return np.asarray((image.mask & np.uint16(NO_WEIGHT)) != 0)

    def planes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The sky and its noise for each pixel of the frame."""
        image = self.image
        assert image.stdev is not None
        cards = image.cards
        return Grid(image.data, image.stdev, cards["CELLX"], cards["CELLY"]).planes((cards["IMAGE2"], cards["IMAGE1"]))

    def inspect(self) -> Any:
        """The frame, its background, and what is left, smoothed."""
        return background_figure(self)
