"""A small observatory: the classes that the tests of persist use."""
from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on, depends_on_many, has_one, key, parameter
from awe.persist.part import Part


class Imstat(Part):
    """Statistics of an image."""

    median = attribute(float, "median of the pixels", unit="adu")
    stdev = attribute(float, "standard deviation of the pixels", unit="adu")


class Instrument(DBObject):
    name = key(str, "identifier")


class Chip(DBObject):
    name = key(str, "identifier")
    instrument = depends_on(Instrument, "the camera it sits in")
    gain = attribute(float, "conversion", unit="e-/adu", default=1.0)


class Filter(DBObject):
    name = key(str, "identifier")
    wavelength = attribute(float, "central wavelength", unit="Angstrom")


class Frame(DBObject):
    """What all frames have."""

    __abstract__ = True

    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    imstat = has_one(Imstat, "statistics of the pixels")
    filename = attribute(str, "name of its file", science=False)


class RawFrame(Frame):
    __abstract__ = True
    raw_data = True
    exposure = key(int, "number of the exposure")


class RawFlat(RawFrame):
    """An exposure of the twilight sky."""


class RawScience(RawFrame):
    object = attribute(str, "name of the pointing")


class MasterFlat(Frame):
    raws = depends_on_many(RawFlat, "the exposures that were averaged", same=("chip", "filter"), within="night")
    clip = parameter(3.0, "rejection threshold", unit="sigma")


class Reduced(Frame):
    exposure = key(int, "number of the exposure")
    raw = depends_on(RawScience, "the exposure", same=("chip", "filter", "exposure"))
    flat = depends_on(MasterFlat, "the flat field")
    sky = attribute(float, "level of the sky", unit="e-")
    good = attribute(bool, "whether somebody liked it")


class Corrected(Reduced):
    """A subclass of a concrete class."""

    crosstalk = attribute(float, "strength of the crosstalk")


class Coadd(DBObject):
    object = key(str, "name of the pointing")
    filter = depends_on(Filter, "the filter", key=True)
    frames = depends_on_many(Reduced, "the frames that were averaged", one_per=RawScience, same=("filter", "object"))
    imstat = has_one(Imstat, "statistics of the pixels")
    depth = attribute(int, "number of frames")
