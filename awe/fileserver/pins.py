"""Pins: a file that was put, and has no row yet, is not garbage.

Each process writes its pins to a journal of its own, ``pins/<owner>``: a line ``+<hash> <time>`` when a content is
put, before `put` answers, also when the content was there already; a line ``-<hash> <time>`` when the caller takes the
pin away after the commit. A content is pinned while more were set than taken away. One line costs a write, where one
file for each pin would cost an inode made and deleted (ext4 searches past inodes that were deleted in the last minute:
0.7 ms instead of 0.02 ms for each file that is made). Pins need not survive a power cut: their processes do not.
"""
from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from awe.fileserver.lock import exclusive, shared
from awe.fileserver.owner import Owner

FOREIGN_AGE = 7 * 86400.0
_LINE = re.compile(rb"([+-])([0-9a-f]{64}) ([0-9]{1,12})\n")
_LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Pin:
    """What one process has pinned: a content, how often, and when last (seconds since 1970)."""

    sha: str
    owner: Owner
    count: int
    set_at: float

    def holds(self, min_age: float, now: float) -> bool:
        """Return whether the pin still protects its content.

        It does while its process runs, and for `min_age` seconds after it was set in any case. A process of another
        machine or boot cannot be seen from here: its pins hold for a week.
        """
        age = now - self.set_at
        return self.owner.is_alive or age < min_age or (not self.owner.is_near and age < FOREIGN_AGE)


class Pins:
    """The pins of a store."""

    def __init__(self, folder: Path, lock: Path, owner: Owner | None = None) -> None:
        self.folder = folder
        self.lock = lock
        self._owner = owner
        self._tidy_at = _LARGE

    @property
    def owner(self) -> Owner:
        """The process for which pins are set and taken away: this one, unless another was named."""
        return self._owner or Owner.here()

    def add(self, sha: str) -> None:
        """Pin `sha`; each call adds a pin. Waits while the garbage collector decides."""
        self._write(f"+{sha} {int(time.time())}\n")

    def remove(self, hashes: Iterable[str]) -> None:
        """Take away one pin of this owner for each of `hashes`."""
        now = int(time.time())
        lines = "".join(f"-{sha} {now}\n" for sha in hashes)
        if lines and self._write(lines) > self._tidy_at:
            self._tidy()

    def _write(self, lines: str) -> int:
        """Append to the journal of the owner; return its size."""
        with shared(self.lock):
            descriptor = os.open(self.folder / str(self.owner), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
                                 0o644)
            try:
                data = lines.encode("ascii")
                while data:
                    data = data[os.write(descriptor, data):]
                return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)

    def _tidy(self) -> None:
        """Write the journal of the owner anew without the pins that were taken away."""
        journal = self.folder / str(self.owner)
        with exclusive(self.lock):
            beside = journal.with_name(journal.name + ".new")
            beside.write_text("".join(f"+{pin.sha} {int(pin.set_at)}\n" * pin.count for pin in _read(journal)),
                              encoding="ascii")
            self._tidy_at = max(_LARGE, 2 * beside.stat().st_size)
            beside.replace(journal)

    def __iter__(self) -> Iterator[Pin]:
        """Walk over all pins of all processes."""
        for journal in sorted(self.folder.iterdir()):
            yield from _read(journal)

    def held(self, min_age: float) -> set[str]:
        """Return the hashes that a pin protects now."""
        now = time.time()
        return {pin.sha for pin in self if pin.holds(min_age, now)}

    def forget_dead(self, min_age: float) -> int:
        """Delete the journals whose pins protect nothing any more and whose process is gone; return how many pins."""
        now, dead = time.time(), 0
        with exclusive(self.lock):
            for journal in self.folder.iterdir():
                owner, pins = Owner.parse(journal.name.removesuffix(".new")), list(_read(journal))
                if owner is None or owner.is_alive or any(pin.holds(min_age, now) for pin in pins):
                    continue
                if owner.is_gone or now - journal.stat().st_mtime > FOREIGN_AGE:
                    journal.unlink()
                    dead += sum(pin.count for pin in pins)
        return dead


def _read(journal: Path) -> Iterator[Pin]:
    """Read one journal; a line that was cut off by a crash is passed over."""
    owner = Owner.parse(journal.name)
    if owner is None:
        return
    counts: Counter[bytes] = Counter()
    times: dict[bytes, float] = {}
    for sign, sha, when in _LINE.findall(journal.read_bytes()):
        counts[sha] += 1 if sign == b"+" else -1
        if sign == b"+":
            times[sha] = float(when)
    for sha, count in counts.items():
        if count > 0:
            yield Pin(sha.decode(), owner, count, times[sha])
