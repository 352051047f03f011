"""Which overscan correction is used: one choice, made where the bias is made, and followed by all that is used with it."""
from __future__ import annotations

from awe.science.overscan import OVERSCAN_OPTIONS
from awe.targets.raw import RawFrame

OPTIONS = ("auto", *OVERSCAN_OPTIONS)


def option_for(wanted: str, raw: RawFrame) -> str:
    """What `auto` means for a frame: what its instrument file says, else per row where there is an overscan, else none."""
    if wanted != "auto":
        return wanted
    stated = raw.instrument.definition.overscan
    return stated or ("per_row" if raw.has_overscan() else "none")
