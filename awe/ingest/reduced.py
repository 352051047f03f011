"""Frames reduced elsewhere come in: the file as received is their raw frame, and their pixels go on in our units.

Weight, mask, zero point and WCS are kept.  They carry the parameters that are wanted of a reduced frame when they come in, and
its class version, so that the rule picks them like those that were made here.
"""
from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.parameters import ParameterBook, scope_of_keys
from awe.dataflow.source import recipe_of
from awe.ingest.book import Book, latest
from awe.instruments import open_fits
from awe.persist.record import FileRow, Input, Record
from awe.persist.types import to_microseconds
from awe.persist.value import keys_of, value_of
from awe.science.mask import Bit
from awe.science.received import Received, mask_bits, receive
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import BLOCKING, Flag
from awe.targets.image import Image
from awe.targets.imstat import Imstat
from awe.targets.raw import RawScienceFrame
from awe.targets.reduced import ReducedScienceFrame


@dataclass
class ReceivedChip:
    """One chip of a frame reduced elsewhere: the record of the frame as received, and its pixels in our units."""

    found: dict[str, Any]
    one: dict[str, Any]
    raw: Record
    frame: Received

    def reduced_record(self, book: Book) -> tuple[Record, bytearray]:
        """The record of the reduced frame, and the content of its file; of the pixels only the content is kept."""
        reduced = self.reduced(book)
        parameters = wanted(reduced, book)
        content = reduced.image.to_bytes()
        reduced.let_go()
        sha = hashlib.sha256(content).hexdigest()
        stored = FileRow("image", ".fits", sha, len(content), reduced.global_name("image", ".fits"))
        return Record(reduced, inputs=[Input("raw", 0, self.raw.obj)], files=[stored], recipe=recipe_of(ReducedScienceFrame),
                      parameters=parameters, value=value_of(reduced, {"image": sha}), blocking=BLOCKING), content

    def reduced(self, book: Book) -> ReducedScienceFrame:
        """The reduced frame."""
        raw = self.raw.obj
        assert isinstance(raw, RawScienceFrame)
        reduced = ReducedScienceFrame(instrument=raw.instrument, chip=raw.chip, filter=raw.filter, exposure=raw.exposure, raw=raw)
        describe_reduced_frame(reduced, self.one, self.frame)
        return reduced


def received(found: dict[str, Any], one: dict[str, Any], book: Book) -> ReceivedChip:
    """One chip of a frame reduced elsewhere."""
    name = found["instrument"]
    chip, glass = book.linked(Chip, name, one["chip"]), book.linked(Filter, name, one["filter"])
    raw = RawScienceFrame(instrument=book.instruments[name], chip=chip, exposure=one["exposure"], filter=glass)
    describe_raw(raw, found, one)
    raw.point_by_wcs()
    frame = pixels_of(one, book.instruments[name].definition.checksum)
    raw.imstat = Imstat.of(frame.data, frame.mask)
    ext = "".join(Path(found["path"]).suffixes[-2:]) or ".fits"
    file = FileRow("raw", ext, found["sha256"], found["size"], raw.global_name("raw", ext))
    return ReceivedChip(found, one, Record(raw, files=[file], value=value_of(raw, {"raw": found["sha256"]}), blocking=BLOCKING), frame)


def is_there(chip: ReceivedChip, book: Book) -> bool:
    """Whether the reduced frame that is in use is the very one this chip would bring."""
    record, _ = chip.reduced_record(book)
    reduced = record.obj
    assert isinstance(reduced, ReducedScienceFrame)
    same = (ReducedScienceFrame.instrument.name == reduced.instrument.name) & (ReducedScienceFrame.chip.name == reduced.chip.name) \
        & (ReducedScienceFrame.exposure == reduced.exposure) & (ReducedScienceFrame.is_valid > 0)
    there = latest(same)
    return there is not None and bytes(there.value) == record.value and there.filter.name == reduced.filter.name


def wanted(reduced: ReducedScienceFrame, book: Book) -> dict[str, Any]:
    """The parameters that are wanted of a reduced frame with these keys; it is given them."""
    database = book.instance.database
    with database.snapshot() as connection:
        parameters = ParameterBook(connection, database.identity.project_id)
        found = dict(parameters.wanted(ReducedScienceFrame, scope_of_keys(keys_of(reduced)), to_microseconds(reduced.anchor)).values)
    for name, value in found.items():
        setattr(reduced, name, value)
    return found


def describe_raw(raw: RawScienceFrame, found: dict[str, Any], one: dict[str, Any]) -> None:
    """What is known of the frame as received."""
    raw.readout_mode, raw.exptime, raw.observer = one["readout_mode"], float(one["exptime"]), one["observer"] or ""
    raw.date_obs = raw.anchor = datetime.datetime.fromisoformat(one["date_obs"])
    raw.object, raw.ra, raw.dec, raw.airmass = one["object"] or "", one["ra"], one["dec"], one["airmass"]
    ny, nx = one["shape"]
    whole = [0, ny, 0, nx]
    raw.amplifiers = json.dumps([{"name": "A", "hdu": one["hdu"], "data": whole, "position": whole, "gain": one["gain"],
                                  "read_noise": one["read_noise"], "saturation": one["saturation"]}], sort_keys=True)
    raw.wcs = json.dumps(one["wcs_cards"]) if one["wcs_cards"] else ""
    raw.origin, raw.original_name, raw.why = one["why"], Path(found["path"]).name, found["why"]
    raw.warnings = "; ".join(one["warnings"])


def pixels_of(one: dict[str, Any], checksum: str) -> Received:
    """The pixels, brought to our units; sums are verified as the instrument file says."""
    with open_fits(one["path"], checksum=checksum) as file:
        data = file.pixels(one["hdu"])
    weight, mask = one["weight"], one["mask"]
    return receive(data, float(one["exptime"]), unit=one["unit"], soft_bias=one["soft_bias"], gain=one["gain"],
                   saturation=one["saturation"], weight=plane(weight, checksum), weight_kind=weight["kind"] if weight else "weight",
                   mask=mask_bits(plane(mask, checksum), dict(map(tuple, mask["meaning"])), mask["by"]) if mask else None,  # type: ignore[arg-type]
                   zero_point=one["zero_point"], zero_point_per=one["zero_point_per"])


def plane(description: dict[str, Any] | None, checksum: str) -> NDArray[Any] | None:
    """A weight or mask, from wherever it lies."""
    if description is None:
        return None
    with open_fits(description["path"], checksum=checksum) as file:
        return file.pixels(description["hdu"])


def describe_reduced_frame(reduced: ReducedScienceFrame, one: dict[str, Any], frame: Received) -> None:
    """What can be asked of the reduced frame afterwards."""
    reduced.anchor = datetime.datetime.fromisoformat(one["date_obs"])
    reduced.object, reduced.exptime, reduced.airmass = one["object"] or "", float(one["exptime"]), one["airmass"]
    reduced.sky_level = frame.sky
    unit = one["unit"].removesuffix("/s")
    if unit == "electron" or (unit == "ADU" and one["gain"]):
        unit, reduced.effective_gain = "electron", 1.0
    else:
        reduced.raise_flag(Flag.GAIN_UNKNOWN)
    reduced.read_noise = one["read_noise"]
    reduced.saturation = (one["saturation"] - one["soft_bias"]) * frame.factor if one["saturation"] else None
    reduced.n_cosmic = int(np.count_nonzero(frame.mask & Bit.COSMIC))
    reduced.n_saturated = int(np.count_nonzero(frame.mask & Bit.SATURATED))
    reduced.bad_fraction = float(np.mean(frame.weight <= 0))
    reduced.wcs = json.dumps(reduced.raw.trimmed_wcs())
    reduced.zero_point, reduced.origin = frame.zero_point, one["why"]
    reduced.image = Image(frame.data, frame.variance, frame.weight, frame.mask, cards={"BUNIT": unit.lower(), **reduced.cards()})


