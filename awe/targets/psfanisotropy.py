"""PsfAnisotropy: how elongated stars are over a frame."""
from __future__ import annotations

from typing import Any

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, key
from awe.science.anisotropy import Anisotropy, anisotropy
from awe.science.psf import stars
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.astrometryfigures import whisker_figure
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.referencecatalogue import plain


class PsfAnisotropy(Product):
    """The ellipticity of the point spread function: in the middle of a frame, and how it changes over it."""

    plan_number = "554"

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    astrometry = depends_on(AstrometricParameters, "the sources of the frame")
    reduced = depends_on(ReducedScienceFrame, "the frame")

    ellipticity = attribute(float, "|e| in the middle of the frame, (a2 - b2) / (a2 + b2) of second moments")
    angle = attribute(float, "of the long axis there, counterclockwise from x", unit="deg")
    gradient = attribute(float, "by how much |e| departs from that in the worst corner")
    scatter = attribute(float, "of single stars about a plane, per component")
    n_stars = attribute(int, "stars used")

    limits = (Limit("ellipticity", flag=Flag.PSF_ANISOTROPY, at_most=0.3, optional=True),
              Limit("n_stars", flag=Flag.FEW_STARS, at_least=5))

    def make(self) -> None:
        _, found = self.measured()
        self.ellipticity, self.angle, self.gradient = found.ellipticity, found.angle, found.gradient
        self.scatter, self.n_stars = found.scatter, found.count

    def measured(self) -> tuple[list[Any], Anisotropy]:
        """Positions and second moments of the stars, and what comes of them."""
        table = self.astrometry.sources()
        chosen = stars(table)  # type: ignore[arg-type]
        x, y, x2, y2, xy = (plain(table[name])[chosen] for name in ("XWIN_IMAGE", "YWIN_IMAGE", "X2_IMAGE", "Y2_IMAGE", "XY_IMAGE"))
        return [x - 1.0, y - 1.0, x2, y2, xy], anisotropy(x - 1.0, y - 1.0, x2, y2, xy, self.reduced.image.data.shape)

    def inspect(self) -> Any:
        """Whiskers along the long axes of the stars."""
        (x, y, x2, y2, xy), _ = self.measured()
        return whisker_figure(x, y, np.column_stack([x2 - y2, 2.0 * xy]) / (x2 + y2)[:, None], title=repr(self))
