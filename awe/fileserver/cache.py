"""A bounded cache of contents on the local disk, shared by the processes of a machine.

Laid out as a store is. What comes in is verified against its name; what is got is verified again unless the caller
says not to. When it grows past its bound, what was not used for longest goes first. What was used in the last minute
stays, so that a path that was just handed out can still be opened; so the bound may be passed by what one minute needs.
"""
from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from awe.errors import ConfigError, MissingFileError
from awe.fileserver.digest import hash_file, is_hash, must_be
from awe.fileserver.incoming import Incoming, Source, told_plainly
from awe.fileserver.lock import exclusive
from awe.fileserver.owner import Owner

GIB = 1 << 30


class Cache:
    """A cache in the folder `root`, made where it is missing, of at most `max_bytes`."""

    def __init__(self, root: Path | str, max_bytes: int = 10 * GIB, *, keep_seconds: float = 60.0) -> None:
        if max_bytes < 0:
            raise ConfigError(f"a cache of {max_bytes} bytes was asked in {root}; give 0 or more")
        self.root = Path(root)
        self.max_bytes = max_bytes
        self.keep_seconds = keep_seconds
        self.objects = self.root / "objects"
        self.incoming = self.root / "incoming"
        self._lock = self.root / "lock"
        self._total = self.root / "total"
        with told_plainly(self.root, "a cache was to be made in"):
            self.objects.mkdir(parents=True, exist_ok=True)
            self.incoming.mkdir(exist_ok=True)

    def get(self, sha: str, *, verify: bool = True) -> Path | None:
        """Return where the content lies, and note that it was used; None where it is not here, or was damaged."""
        if not is_hash(sha):
            return None
        path = self._place(sha)
        try:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
            if not verify or hash_file(path) == sha:
                return path
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        return None

    def path(self, sha: str) -> Path:
        """Return where the content lies; MissingFileError where it does not."""
        found = self.get(sha, verify=False)
        if found is None:
            raise MissingFileError(f"the file {sha[:80]} was asked, but it is not in the cache {self.root}; fetch it")
        return found

    def open(self, sha: str) -> BinaryIO:
        """Open the content to read from; it stays readable when it is evicted."""
        return self.path(sha).open("rb")

    def has(self, sha: str) -> bool:
        """Return whether the content is here."""
        return is_hash(sha) and self._place(sha).exists()

    def put(self, source: Source) -> str:
        """Take in the bytes of a file, a stream or `bytes`; return their SHA-256."""
        with self.receive() as incoming:
            incoming.fill(source)
            return self.keep(incoming)

    @contextlib.contextmanager
    def receive(self) -> Iterator[Incoming]:
        """Open a file to write into, piece by piece, and then to `keep`; nothing of it stays unless it is kept."""
        with told_plainly(self.root, "a file was to be put into the cache"):
            incoming = Incoming(self.incoming)
            try:
                yield incoming
            finally:
                incoming.close()

    def keep(self, incoming: Incoming, expected: str | None = None) -> str:
        """Take in what was received; IntegrityError where its hash is not the one `expected`."""
        sha = incoming.sha
        if expected is not None:
            must_be(expected, sha, "what was received")
        with exclusive(self._lock):
            total = self._read_total() + incoming.size
            self._total.write_text(str(total), encoding="ascii")
            incoming.move(self._place(sha), durable=False)
            if total > self.max_bytes:
                self._evict(but=self._place(sha))
        return sha

    @property
    def size(self) -> int:
        """Number of bytes that are here."""
        return sum(size for _, size, _ in self._used())

    def clear(self) -> None:
        """Remove everything."""
        with exclusive(self._lock):
            for _, _, path in self._used():
                path.unlink(missing_ok=True)
            self._total.write_text("0", encoding="ascii")

    def _place(self, sha: str) -> Path:
        return self.objects / sha[:2] / sha[2:]

    def _read_total(self) -> int:
        """Return how many bytes are here, or somewhat more: what was taken in twice counts twice until it is counted."""
        try:
            return int(self._total.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return self.size

    def _used(self) -> list[tuple[float, int, Path]]:
        """Return when each content was used last, its size and its path, in the order of use."""
        found = []
        for folder in self.objects.iterdir():
            for path in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    found.append((status.st_atime, status.st_size, path))
        return sorted(found)

    def _evict(self, but: Path) -> None:
        """Remove what was not used for longest until a tenth of the bound is free, and what died half-written."""
        used, now = self._used(), time.time()
        total, wanted = sum(size for _, size, _ in used), self.max_bytes * 9 // 10
        for used_at, size, path in used if total > self.max_bytes else ():
            if total <= wanted or now - used_at < self.keep_seconds:
                break
            if path != but:
                path.unlink(missing_ok=True)
                total -= size
        self._total.write_text(str(total), encoding="ascii")
        for path in self.incoming.iterdir():
            owner = Owner.parse(path.name.partition(".")[0])
            if owner is None or owner.is_gone:
                path.unlink(missing_ok=True)
