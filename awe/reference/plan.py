"""The page of the calibration plan: each number with the class that answers it, or the reason why none does."""
from __future__ import annotations

from typing import Any

from awe.reference.markdown import first_line, page, table
from awe.reference.targets import classes

INTRODUCTION = """The numbers are those of the calibration plan of OmegaCAM, which Astro-WISE uses as names of what it keeps. Each class has
keys, a validity, parameters, limits and a figure to judge it by (`obj.inspect()`) on [the page of classes](targets.md)."""

#: What no class answers, and why.
NOT_BUILT = {
    "524": ("electromagnetic compatibility", "a test of the hardware with other subsystems switched on and off; no frame tells"),
    "536": ("hysteresis", "asks for a series of exposures around a saturated one, which no header tells from others"),
    "551": ("positions of the CCDs in the mosaic", "part of the astrometric solution: every chip of every exposure has its own"),
    "552": ("pointing", "part of the astrometric solution: `AstrometricParameters.offset_ra` and `offset_dec` of each frame"),
    "553": ("rotator and tracking", "part of the astrometric solution: `AstrometricParameters.rotation`; frames hold no tracking errors"),
    "556": ("astrometry of the guide CCD", "guide frames are not ingested"),
    "566": ("dependence of photometry on the angle of the rotator", "asks for a dedicated series of one field at many angles"),
    "567": ("linearity as a function of flux", "533 gives it from flats; a series of one field at many exposure times would repeat it"),
    "568": ("detection limit and exposure time", "`SourceList.limiting_magnitude` says what was reached; no calculator predicts it"),
    "571": ("focus and tilt of the camera", "asks for a focus sequence, whose headers differ from camera to camera"),
}


def plan() -> str:
    """The page."""
    numbered = sorted(((number, cls) for cls in classes() for number in numbers(cls)), key=lambda one: (one[0], one[1].__name__))
    rows = [(number, f"[{cls.__name__}](targets.md#{cls.__name__.lower()})", first_line(cls)) for number, cls in numbered]
    missing = [(number, what, why) for number, (what, why) in sorted(NOT_BUILT.items())]
    return page("Calibration plan", INTRODUCTION, table(["number", "class", "what it is"], rows), "## Not built",
                table(["number", "what it is", "why no class answers it"], missing))


def numbers(cls: Any) -> list[str]:
    """The plan numbers of a class."""
    return [number for number in getattr(cls, "plan_number", "").replace("+", " ").split() if number]
