"""A small observatory whose frames are numbers: enough to plan and make, with nothing to compute."""
from __future__ import annotations

import enum

from awe.dataflow.lifecycle import Content, Stored
from awe.dataflow.limits import Limit
from awe.dataflow.target import ProcessTarget
from awe.errors import PermanentError, TransientError
from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter


class ToyFlag(enum.IntFlag):
    """What can be wrong."""

    HIGH = 1
    LOW = 2
    CHANGED = 4


class Camera(DBObject):
    """A camera."""

    name = key(str, "name")
    gain = attribute(float, "gain", unit="e-/adu", default=1.0)


class RawFlat(Stored):
    """A flat as it was read out."""

    raw_data = True
    instrument = depends_on(Camera, "the camera", key=True)
    exposure = key(str, "name of the exposure")
    number = attribute(float, "what was counted", unit="adu")


class RawFrame(Stored):
    """A frame as it was read out."""

    raw_data = True
    instrument = depends_on(Camera, "the camera", key=True)
    exposure = key(str, "name of the exposure")
    field = attribute(str, "name of the field")
    number = attribute(float, "what was counted", unit="adu")


class Flat(ProcessTarget):
    """The mean of the flats of one night."""

    flags = ToyFlag
    validity = (5.0, 5.0)
    instrument = depends_on(Camera, "the camera", key=True)
    raws = depends_on_many(RawFlat, "flats of one night", same=("instrument",), within="night", at_least=2)
    scale = parameter(1.0, "factor", at_least=0.0)
    level = attribute(float, "mean", unit="adu")
    limits = (Limit("level", flag=ToyFlag.HIGH, at_most=100.0),)

    def make(self) -> None:
        numbers = [raw.number for raw in self.raws]
        if min(numbers) < -900:
            raise TransientError("the disk was away")
        if min(numbers) < 0:
            raise PermanentError("a flat below zero")
        self.level = self.scale * sum(numbers) / len(numbers)

    def contents(self) -> dict[str, Content]:
        return {"image": Content(f"{self.level!r}".encode(), ".txt")}


class Reduced(ProcessTarget):
    """A frame divided by the flat."""

    flags = ToyFlag
    instrument = depends_on(Camera, "the camera", key=True)
    exposure = key(str, "name of the exposure")
    raw = depends_on(RawFrame, "as it was read out")
    flat = depends_on(Flat, "divided out")
    number = attribute(float, "flat-fielded")

    def make(self) -> None:
        self.number = round(self.instrument.gain * self.raw.number / self.flat.level, 3)


class Stack(ProcessTarget):
    """The mean of all frames of a field."""

    flags = ToyFlag
    instrument = depends_on(Camera, "the camera", key=True)
    field = key(str, "name of the field")
    frames = depends_on_many(Reduced, "what was averaged", one_per=RawFrame, same=("instrument", "field"), is_open=True)
    number = attribute(float, "mean")

    def make(self) -> None:
        self.number = sum(frame.number for frame in self.frames) / len(self.frames)
