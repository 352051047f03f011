"""The classes that the planning benchmark uses: frames, nightly flats, calibrated frames, and coadds of a field."""
from __future__ import annotations

from awe.dataflow.lifecycle import Stored
from awe.dataflow.target import ProcessTarget
from awe.persist.declare import attribute, depends_on, depends_on_many, key


class SurveyRaw(Stored):
    """A frame as it was read out."""

    raw_data = True
    chip = key(str, "name of the detector")
    exposure = key(str, "name of the exposure")
    field = attribute(str, "name of the field")


class SurveyFlat(Stored):
    """A flat field, valid for some nights."""

    chip = key(str, "name of the detector")


class SurveyCalibrated(ProcessTarget):
    """A frame divided by the flat of its time."""

    chip = key(str, "name of the detector")
    exposure = key(str, "name of the exposure")
    raw = depends_on(SurveyRaw, "as it was read out")
    flat = depends_on(SurveyFlat, "divided out", same=("chip",))


class SurveyCoadd(ProcessTarget):
    """All calibrated frames of a field."""

    field = key(str, "name of the field")
    frames = depends_on_many(SurveyCalibrated, "what is averaged", one_per=SurveyRaw, same=("field",), is_open=True)
