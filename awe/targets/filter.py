"""Filter: a piece of glass with a photometric band."""
from __future__ import annotations

from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on, key
from awe.targets.instrument import Instrument


class Filter(DBObject):
    """A physical filter of an instrument."""

    instrument = depends_on(Instrument, "the camera it is used in", key=True)
    name = key(str, "name of the filter")
    band = attribute(str, "photometric band that reference catalogues are asked for")
    system = attribute(str, "AB or Vega", default="AB")
    serial = attribute(str, "serial number of the piece of glass")
    central_wavelength = attribute(float, "central wavelength", unit="nm")
    has_fringes = attribute(bool, "whether frames show fringes", default=False)
    fringes_method = attribute(str, "how fringes are taken away: pattern; none where they are left in the frames")
