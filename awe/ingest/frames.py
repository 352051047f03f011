"""Raw frames come in: each file is looked at, put into the store, and written down, one object a chip.

A file that is known by its content is left as it is, unless it is to be translated `again`.  A file that is refused is
reported with its reason, and the rest is done.
"""
from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from awe.dataflow import instance as instances
from awe.dataflow.files import with_files
from awe.dataflow.instance import Instance
from awe.errors import AweError, InstrumentError, MissingFileError
from awe.ingest.look import ODD
from awe.ingest.looking import look_at_all
from awe.ingest.reduced import reduced_records
from awe.ingest.report import INGESTED, KNOWN, REJECTED, SKIPPED, WOULD_BE, Ingested, IngestReport
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record
from awe.persist.value import value_of
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import BLOCKING, Flag
from awe.targets.imstat import Imstat
from awe.targets.instrument import Instrument
from awe.targets.raw import (
    RawBiasFrame,
    RawDarkFrame,
    RawDomeFlatFrame,
    RawFrame,
    RawScienceFrame,
    RawTwilightFlatFrame,
)

CLASSES: dict[str, type[RawFrame]] = {"bias": RawBiasFrame, "dark": RawDarkFrame, "domeflat": RawDomeFlatFrame,
                                      "twilightflat": RawTwilightFlatFrame, "science": RawScienceFrame}
BATCH = 50
ENDINGS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fits.bz2", ".fit.bz2", ".fz")

Progress = Callable[[int, int], None]


def ingest(paths: Iterable[Path | str], *, commit: bool = False, again: bool = False, workers: int = 0,
           progress: Progress | None = None) -> IngestReport:
    """Ingest files, and all FITS files in folders.

    Parameters
    ----------
    paths
        files and folders
    commit
        write them; without it everything is looked at and nothing is written
    again
        translate files that are known once more, as after a change of the instrument file
    workers
        how many processes look at files; 0 looks at them in this one
    progress
        called with how many files have been dealt with, and how many there are
    """
    files = listed(paths)
    instance = instances.current()
    definitions = [one.definition for one in newest_instruments()]
    if not definitions:
        raise InstrumentError("no instrument is known yet; `awe instrument add FILE` brings one in, and `awe instrument list` shows those "
                              "that come with awe")
    book = Book(instance)
    report = IngestReport()
    block: list[dict[str, Any]] = []
    for found in look_at_all(files, definitions, workers):
        block.append(found)
        if len(block) >= BATCH:
            report.rows += take(block, book, commit=commit, again=again)
            block = []
        if progress is not None:
            progress(len(report.rows) + len(block), len(files))
    report.rows += take(block, book, commit=commit, again=again)
    return report


def listed(paths: Iterable[Path | str]) -> list[str]:
    """All files meant, each once: those named, and the FITS files in folders, in alphabetical order."""
    found: dict[str, None] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file() and one.name.lower().endswith(ENDINGS))
            found.update(dict.fromkeys(map(str, inside)))
        elif path.exists():
            found[str(path)] = None
        else:
            raise MissingFileError(f"{path}: there is no such file or folder; nothing was ingested")
    return list(found)


def latest(query: Any) -> Any:
    """The object of a query that was committed last; None where there is none."""
    return next(iter(query.order_by("-creation_date")[:1]), None)


def newest_instruments() -> list[Instrument]:
    """The newest valid version of each instrument."""
    newest: dict[str, Instrument] = {}
    for one in (Instrument.is_valid > 0).order_by("creation_date"):
        newest[one.name] = one
    return list(newest.values())


class Book:
    """Looks up what frames are linked to, each once."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.instruments = {one.name: one for one in newest_instruments()}
        self._linked: dict[tuple[type, str, str], Any] = {}

    def linked(self, cls: type, instrument: str, name: str) -> Any:
        """The newest valid chip or filter of an instrument."""
        key = (cls, instrument, name)
        if key not in self._linked:
            query = (cls.instrument.name == instrument) & (cls.name == name) & (cls.is_valid > 0)  # type: ignore[attr-defined]
            found = latest(query)
            if found is None:
                raise InstrumentError(f"{instrument} has no {cls.__name__.lower()} {name!r}; "
                                      "`awe instrument add` the file that names it")
            self._linked[key] = found
        return self._linked[key]


def take(block: Sequence[dict[str, Any]], book: Book, *, commit: bool, again: bool) -> list[Ingested]:
    """Deal with some files that were looked at: one transaction for all that are new."""
    rows, waiting = [], []
    for found in block:
        row = Ingested(found["path"], REJECTED)
        rows.append(row)
        if ODD in found:
            row.why = found[ODD]
        elif found["kind"] == "skip":
            row.state, row.what, row.why = SKIPPED, "skip", found["why"]
        elif not found["chips"]:
            row.why = "; ".join(found["problems"]) or "holds no chip"
        else:
            waiting.append((row, found))
    there = with_files(book.instance, [found["sha256"] for _, found in waiting])
    new = []
    for row, found in waiting:
        records = describe(row, found, book, known_chips(there.get(found["sha256"], [])), again=again)
        if records:
            there.setdefault(found["sha256"], []).extend(record.obj for record in records)
            new.append((row, found, records))
    if commit and new:
        write(new, book)
    return rows


def describe(row: Ingested, found: dict[str, Any], book: Book, there: dict[str, Any], *, again: bool) -> list[Record]:
    """Fill the row of one file, and return the records it would bring."""
    row.what = f"{found['kind']} of {found['instrument']} ({', '.join(one['chip'] for one in found['chips'])})"
    row.why, row.state = found["why"], WOULD_BE
    row.warnings = [*found["problems"], *(text for one in found["chips"] for text in [*one.get("warnings", []), *one.get("odd", [])])]
    records: list[Record] = []
    try:
        if len(there) == len(found["chips"]) and not again:
            row.state, row.object_ids = KNOWN, [one.object_id for one in there.values()]
            return []
        for one in found["chips"]:
            if one["chip"] in there and not again:
                continue
            records += reduced_records(found, one, book) if found["kind"] == "reduced" else [raw_record(found, one, book)]
    except AweError as error:
        row.state, row.why = REJECTED, " ".join(str(error).split())
        return []
    return records


def known_chips(objects: Iterable[Any]) -> dict[str, RawFrame]:
    """The valid raw frames among the objects that one file belongs to, by chip."""
    return {one.chip.name: one for one in objects if isinstance(one, RawFrame) and one.is_valid > 0}


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
    ext = "".join(part for part in Path(found["path"]).suffixes[-2:] if part.lower() in (".fits", ".fit", ".fts", ".gz", ".fz", ".bz2"))
    file = FileRow("raw", ext or ".fits", found["sha256"], found["size"], raw.global_name("raw", ext or ".fits"))
    return Record(raw, files=[file], value=value_of(raw, {"raw": found["sha256"]}), blocking=BLOCKING)


def write(new: Sequence[tuple[Ingested, dict[str, Any], list[Record]]], book: Book) -> None:
    """Store the files and write the records of several files down, in one transaction."""
    instance = book.instance
    instance.store.put_many([Path(found["path"]) for _, found, _ in new])
    records = [record for _, _, some in new for record in some]
    hashes = {file.sha256 for record in records for file in record.files}

    def work(connection: Any) -> None:
        retire([record.obj for record in records if isinstance(record.obj, RawFrame)])
        insert(records)
    instance.database.write(work)
    instance.store.unpin(hashes)
    for row, _, some in new:
        row.state, row.object_ids = INGESTED, [record.obj.object_id for record in some]  # type: ignore[attr-defined]


def retire(raws: Sequence[RawFrame]) -> None:
    """Invalidate what the same file was taken for before, where it is now taken for something else."""
    for raw in raws:
        for cls in CLASSES.values():
            if cls is not type(raw):
                same = (cls.instrument.name == raw.instrument.name) & (cls.chip.name == raw.chip.name) & (cls.exposure == raw.exposure)
                for old in list(same & (cls.is_valid > 0)):
                    edit(old, "is_valid", 0, f"translated again, as {type(raw).__name__}")
