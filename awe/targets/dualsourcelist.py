"""DualSourceList: sources found on one coadd and measured on another."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe.persist.declare import depends_on, key
from awe.targets.coadd import CoaddFrame
from awe.targets.sourcelist import SourceList


class DualSourceList(SourceList):
    """What was found on the coadd of one filter, measured on that of another of the same tile: SExtractor's double-image mode.

    Positions, shapes, segments and Kron ellipses are those of the image that sources are found on, as are the centres of circles; fluxes,
    and those of fits with its own PSF, are of the other.
    """

    version = 1

    detection_filter = key(str, "filter of the image that sources are found on")
    detection_object = key(str, "name of the field of that image; that of the other where it is not said")
    detection = depends_on(CoaddFrame, "the image that sources are found on",
                           same=("instrument", "filter=detection_filter", "object=detection_object", "tile"))

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """The tile is that of the coadd; both images are of one field where nothing else is said."""
        found = super().complete(keys, at)
        return {**found, "detection_object": found.get("detection_object") or found["object"]}

    def detection_image(self) -> CoaddFrame | None:
        """The image that sources are found on."""
        image: CoaddFrame = self.detection
        return image
