"""Pins: a file that was put, and has no row yet, is not garbage.

A pin is an empty file ``<hash>.<owner>.<number>``; its modification time is when it was set. `put` sets one before it
answers, also when the content was there already; the caller takes it away after the row is committed. Pins need not
survive a power cut, because their processes do not.
"""
from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from awe.fileserver.digest import is_hash
from awe.fileserver.lock import shared
from awe.fileserver.owner import Owner

FOREIGN_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Pin:
    """One pin, as it stands in the folder."""

    sha: str
    owner: Owner
    path: Path
    set_at: float

    def holds(self, min_age: float, now: float | None = None) -> bool:
        """Return whether the pin still protects its file.

        It does while its process runs, and for `min_age` seconds after it was set in any case. A process of another
        machine or boot cannot be seen from here: its pins hold for a week.
        """
        age = (time.time() if now is None else now) - self.set_at
        if self.owner.is_alive or age < min_age:
            return True
        return not self.owner.is_near and age < FOREIGN_DAYS * 86400


class Pins:
    """The pins of a store."""

    def __init__(self, folder: Path, lock: Path, owner: Owner | None = None) -> None:
        self.folder = folder
        self._lock = lock
        self._owner = owner

    @property
    def owner(self) -> Owner:
        """The process for which pins are set and taken away: this one, unless another was named."""
        return self._owner or Owner.here()

    def add(self, sha: str) -> None:
        """Pin `sha`; each call adds a pin. Waits while the garbage collector decides."""
        path = self.folder / f"{sha}.{self.owner}.{secrets.token_hex(4)}"
        with shared(self._lock):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))

    def remove(self, hashes: Iterable[str]) -> None:
        """Take away one pin of this owner for each of `hashes`; one that has none is passed over."""
        wanted = Counter(hashes)
        mine = self.owner
        for pin in self if wanted else ():
            if pin.owner == mine and wanted[pin.sha] > 0:
                wanted[pin.sha] -= 1
                pin.path.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Pin]:
        """Walk over all pins; a file that is not a pin is passed over."""
        with os.scandir(self.folder) as entries:
            for entry in entries:
                sha, _, rest = entry.name.partition(".")
                owner = Owner.parse(rest.partition(".")[0])
                if owner is None or not is_hash(sha):
                    continue
                try:
                    set_at = entry.stat().st_mtime
                except FileNotFoundError:
                    continue  # taken away meanwhile
                yield Pin(sha, owner, Path(entry.path), set_at)

    def held(self, min_age: float) -> set[str]:
        """Return the hashes that a pin protects now."""
        now = time.time()
        return {pin.sha for pin in self if pin.holds(min_age, now)}
