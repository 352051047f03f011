"""The file store: contents kept under their SHA-256, each once, read-only, durable.

::

    root/STORE              says that this is a store, and its format
    root/objects/ab/cdef... a content, under its hash; mode 0444
    root/incoming/          files being written; named by the process that writes
    root/pins/              contents that were put and have no row yet
    root/trash/             what the garbage collector took away and will delete later
    root/locks/             held while pins are set or looked at, and by the collector

`put` answers after the bytes and their name are on the disk. Reading a whole content with `get` verifies it.
`read_range` and `open` do not: a part of a file cannot be compared with the hash of the whole. Damage that sits
there is found by `check`, and by `awe fsck --contents`.
"""
from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from awe.errors import InstanceError, MissingFileError, StoreError
from awe.faults import reach
from awe.fileserver.batch import each
from awe.fileserver.digest import hash_bytes, hash_file, is_hash, must_be
from awe.fileserver.incoming import Incoming, Source, sync_folder, told_plainly
from awe.fileserver.owner import Owner
from awe.fileserver.pins import Pins

log = logging.getLogger("awe.fileserver")

FORMAT = "awe file store 1\n"
_FOLDERS = ("objects", "incoming", "pins", "trash", "locks")


class Store:
    """A store in a folder. Safe to use from several threads and processes at once.

    `owner` names the process in whose name pins are set, as the property `owner` of its store wrote it: workers that
    hand their results to a parent who commits are given the parent's.
    """

    def __init__(self, root: Path | str, *, owner: str | None = None) -> None:
        self.root = Path(root)
        self.objects = self.root / "objects"
        self.incoming = self.root / "incoming"
        self.trash = self.root / "trash"
        self.pin_lock = self.root / "locks" / "pins"
        self.gc_lock = self.root / "locks" / "gc"
        _check_format(self.root)
        named = Owner.parse(owner) if owner is not None else None
        if owner is not None and named is None:
            raise StoreError(f"{owner!r} was given as owner of pins, but is none; give what `store.owner` says")
        self.pins = Pins(self.root / "pins", self.pin_lock, named)

    @classmethod
    def create(cls, root: Path | str) -> Store:
        """Make a store in the folder `root`, or open the one that is there."""
        root = Path(root)
        if (root / "STORE").exists():
            return cls(root)
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise InstanceError(f"a file store was to be made in {root}, but something else is there; "
                                "give an empty or a new folder")
        with told_plainly(root):
            for name in _FOLDERS:
                (root / name).mkdir(parents=True, exist_ok=True)
            (root / "STORE").write_text(FORMAT, encoding="ascii")
            sync_folder(root)
            sync_folder(root.parent)
        return cls(root)

    @property
    def owner(self) -> str:
        """The process for which this store sets pins, in words that can be handed to workers."""
        return str(self.pins.owner)

    # ---- putting

    def put(self, source: Source) -> str:
        """Keep the bytes of a file, of an open stream or of `bytes`; return their SHA-256.

        The content is pinned until `unpin`. Where it was there already it is verified, and replaced if damaged.
        """
        with self.receive() as incoming:
            incoming.fill(source)
            return self.keep(incoming)

    def put_many(self, sources: Iterable[Source], *, threads: int = 8) -> list[str]:
        """Keep many contents at once, in order, with one sync for each touched folder; much faster than one by one.

        `sources` is read as needed, so it may be a generator. All are kept, or an error is raised and none is pinned.
        """
        done: list[tuple[str, set[Path]]] = []
        try:
            with told_plainly(self.root):
                each(self._put, sources, done, threads)
                each(sync_folder, set().union(*(folders for _, folders in done)), [], threads)
        except BaseException:
            self.unpin(result[0] for result in done if result is not None)
            raise
        return [sha for sha, _ in done]

    def unpin(self, hashes: Iterable[str]) -> None:
        """Take away one pin for each of `hashes`; call it after the rows that refer to them are committed.

        Where the disk is too full even for that, the pins stay until this process ends; the log says so.
        """
        try:
            self.pins.remove(hashes)
        except OSError as error:
            log.warning("pins in %s could not be taken away and stay until this process ends: %s", self.root, error)

    @contextlib.contextmanager
    def receive(self) -> Iterator[Incoming]:
        """Open a file to write into, piece by piece, and then to `keep`; nothing of it stays unless it is kept."""
        with told_plainly(self.root):
            incoming = Incoming(self.incoming)
            try:
                yield incoming
            finally:
                incoming.close()

    def keep(self, incoming: Incoming, expected: str | None = None) -> str:
        """Keep what was received, as `put` does; IntegrityError where its hash is not the one `expected`."""
        if expected is not None:
            must_be(expected, incoming.sha, "what was received")
        with told_plainly(self.root):
            folders = self._settle(incoming)
            try:
                for folder in folders:
                    sync_folder(folder)
            except BaseException:
                self.unpin([incoming.sha])
                raise
        return incoming.sha

    def _put(self, source: Source) -> tuple[str, set[Path]]:
        with self.receive() as incoming:
            incoming.fill(source)
            return incoming.sha, self._settle(incoming)

    def _settle(self, incoming: Incoming) -> set[Path]:
        """Pin a content and move it into its place unless a good one is there; return the folders to sync."""
        sha = incoming.sha
        target = self._place(sha)
        reach("temporary")
        self.pins.add(sha)
        reach("pinned")
        try:
            made_in = None if self._is_good(sha) else incoming.move(target)
        except BaseException:
            self.unpin([sha])
            raise
        return {target.parent} if made_in is None else {target.parent, made_in}

    def _is_good(self, sha: str) -> bool:
        """Return whether the content is there and whole; makes it young again for the collector."""
        path = self._place(sha)
        try:
            if hash_file(path) != sha:
                return False
            os.utime(path)
        except (FileNotFoundError, PermissionError):
            return False  # where it is somebody else's, ours takes its place
        return True

    def restore(self, sha: str, trashed: Path) -> None:
        """Bring a content back from the trash; where it was put again meanwhile the newer one stays."""
        if self.has(sha):
            trashed.unlink()
            return
        place = self._place(sha)
        place.parent.mkdir(exist_ok=True)
        trashed.rename(place)
        sync_folder(place.parent)

    # ---- reading

    def path(self, sha: str) -> Path:
        """Return where the content lies; MissingFileError where it does not."""
        if is_hash(sha):
            path = self._place(sha)
            if path.exists():
                return path
        raise self._missing(sha)

    def open(self, sha: str) -> BinaryIO:
        """Open the content to read from; what is read is not verified."""
        with self._reading(sha):
            return self.path(sha).open("rb")

    def get(self, sha: str, *, verify: bool = True) -> bytes:
        """Return the whole content, verified against its name unless told not to."""
        with self._reading(sha), self.open(sha) as file:
            data = file.read()
        if verify:
            must_be(sha, hash_bytes(data), self._place(sha))
        return data

    def read_range(self, sha: str, start: int, stop: int) -> bytes:
        """Return the bytes `start` to `stop` (0-based, half-open) of a content; they are not verified."""
        if not 0 <= start <= stop:
            raise StoreError(f"bytes {start} to {stop} of {sha} were asked; give 0 <= start <= stop")
        with self._reading(sha), self.open(sha) as file:
            file.seek(start)
            return file.read(stop - start)

    def has(self, sha: str) -> bool:
        """Return whether the content is here."""
        return is_hash(sha) and self._place(sha).exists()

    def size(self, sha: str) -> int:
        """Return the number of bytes of a content."""
        return self.path(sha).stat().st_size

    def check(self, sha: str) -> None:
        """Read the content and raise IntegrityError where it is not what its name says."""
        path = self.path(sha)
        with self._reading(sha):
            must_be(sha, hash_file(path), path)

    def hashes(self) -> Iterator[str]:
        """Walk over the hashes of all contents, sorted."""
        for folder in sorted(path for path in self.objects.iterdir() if path.is_dir()):
            names = sorted(folder.name + name for name in os.listdir(folder))
            yield from (name for name in names if is_hash(name))

    @contextlib.contextmanager
    def _reading(self, sha: str) -> Iterator[None]:
        with told_plainly(self.root, "a file was to be read from the store"):
            try:
                yield
            except FileNotFoundError as error:
                raise self._missing(sha) from error

    def _place(self, sha: str) -> Path:
        return self.objects / sha[:2] / sha[2:]

    def _missing(self, sha: str) -> MissingFileError:
        what = sha if is_hash(sha) else f"{sha[:80]!r} (which is no SHA-256)"
        return MissingFileError(f"the file {what} was asked, but the store {self.root} does not have it; "
                                "run `awe fsck` to see what else is missing")


def _check_format(root: Path) -> None:
    try:
        found = (root / "STORE").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InstanceError(f"a file store was expected in {root}, but there is none; "
                            "check the path, or make one with `awe init`") from error
    except OSError as error:
        raise InstanceError(f"a file store was expected in {root}, but {error.strerror}; check the path") from error
    if found != FORMAT:
        raise InstanceError(f"the file store in {root} is of format {found[:40]!r}, and this code reads {FORMAT!r}; "
                            "use the release of awe that made it")
