"""Comparing a store with the rows that refer to it."""
from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from awe.errors import IntegrityError, MissingFileError
from awe.fileserver.batch import each
from awe.fileserver.digest import is_hash
from awe.fileserver.incoming import told_plainly
from awe.fileserver.owner import Owner
from awe.fileserver.pins import FOREIGN_AGE
from awe.fileserver.store import Store


@dataclass(slots=True)
class Report:
    """What was found. Missing and corrupted contents are errors; all else is garbage, and harmless."""

    files: int = 0
    missing: list[str] = field(default_factory=list)
    corrupted: list[str] = field(default_factory=list)
    unreferred: list[str] = field(default_factory=list)
    dead_pins: int = 0
    leftovers: list[Path] = field(default_factory=list)
    strangers: list[Path] = field(default_factory=list)
    trashed: int = 0
    repaired: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every content that rows refer to is there and, where that was looked at, undamaged."""
        return not self.missing and not self.corrupted

    def __str__(self) -> str:
        """Return one line for a person."""
        return (f"{self.files} files: {len(self.missing)} missing, {len(self.corrupted)} corrupted; garbage: "
                f"{len(self.unreferred)} unreferred, {self.dead_pins} dead pins, {len(self.leftovers)} half-written, "
                f"{len(self.strangers)} strangers, {self.trashed} in the trash; {self.repaired} repaired")


def check(store: Store, referred: Iterable[str], *, verify_contents: bool = False, repair: bool = False,
          threads: int = 2) -> Report:
    """Compare `store` with the hashes that rows refer to; read all contents where `verify_contents`.

    Changes nothing unless `repair`: then files half-written by processes that are gone are removed, and contents that
    are referred to are brought back from the trash.
    """
    with told_plainly(store.root, "a check was asked of the store"):
        return _checked(store, set(referred), verify_contents, repair, threads)


def _checked(store: Store, wanted: set[str], verify_contents: bool, repair: bool, threads: int) -> Report:
    report = Report()
    if repair:
        report.repaired += _bring_back(store, wanted)
    there = set(store.hashes())
    pinned = store.pins.held(min_age=0.0)
    report.files = len(there)
    report.missing = sorted(wanted - there)
    report.unreferred = sorted(there - wanted - pinned)
    report.dead_pins = sum(pin.count for pin in store.pins if not pin.holds(0.0, time.time()))
    report.strangers = [path for path in sorted(store.objects.glob("*/*")) if not is_hash(path.parent.name + path.name)]
    report.leftovers = [path for path in sorted(store.incoming.iterdir()) if _is_left_over(path)]
    report.trashed = sum(1 for _ in store.trash.iterdir())
    if verify_contents:
        report.corrupted = _corrupted(store, sorted(there), threads)
    if repair:
        for path in report.leftovers:
            path.unlink(missing_ok=True)
        report.repaired += len(report.leftovers)
    return report


def _corrupted(store: Store, hashes: list[str], threads: int) -> list[str]:
    def is_damaged(sha: str) -> bool:
        try:
            store.check(sha)
        except IntegrityError:
            return True
        except MissingFileError:
            return False  # collected meanwhile
        return False

    found: list[bool] = []
    each(is_damaged, hashes, found, threads)
    return [sha for sha, damaged in zip(hashes, found, strict=True) if damaged]


def _bring_back(store: Store, wanted: set[str]) -> int:
    back = 0
    for path in sorted(store.trash.iterdir()):
        if path.stem in wanted and not store.has(path.stem):
            store.restore(path.stem, path)
            back += 1
    return back


def _is_left_over(path: Path) -> bool:
    """Return whether the process that wrote `path` is gone, or cannot be seen and has not written for a week."""
    owner = Owner.parse(path.name.partition(".")[0])
    if owner is not None and owner.is_near:
        return owner.is_gone
    try:
        return time.time() - path.stat().st_mtime > FOREIGN_AGE
    except FileNotFoundError:
        return False
