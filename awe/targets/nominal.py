"""The WCS a frame begins with: that of its header, or what the instrument file and the pointing say."""
from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple

from awe.errors import HeaderError
from awe.science.wcs import Wcs, read_wcs

if TYPE_CHECKING:
    from awe.targets.reduced import ReducedScienceFrame

#: Pixel size where nothing is known of it.
UNKNOWN_SCALE = 1.0


class Start(NamedTuple):
    """A first WCS and where it comes from: header, nominal (pointing known) or arbitrary (not even that)."""

    wcs: Wcs
    origin: str


def first_wcs(frame: ReducedScienceFrame) -> Start:
    """The WCS that the solution of a frame starts from."""
    cards = json.loads(frame.wcs or "{}")
    if cards:
        try:
            found = read_wcs(cards)
        except HeaderError:
            found = None
        if found is not None and found.is_plausible:
            return Start(found, "header")
    return nominal_wcs(frame)


def nominal_wcs(frame: ReducedScienceFrame) -> Start:
    """The pointing of the telescope in the middle of the focal plane, with the nominal scale, rotation and parity."""
    raw, definition = frame.raw, frame.instrument.definition
    chip = next((one for one in definition.chips if one.name == frame.chip.name), None)
    ny, nx = frame.image.data.shape
    binning = max(1, round(frame.chip.nx / nx)) if frame.chip.nx else 1
    scale = (definition.pixel_scale or UNKNOWN_SCALE) * binning
    crpix = chip.crpix if chip is not None and chip.crpix is not None else None
    if crpix and not isinstance(crpix[0], str):
        x, y = ((float(value) - 0.5) / binning - 0.5 for value in crpix)
    else:
        x, y = (nx - 1) / 2, (ny - 1) / 2
    known = raw.ra is not None and raw.dec is not None and math.isfinite(raw.ra) and math.isfinite(raw.dec)
    wcs = Wcs.tangent(raw.ra if known else 0.0, raw.dec if known else 0.0, scale, crpix=(x, y),
                      rotation=definition.rotation or 0.0, parity=-(definition.parity or -1))
    return Start(wcs, "nominal" if known else "arbitrary")
