"""The record of one chip of a raw file."""
from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from awe.ingest.book import Book
from awe.ingest.known import CLASSES
from awe.persist.record import FileRow, Record
from awe.persist.value import value_of
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import BLOCKING, Flag
from awe.targets.imstat import Imstat
from awe.targets.raw import RawFrame, RawScienceFrame

SUFFIXES = (".fits", ".fit", ".fts", ".gz", ".fz", ".bz2")


def raw_record(found: dict[str, Any], one: dict[str, Any], book: Book) -> Record:
    """The record of one chip of a raw file."""
    cls = CLASSES[one["purpose"]]
    name = found["instrument"]
    raw = cls(instrument=book.instruments[name], chip=book.linked(Chip, name, one["chip"]), exposure=one["exposure"])
    fill(raw, found, one)
    if hasattr(cls, "filter") and "filter" in cls.__mapping__.links:
        raw.filter = book.linked(Filter, name, one["filter"])  # type: ignore[attr-defined]
    if isinstance(raw, RawScienceFrame):
        raw.object, raw.ra, raw.dec, raw.airmass = one["object"] or "", one["ra"], one["dec"], one["airmass"]
        raw.wcs = json.dumps(one["wcs_cards"]) if one["wcs_cards"] else ""
        raw.point_by_wcs()
    raw.imstat = Imstat(**one["imstat"])
    if one["odd"]:
        raw.quality_flags = int(Flag.MISLABELLED)
    return record_of(raw, found)


def fill(raw: RawFrame, found: dict[str, Any], one: dict[str, Any]) -> None:
    """What every raw frame has."""
    raw.readout_mode, raw.exptime, raw.observer = one["readout_mode"], float(one["exptime"]), one["observer"] or ""
    raw.date_obs = raw.anchor = datetime.datetime.fromisoformat(one["date_obs"])
    raw.amplifiers = json.dumps(one.get("amplifiers", []), sort_keys=True)
    raw.original_name, raw.why = Path(found["path"]).name, found["why"]
    raw.warnings = "; ".join([*one.get("warnings", []), *one.get("odd", [])])


def record_of(raw: RawFrame, found: dict[str, Any]) -> Record:
    """A raw frame with its file."""
    ext = "".join(part for part in Path(found["path"]).suffixes[-2:] if part.lower() in SUFFIXES) or ".fits"
    file = FileRow("raw", ext, found["sha256"], found["size"], raw.global_name("raw", ext))
    return Record(raw, files=[file], value=value_of(raw, {"raw": found["sha256"]}), blocking=BLOCKING)
