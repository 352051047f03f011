"""Raw frames: one chip of one exposure, as it was read out; sacred, never changed and never deleted."""
from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

from astropy.io import fits

from awe.dataflow.lifecycle import Stored
from awe.instruments import FitsFile, open_fits, stored_images
from awe.persist.declare import attribute, depends_on, has_one, key
from awe.science.assemble import Assembled, assemble, assemble_all
from awe.science.wcs import read_wcs
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import BLOCKING, Flag
from awe.targets.globalname import global_name
from awe.targets.imstat import Imstat
from awe.targets.instrument import Instrument


class RawFrame(Stored):
    """One chip of one exposure. Its file is the one that was ingested, which several chips may share."""

    __abstract__ = True
    raw_data = True
    flags = Flag
    blocking_flags = BLOCKING

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    exposure = key(str, "name of the exposure, unique for the instrument")
    readout_mode = attribute(str, "binning, window, speed: what calibrations have to share")
    date_obs = attribute(datetime.datetime, "mid-exposure, UTC")
    exptime = attribute(float, "exposure time", unit="s")
    observer = attribute(str, "who observed")
    amplifiers = attribute(str, "sections, gains and flips of the amplifiers, as JSON")
    original_name = attribute(str, "name of the file when it was ingested", science=False)
    why = attribute(str, "which rule recognised it", science=False)
    warnings = attribute(str, "what was odd about it", science=False)
    imstat = has_one(Imstat, "statistics of the light-sensitive pixels, overscan subtracted")

    def open(self) -> FitsFile:
        """The file as it was ingested, under the name it had then; its contents were verified at the door, and have not changed since."""
        return open_fits(self.path("raw"), checksum="ignore", name=self.original_name)

    def hdus(self) -> dict[int, Any]:
        """The raw pixels of the HDUs this chip lies in; they stay in the file where they can be read in parts."""
        return stored_images(self.path("raw"), sorted({one["hdu"] for one in self.amplifier_list}), self.original_name)

    @property
    def amplifier_list(self) -> list[dict[str, Any]]:
        """The amplifiers, as plain dictionaries with 0-based half-open sections."""
        found: list[dict[str, Any]] = json.loads(self.amplifiers)
        return found

    def assembled(self, overscan: str) -> Assembled:
        """The chip as one image, overscan subtracted, in ADU."""
        return assemble(self.hdus(), self.amplifier_list, overscan)

    def has_overscan(self) -> bool:
        """Whether every amplifier has an overscan to subtract."""
        return all(one.get("overscan") for one in self.amplifier_list)

    def header(self) -> fits.Header:
        """The primary header as it was ingested."""
        with self.open() as file:
            return file.primary

    def global_name(self, role: str, ext: str) -> str:
        """The name of its file, after the pattern of Astro-WISE."""
        return global_name(self, role, ext)


class RawBiasFrame(RawFrame):
    """A zero-second exposure."""


class RawDarkFrame(RawFrame):
    """An exposure with the shutter closed."""


class RawDomeFlatFrame(RawFrame):
    """An exposure of a lit screen."""

    filter = depends_on(Filter, "the filter")


class RawTwilightFlatFrame(RawFrame):
    """An exposure of the twilight sky."""

    filter = depends_on(Filter, "the filter")


class RawScienceFrame(RawFrame):
    """An exposure of the sky; or a frame reduced elsewhere, as it was received."""

    filter = depends_on(Filter, "the filter")
    object = attribute(str, "what the observer said it is of")
    ra = attribute(float, "where the telescope pointed", unit="deg", ucd="pos.eq.ra")
    dec = attribute(float, "where the telescope pointed", unit="deg", ucd="pos.eq.dec")
    airmass = attribute(float, "airmass in the middle of the exposure")
    wcs = attribute(str, "the celestial cards of its header, as JSON; empty where it has none")
    origin = attribute(str, "where it was reduced, if elsewhere")

    @property
    def wcs_cards(self) -> dict[str, Any]:
        """The celestial cards of its header."""
        found: dict[str, Any] = json.loads(self.wcs or "{}")
        return found

    def trimmed_wcs(self) -> dict[str, Any]:
        """The celestial cards of the assembled chip: trimming and flips have moved CRPIX and CD; empty where there are none."""
        first = self.amplifier_list[0]
        found = read_wcs(self.wcs_cards) if self.wcs_cards else None
        if found is None:
            return {}
        y0, _, x0, _ = first["data"]
        py, my, px, mx = first["position"]
        section = found.trimmed(x0, y0)
        if first.get("transpose"):
            section = section.affine([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0])
        section = section.flipped((my - py, mx - px), x=bool(first.get("flip_x")), y=bool(first.get("flip_y")))
        return dict(section.trimmed(-px, -py).cards())

    def point_by_wcs(self) -> None:
        """Take the pointing from the WCS of the header where no card says it."""
        cards: dict[str, Any] = self.trimmed_wcs() if self.ra is None or self.dec is None else {}
        if cards:
            self.ra, self.dec = float(cards["CRVAL1"]), float(cards["CRVAL2"])


def all_assembled(raws: Sequence[RawFrame], overscan: str) -> list[Assembled]:
    """The chip of each of some frames, overscan subtracted, in ADU; rows are read from the files as they are asked for."""
    return assemble_all([(raw.hdus(), raw.amplifier_list) for raw in raws], overscan)
