"""A small observatory whose frames are numbers: enough to plan and make, with nothing to compute.

It has two chips, filters, an optional dark, a class with two possible leads, calibrations led by other calibrations, open and
closed groups, and a set of what is itself made from sets.
"""
from __future__ import annotations

import enum

from awe.dataflow.lifecycle import Content, Stored
from awe.dataflow.limits import Limit
from awe.dataflow.stamps import AS_LEAD
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


class Chip(DBObject):
    """A detector."""

    instrument = depends_on(Camera, "the camera", key=True)
    name = key(str, "name")


class Band(DBObject):
    """A filter."""

    name = key(str, "name")


class Raw(Stored):
    """One chip of one exposure."""

    __abstract__ = True
    raw_data = True
    instrument = depends_on(Camera, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    exposure = key(str, "name of the exposure")
    number = attribute(float, "what was counted", unit="adu")


class RawDark(Raw):
    """A dark as it was read out."""


class RawFlat(Raw):
    """A dome flat as it was read out."""

    filter = depends_on(Band, "the filter")


class RawSky(Raw):
    """A twilight flat as it was read out."""

    filter = depends_on(Band, "the filter")


class RawFrame(Raw):
    """A frame as it was read out."""

    filter = depends_on(Band, "the filter")
    field = attribute(str, "name of the field")


class Target(ProcessTarget):
    """What all targets share."""

    __abstract__ = True
    flags = ToyFlag
    instrument = depends_on(Camera, "the camera", key=True)


class Calibration(Target):
    """What belongs to one chip."""

    __abstract__ = True
    chip = depends_on(Chip, "the detector", key=True)


class Dark(Calibration):
    """The mean of the darks of one night."""

    validity = (3.0, 3.0)
    raws = depends_on_many(RawDark, "darks of one night", same=("instrument", "chip"), within="night", at_least=1)
    level = attribute(float, "mean", unit="adu")

    def make(self) -> None:
        self.level = mean(self.raws)


class Flat(Calibration):
    """The mean of the dome flats of one night."""

    validity = (5.0, 5.0)
    filter = depends_on(Band, "the filter", key=True)
    raws = depends_on_many(RawFlat, "flats of one night", same=("instrument", "chip", "filter"), within="night", at_least=2)
    dark = depends_on(Dark, "subtracted", optional=True)
    scale = parameter(1.0, "factor", at_least=0.0)
    level = attribute(float, "mean", unit="adu")
    limits = (Limit("level", flag=ToyFlag.HIGH, at_most=100.0),)

    def make(self) -> None:
        numbers = [raw.number for raw in self.raws]
        if min(numbers) < -900:
            raise TransientError("the disk was away")
        if min(numbers) < 0:
            raise PermanentError("a flat below zero")
        self.level = self.scale * mean(self.raws)

    def contents(self) -> dict[str, Content]:
        return {"image": Content(f"{self.level!r}".encode(), ".txt")}


class Twilight(Calibration):
    """The mean of the twilight flats of one night."""

    validity = (2.0, 2.0)
    filter = depends_on(Band, "the filter", key=True)
    raws = depends_on_many(RawSky, "twilight flats of one night", same=("instrument", "chip", "filter"), within="night", at_least=1)
    level = attribute(float, "mean", unit="adu")

    def make(self) -> None:
        self.level = mean(self.raws)


class Master(Calibration):
    """Both flats, or the one there is: what leads it may be either."""

    validity = AS_LEAD
    filter = depends_on(Band, "the filter", key=True)
    twilight = depends_on(Twilight, "low frequencies", optional=True)
    dome = depends_on(Flat, "high frequencies", optional=True)
    offset = parameter(0, "added")
    level = attribute(float, "mean", unit="adu")

    def make(self) -> None:
        self.level = self.offset + sum(one.level for one in (self.twilight, self.dome) if one is not None)


class BadMap(Calibration):
    """Bad pixels: led by another calibration."""

    validity = AS_LEAD
    dark = depends_on(Dark, "where they show")
    count = attribute(int, "how many")

    def make(self) -> None:
        self.count = int(self.dark.level) // 2


class Level(Target):
    """The level of the flats of all chips."""

    validity = AS_LEAD
    filter = depends_on(Band, "the filter", key=True)
    flats = depends_on_many(Flat, "one of each chip", one_per=Chip, same=("instrument",), also=("filter",), is_open=True, optional=True)
    skies = depends_on_many(Twilight, "one of each chip", one_per=Chip, same=("instrument",), also=("filter",), optional=True, at_least=2)
    level = attribute(float, "mean", unit="adu")

    def make(self) -> None:
        levels = [one.level for one in (*self.flats, *self.skies)]
        self.level = round(sum(levels) / max(1, len(levels)), 1)


class Sky(Calibration):
    """The sky of some days."""

    validity = (1.0, 1.0)
    raws = depends_on_many(RawFrame, "frames around it", same=("instrument", "chip"), within=2.0, at_least=1, at_most=3)
    level = attribute(float, "mean", unit="adu")

    def make(self) -> None:
        self.level = mean(self.raws)


class Reduced(Calibration):
    """A frame divided by the flat."""

    exposure = key(str, "name of the exposure")
    raw = depends_on(RawFrame, "as it was read out")
    flat = depends_on(Flat, "divided out", same=("instrument", "chip", "raw.filter"))
    dark = depends_on(Dark, "subtracted", optional=True)
    number = attribute(float, "flat-fielded")

    def make(self) -> None:
        dark = self.dark.level if self.dark is not None else 0.0
        self.number = round(self.instrument.gain * (self.raw.number - dark) / self.flat.level, 3)


class Fine(Calibration):
    """A frame with all there is."""

    exposure = key(str, "name of the exposure")
    raw = depends_on(RawFrame, "as it was read out")
    reduced = depends_on(Reduced, "flat-fielded")
    master = depends_on(Master, "divided out too", same=("instrument", "chip", "raw.filter"))
    bad = depends_on(BadMap, "left out", optional=True)
    level = depends_on(Level, "divided by", same=("instrument", "raw.filter"), optional=True)
    sky = depends_on(Sky, "subtracted")
    number = attribute(float, "what is left")

    def make(self) -> None:
        found = self.reduced.number + self.sky.level - self.master.level
        self.number = round(found + (self.bad.count if self.bad else 0) + (self.level.level if self.level else 0), 1)


class Stack(Target):
    """The mean of all frames of a field."""

    field = key(str, "name of the field")
    frames = depends_on_many(Reduced, "what was averaged", one_per=RawFrame, same=("instrument", "field"), is_open=True)
    number = attribute(float, "mean")

    def make(self) -> None:
        self.number = sum(frame.number for frame in self.frames) / len(self.frames)


class Night(Target):
    """The frames of a field of one night, all of them or none."""

    validity = (0.5, 0.5)
    field = key(str, "name of the field")
    frames = depends_on_many(Fine, "what was averaged", one_per=RawFrame, same=("instrument", "field"), within="night")
    number = attribute(float, "mean")

    def make(self) -> None:
        self.number = round(sum(frame.number for frame in self.frames) / len(self.frames), 1)


class Mosaic(Target):
    """All stacks there are."""

    stacks = depends_on_many(Stack, "what was put together", same=("instrument",))
    number = attribute(float, "sum")

    def make(self) -> None:
        self.number = round(sum(stack.number for stack in self.stacks), 1)


def mean(raws: list) -> float:
    """The mean of what was counted."""
    return sum(raw.number for raw in raws) / len(raws)
