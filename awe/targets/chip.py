"""Chip: one detector of an instrument."""
from __future__ import annotations

from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on, key
from awe.targets.instrument import Instrument


class Chip(DBObject):
    """One detector, with its amplifiers as the instrument file describes them."""

    instrument = depends_on(Instrument, "the camera it sits in", key=True)
    name = key(str, "name of the detector")
    nx = attribute(int, "light-sensitive columns, unbinned", unit="pix")
    ny = attribute(int, "light-sensitive rows, unbinned", unit="pix")
    gain = attribute(float, "stated gain, mean of the amplifiers", unit="e-/adu")
    read_noise = attribute(float, "stated read noise, mean of the amplifiers", unit="e-")
    layout = attribute(str, "its part of the instrument file, as JSON")
