"""Raw frames come in: each file is looked at, put into the store, and written down, one object a chip.

A file that is known by its content is left as it is, unless it is to be translated `again`; so is a copy of it that is packed
otherwise.  A file that is refused is reported with its reason, and the rest is done.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from awe.dataflow import instance as instances
from awe.errors import AweError, InstrumentError
from awe.ingest.book import Book, newest_instruments
from awe.ingest.known import Known, conflict, is_copy, key_of, says_the_same
from awe.ingest.listing import listed
from awe.ingest.look import ODD
from awe.ingest.looking import look_at_all
from awe.ingest.raw import raw_record
from awe.ingest.reduced import ReceivedChip, is_there, received
from awe.ingest.report import KNOWN, REJECTED, SKIPPED, WOULD_BE, Ingested, IngestReport
from awe.ingest.write import Entry, stored, write
from awe.persist.record import Record
from awe.targets.raw import RawFrame

BATCH = 50

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
        translate files that are known once more, as after a change of the instrument file; and let a file take the place of
        another one of the same exposure
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


def take(block: Sequence[dict[str, Any]], book: Book, *, commit: bool, again: bool) -> list[Ingested]:
    """Deal with some files that were looked at: one transaction for all that are new."""
    entries = [Entry(Ingested(found["path"], REJECTED), found) for found in block]
    waiting = [entry for entry in entries if is_of_use(entry)]
    known = Known(book.instance, [entry.found for entry in waiting])
    new = []
    for entry in waiting:
        try:
            Describing(entry, book, known, commit=commit, again=again).describe()
        except AweError as error:
            entry.row.state, entry.row.why = REJECTED, " ".join(str(error).split())
            book.instance.store.unpin(entry.kept)
            continue
        if entry.records:
            known.add(entry.found["path"], entry.found["sha256"], entry.records)
            new.append(entry)
    if commit:
        write(stored(new, book.instance), book.instance)
    return [entry.row for entry in entries]


def is_of_use(entry: Entry) -> bool:
    """Whether there is anything to bring in; else its row says why not."""
    row, found = entry.row, entry.found
    if ODD in found:
        row.why = found[ODD]
    elif found["kind"] == "skip":
        row.state, row.what, row.why = SKIPPED, "skip", found["why"]
    elif not found["chips"]:
        row.why = "; ".join(found["problems"]) or "holds no chip"
    else:
        return True
    return False


@dataclass
class Describing:
    """Fills the row of one file, and finds the records it will bring and what they take the place of."""

    entry: Entry
    book: Book
    known: Known
    commit: bool
    again: bool
    copies: list[RawFrame] = field(default_factory=list)

    def describe(self) -> None:
        """Do it; raises where the file is refused as a whole."""
        row, found = self.entry.row, self.entry.found
        row.what = f"{found['kind']} of {found['instrument']} ({', '.join(one['chip'] for one in found['chips'])})"
        row.why, row.state = found["why"], WOULD_BE
        odd = [text for one in found["chips"] for text in one.get("odd", [])]
        row.warnings = unique([*found["problems"], *(text for one in found["chips"] for text in one.get("warnings", [])), *odd])
        mine, self.entry.seen = self.known.of_file(found["sha256"]), self.known.ids_of_file(found["sha256"])
        for one in found["chips"]:
            old = mine.get(one["chip"])
            if old is None or self.again:
                self.entry.records += self.records_of(one, old)
        if self.entry.records:
            row.problems = unique([*found["problems"], *odd])
            self.replace_older()
        else:
            self.tell_known([*mine.values(), *self.copies])

    def records_of(self, one: dict[str, Any], old: RawFrame | None) -> list[Record]:
        """The records of one chip; none where it is there just so.

        Raises IngestError where another file of this exposure is there, and is not to be replaced.
        """
        found = self.entry.found
        frame = received(found, one, self.book) if found["kind"] == "reduced" else None
        record = raw_record(found, one, self.book) if frame is None else frame.raw
        raw = record.obj
        assert isinstance(raw, RawFrame)
        known = old is not None and not self.known.is_pending(old) and record.value == bytes(old.value) and says_the_same(raw, old)
        if known and (frame is None or is_there(frame, self.book)):
            return []
        if self.is_a_copy(raw):
            return []
        return [record] if frame is None else self.with_reduced(frame)

    def is_a_copy(self, raw: RawFrame) -> bool:
        """Whether the exposure came in already, packed otherwise; another one of its name is replaced, or is a reason to refuse."""
        found = self.entry.found
        for other in self.known.others(key_of(raw), found["sha256"]):
            if is_copy(raw, found["path"], other, self.known):
                self.copies.append(other)
                return True
            if not self.again or self.known.is_pending(other):
                raise conflict(raw, other)
            self.entry.replaced.append(other)
        return False

    def with_reduced(self, frame: ReceivedChip) -> list[Record]:
        """The frame as received and the reduced frame, whose pixels are put into the store if they are to stay."""
        record, content = frame.reduced_record(self.book)
        if self.commit:
            self.entry.kept.append(self.book.instance.store.put(content))
        return [frame.raw, record]

    def replace_older(self) -> None:
        """What the file was taken for before, and is no more, is replaced."""
        if not self.again:
            return
        new = {(type(record.obj), key_of(record.obj)) for record in self.entry.records if isinstance(record.obj, RawFrame)}
        self.entry.replaced += [one for one in self.known.valid_of_file(self.entry.found["sha256"]) if (type(one), key_of(one)) not in new]

    def tell_known(self, there: Sequence[RawFrame]) -> None:
        """The file brings nothing new."""
        row = self.entry.row
        row.state, row.object_ids = KNOWN, unique([one.object_id for one in there])
        if self.copies:
            row.why += f"; the same pixels as {self.copies[0].original_name}"
        if not any(self.known.is_pending(one) or one.is_valid for one in there):
            row.why += "; it was invalidated, and stays so"


def unique(texts: Iterable[str]) -> list[str]:
    """Each text once, in the order of their first mention."""
    return list(dict.fromkeys(texts))
