"""What was described is stored and written down: files first, then all rows in one transaction."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.dataflow.files import with_files
from awe.dataflow.instance import Instance
from awe.errors import StoreError, StoreFullError
from awe.ingest.report import INGESTED, KNOWN, REJECTED, Ingested
from awe.persist.declare import number_of
from awe.persist.edit import edit_all
from awe.persist.insert import insert
from awe.persist.record import Record
from awe.targets.raw import RawFrame, RawScienceFrame
from awe.targets.reduced import ReducedScienceFrame

#: The number of the advisory lock under which PostgreSQL lets one process at a time ask what is known, and write what is not.
INGEST_LOCK = number_of("ingest")


@dataclass
class Entry:
    """One file: what is told of it, what was found in it, the records it brings, and the frames that they replace.

    `seen` are the objects of the file that were there when it was described. `kept` are the contents that are in the store already,
    pinned; `unkept` says why the file is not.
    """

    row: Ingested
    found: dict[str, Any]
    records: list[Record] = field(default_factory=list)
    replaced: list[RawFrame] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    unkept: str = ""


def stored(entries: Sequence[Entry], instance: Instance) -> list[Entry]:
    """Put the files into the store; those that cannot be read any more, or have changed meanwhile, are refused."""
    try:
        keep(entries, instance)
    except StoreFullError:
        instance.store.unpin([sha for entry in entries for sha in entry.kept])
        raise
    for entry in entries:
        if entry.found["sha256"] not in entry.kept:
            entry.row.state = REJECTED
            entry.row.why = entry.unkept or f"{entry.row.path}: changed while it was read; ingest it again when it is whole"
            instance.store.unpin(entry.kept)
    return [entry for entry in entries if entry.row.state != REJECTED]


def keep(entries: Sequence[Entry], instance: Instance) -> None:
    """Put the files into the store, all at once, or where one of them cannot be read one by one."""
    paths = [Path(entry.found["path"]) for entry in entries]
    try:
        for entry, sha in zip(entries, instance.store.put_many(paths), strict=True):
            entry.kept.append(sha)
    except StoreFullError:
        raise
    except StoreError:
        for entry, path in zip(entries, paths, strict=True):
            try:
                entry.kept.append(instance.store.put(path))
            except StoreFullError:
                raise
            except StoreError as error:
                entry.unkept = " ".join(str(error).split())


def write(entries: Sequence[Entry], instance: Instance) -> None:
    """Write the records of several files down, in one transaction; those that others have brought in meanwhile are known."""
    if not entries:
        return

    def work(connection: sa.Connection) -> list[Entry]:
        new = still_new(entries, instance, connection)
        for entry in new:
            retire(entry)
        insert([record for entry in new for record in entry.records])
        return new
    try:
        written = instance.database.write(work)
    finally:
        instance.store.unpin([sha for entry in entries for sha in entry.kept])
    for entry in written:
        entry.row.state = INGESTED
        entry.row.object_ids = [record.obj.object_id for record in entry.records]  # type: ignore[attr-defined]


def still_new(entries: Sequence[Entry], instance: Instance, connection: sa.Connection) -> list[Entry]:
    """The files that nobody has brought in since they were described; one process at a time asks and writes."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (INGEST_LOCK,))
    there = with_files(instance, [entry.found["sha256"] for entry in entries])
    new = []
    for entry in entries:
        raws = [one for one in there.get(entry.found["sha256"], []) if isinstance(one, RawFrame)]
        since = [one.object_id for one in raws if one.object_id not in entry.seen]
        if since:
            entry.row.state, entry.row.object_ids = KNOWN, since
        else:
            new.append(entry)
    return new


def retire(entry: Entry) -> None:
    """Invalidate what a file was taken for before, and the frames whose place it takes."""
    if entry.replaced:
        what = type(entry.records[0].obj).__name__
        edit_all([each for one in entry.replaced for each in (one, *reduced_of(one))], "is_valid", 0,
                 f"translated again, as {what}, from {entry.row.path.rsplit('/', 1)[-1]}")


def reduced_of(raw: RawFrame) -> list[ReducedScienceFrame]:
    """The reduced frame that came with a frame as received."""
    if not (isinstance(raw, RawScienceFrame) and raw.origin):
        return []
    mine = (ReducedScienceFrame.instrument.name == raw.instrument.name) & (ReducedScienceFrame.chip.name == raw.chip.name) \
        & (ReducedScienceFrame.exposure == raw.exposure) & (ReducedScienceFrame.is_valid > 0)
    return [one for one in mine if one.origin]
