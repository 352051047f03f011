"""FlatLevel: one level for all chips of the mosaic, so that they share a zero point."""
from __future__ import annotations

from awe.dataflow.stamps import AS_LEAD
from awe.persist.declare import attribute, depends_on, depends_on_many, key
from awe.science.flat import mosaic_level
from awe.targets.chip import Chip
from awe.targets.domeflat import DomeFlat
from awe.targets.filter import Filter
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.twilightflat import TwilightFlat


class FlatLevel(Product):
    """Median over the good pixels of all chips of the flats of one filter; master flats are divided by it."""

    is_calibration = True
    validity = AS_LEAD

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    twilights = depends_on_many(TwilightFlat, "twilight flats of all chips", one_per=Chip, same=("instrument",),
                                also=("filter", "readout_mode"), is_open=True, optional=True)
    domes = depends_on_many(DomeFlat, "dome flats of all chips", one_per=Chip, same=("instrument",), also=("filter", "readout_mode"),
                            is_open=True, optional=True)

    dome_level = attribute(float, "median of the dome flats", unit="electron")
    twilight_level = attribute(float, "median of the twilight flats", unit="electron")

    def make(self) -> None:
        if self.domes:
            self.dome_level = mosaic_level([flat.as_flat() for flat in self.domes])
        if self.twilights:
            self.twilight_level = mosaic_level([flat.as_flat() for flat in self.twilights])
