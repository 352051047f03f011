"""The garbage collector of a store.

It takes a lock, looks only at contents that nobody referred to, pinned or put for a day, moves them to the trash, looks
again and brings back what is wanted after all, and deletes from the trash what has lain there long enough.

Nothing that is put meanwhile can be lost: pins are set, and looked at before a file is moved, under one lock. A putter
either sets its pin first, and the file stays; or it looks after the file was moved, and writes it again.
"""
from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from awe.faults import reach
from awe.fileserver.digest import is_hash
from awe.fileserver.incoming import told_plainly
from awe.fileserver.lock import exclusive, exclusive_or_refuse
from awe.fileserver.store import Store

DAY = 86400.0
Referred = Callable[[Collection[str]], AbstractSet[str]] | AbstractSet[str]
_BATCH = 2000
T = TypeVar("T")


@dataclass(slots=True)
class Collected:
    """What the collector did; or, in a dry run, would have done."""

    looked_at: int = 0
    trashed: int = 0
    restored: int = 0
    deleted: int = 0
    freed_bytes: int = 0
    dead_pins: int = 0

    def __str__(self) -> str:
        """Return one line for a person."""
        return (f"{self.looked_at} files looked at, {self.trashed} moved to the trash, {self.restored} brought back, "
                f"{self.deleted} deleted ({self.freed_bytes / 1e6:.1f} MB), {self.dead_pins} dead pins forgotten")


def collect(store: Store, referred: Referred, *, min_age: float = DAY, trash_age: float = DAY,
            dry_run: bool = False) -> Collected:
    """Take away what nobody needs.

    `referred` is the set of hashes that rows refer to, or better a function that is given hashes and returns those of
    them that rows refer to: it is asked again after files were moved. Ages are in seconds. StoreError where another
    process collects already.
    """
    run = _Run(store, _asked(referred), min_age, Collected())
    with told_plainly(store.root, "garbage was to be collected in the store"), exclusive_or_refuse(
            store.gc_lock, f"collecting the garbage of {store.root}"):
        if dry_run:
            for batch in _batches(store.hashes()):
                run.report.trashed += len(run.garbage(batch))
            return run.report
        run.look_at_trash(trash_age)
        for batch in _batches(store.hashes()):
            moved = run.move(run.garbage(batch))
            run.report.trashed += len(moved) - run.bring_back(moved)
        run.report.dead_pins = store.pins.forget_dead(min_age)
    return run.report


def _asked(referred: Referred) -> Callable[[Collection[str]], AbstractSet[str]]:
    if callable(referred):
        return referred
    known = frozenset(referred)
    return known.intersection


class _Run:
    def __init__(self, store: Store, referred: Callable[[Collection[str]], AbstractSet[str]], min_age: float,
                 report: Collected) -> None:
        self.store, self.referred, self.min_age, self.report = store, referred, min_age, report

    def garbage(self, hashes: Collection[str]) -> list[str]:
        """Return those that are old, not pinned and not referred to."""
        self.report.looked_at += len(hashes)
        pinned = self.store.pins.held(self.min_age)
        old = [sha for sha in hashes if sha not in pinned and self._is_old(sha)]
        kept = self.referred(old) if old else frozenset()
        return [sha for sha in old if sha not in kept]

    def move(self, hashes: Iterable[str]) -> list[tuple[str, Path]]:
        """Move files to the trash, unless they were put again meanwhile."""
        moved = []
        with exclusive(self.store.pin_lock):
            pinned = self.store.pins.held(self.min_age)
            for sha in hashes:
                if sha not in pinned and self._is_old(sha):
                    trashed = self.store.trash / f"{sha}.{int(time.time())}"
                    self.store.path(sha).rename(trashed)
                    reach("trashed")
                    moved.append((sha, trashed))
        return moved

    def bring_back(self, trashed: Collection[tuple[str, Path]]) -> int:
        """Look again, and move back what is pinned or referred to; return how many."""
        wanted = set(self.referred([sha for sha, _ in trashed])) if trashed else set()
        back = 0
        with exclusive(self.store.pin_lock):
            wanted |= self.store.pins.held(self.min_age)
            for sha, path in trashed:
                if sha in wanted:
                    back += 1
                    self.store.restore(sha, path)
        self.report.restored += back
        return back

    def look_at_trash(self, trash_age: float) -> None:
        """Bring back from the trash what is wanted after all; delete the rest of it that is old."""
        now = time.time()
        for batch in _batches(_trashed(self.store)):
            self.bring_back(batch)
            for _, path in batch:
                if path.exists() and now - int(path.suffix[1:]) >= trash_age:
                    self.report.freed_bytes += path.stat().st_size
                    self.report.deleted += 1
                    path.unlink()

    def _is_old(self, sha: str) -> bool:
        path = self.store.objects / sha[:2] / sha[2:]
        return path.exists() and time.time() - path.stat().st_mtime >= self.min_age


def _trashed(store: Store) -> Iterator[tuple[str, Path]]:
    for path in sorted(store.trash.iterdir()):
        if is_hash(path.stem) and path.suffix[1:].isdigit():
            yield path.stem, path


def _batches(things: Iterable[T]) -> Iterator[list[T]]:
    walk = iter(things)
    while batch := list(itertools.islice(walk, _BATCH)):
        yield batch
