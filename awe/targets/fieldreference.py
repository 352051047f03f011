"""FieldReference: the frame of a field that others are registered to, where there is no reference catalogue."""
from __future__ import annotations

import json

from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.nominal import first_wcs
from awe.targets.raw import RawScienceFrame
from awe.targets.reduced import ReducedScienceFrame


class FieldReference(Product):
    """One frame of a field, chosen once: positions are those of its header or nominal, fluxes are its own."""

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    object = key(str, "name of the field")
    mode = key(str, "relative")
    frames = depends_on_many(ReducedScienceFrame, "the frame", one_per=RawScienceFrame, same=("instrument", "chip", "filter", "object"),
                             at_most=1, is_open=True)

    wcs = attribute(str, "its celestial cards, as JSON")
    origin = attribute(str, "header, nominal, or arbitrary where not even the pointing is known")

    def make(self) -> None:
        if not self.frames:
            raise PermanentError(f"no frame of {self.object} could be reduced, so there is none to register others to")
        start = first_wcs(self.frames[0])
        self.wcs, self.origin = json.dumps(start.wcs.cards()), start.origin
        self.raise_flag(Flag.RELATIVE_ASTROMETRY)
