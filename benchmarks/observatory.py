"""The classes that the benchmarks of persistence use: a camera, its frames, and what is made of them."""
from __future__ import annotations

from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on, depends_on_many, has_one, key, parameter
from awe.persist.part import Part


class Imstat(Part):
    """Statistics of an image."""

    mean = attribute(float, "mean of the pixels", unit="adu")
    median = attribute(float, "median of the pixels", unit="adu")
    stdev = attribute(float, "standard deviation of the pixels", unit="adu")


class Instrument(DBObject):
    """A camera."""

    name = key(str, "identifier")


class Chip(DBObject):
    """A detector."""

    name = key(str, "identifier")
    instrument = depends_on(Instrument, "the camera it sits in")


class Filter(DBObject):
    """A filter."""

    name = key(str, "identifier")
    wavelength = attribute(float, "central wavelength", unit="Angstrom")


class Flat(DBObject):
    """A flat field."""

    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    imstat = has_one(Imstat, "statistics of the pixels")


class Reduced(DBObject):
    """A frame with the signature of the instrument removed."""

    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(int, "number of the exposure")
    flat = depends_on(Flat, "the flat field that was divided out")
    imstat = has_one(Imstat, "statistics of the pixels")
    filename = attribute(str, "name of the file", science=False)
    exptime = attribute(float, "exposure time", unit="s")
    object = attribute(str, "name of the pointing")
    clip = parameter(3.0, "rejection threshold", unit="sigma")


class Coadd(DBObject):
    """The average of frames of one pointing."""

    object = key(str, "name of the pointing")
    frames = depends_on_many(Reduced, "the frames that were averaged", same=("object",))
