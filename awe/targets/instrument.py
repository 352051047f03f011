"""Instrument: a camera at a telescope, in the words of its instrument file."""
from __future__ import annotations

import functools
from collections.abc import Callable

from awe.dataflow.site import Site
from awe.instruments import Definition, load
from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, key

#: Which classes are made from which kind of raws, in the words of the instrument file.
GROUPS = {"bias": ("ReadNoise", "MasterBias"), "dark": ("MasterDark",), "domeflat": ("DomeFlat", "GainLinearity"),
          "twilightflat": ("TwilightFlat",), "sky": ("SkyFrame",)}
VALIDITY = {**GROUPS, "flat": ("MasterFlat",), "hotpixels": ("HotPixelMap",), "coldpixels": ("ColdPixelMap",),
            "readnoise": ("ReadNoise",), "gain": ("GainLinearity",)}


class Instrument(DBObject):
    """A camera, at one version of its instrument file."""

    name = key(str, "name of the instrument")
    telescope = attribute(str, "name of the telescope")
    version = attribute(int, "version that the file gives itself", science=False)
    utc_offset = attribute(float, "local time minus UTC, no summer time", unit="h")
    pixel_scale = attribute(float, "nominal size of an unbinned pixel", unit="arcsec")
    sky_method = attribute(str, "how the sky is measured: dither in the infrared; none where it is left in the frames")
    crosstalk_method = attribute(str, "how cross talk is taken away: measured; none where it is left in the frames")
    night_sky_method = attribute(str, "how flats are corrected on large scales: sky; none where they are left")
    illumination_method = attribute(str, "how the response to stars is corrected: stars; none where it is left as flats say")
    ghost_method = attribute(str, "how ghosts of bright stars are masked: model; none where they are left")
    text = attribute(str, "the instrument file")

    @property
    def definition(self) -> Definition:
        """The instrument file, read."""
        return definition_of(self.text)


@functools.lru_cache(maxsize=64)
def definition_of(text: str) -> Definition:
    """Read the text of an instrument file; the same text is read once."""
    return load(text)


def site_of(definition: Definition) -> Site:
    """The place and the habits that an instrument file describes."""
    validity: dict[str, tuple[float, float] | None] = {}
    for kind, stated in definition.validity.items():
        days = None if stated.is_forever else (or_ages(stated.before), or_ages(stated.after))
        validity.update(dict.fromkeys(VALIDITY[kind], days))
    groups = {name: group for kind, group in definition.groups.items() for name in GROUPS[kind]}
    return Site(utc_offset=definition.utc_offset, validity=validity,
                search={name: max(group.before, group.after) for name, group in groups.items()},
                at_least={name: group.at_least for name, group in groups.items() if name not in ("ReadNoise", "GainLinearity")},
                within={name: group.before if group.within == "run" else group.within for name, group in groups.items()})


def or_ages(days: float | None) -> float:
    """So many days, or what no archive reaches."""
    return 1e5 if days is None else days


def sites() -> Callable[[str], Site]:
    """A function from the name of an instrument to its site; the newest valid version counts."""
    def site(name: str) -> Site:
        newest = ((Instrument.name == name) & (Instrument.is_valid > 0)).order_by("-creation_date")[:1] if name else []
        return site_of(newest[0].definition) if newest else Site()
    return site
