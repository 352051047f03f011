"""A file on its way into a store: written beside, hashed while it is written, then renamed into its place."""
from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from awe.errors import StoreError, StoreFullError
from awe.faults import reach
from awe.fileserver.digest import blocks
from awe.fileserver.owner import Owner

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_FICLONE = 0x40049409
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Incoming:
    """One such file; nothing of it stays unless it was moved into its place before it is closed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{Owner.here()}.{secrets.token_hex(8)}"
        self.size = 0
        self._digest = hashlib.sha256()
        self._moved = False
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    @property
    def sha(self) -> str:
        """The SHA-256 of the bytes written so far."""
        return self._digest.hexdigest()

    def fill(self, source: Source) -> None:
        """Take all bytes of `source`."""
        if isinstance(source, (bytes, bytearray, memoryview)):
            self.write(memoryview(source).cast("B"))
        elif isinstance(source, (str, os.PathLike)):
            with open_source(Path(source)) as stream:
                self._clone_or_copy(stream)
        else:
            for block in blocks(source):
                self.write(block)

    def _clone_or_copy(self, stream: BinaryIO) -> None:
        try:
            fcntl.ioctl(self._descriptor, _FICLONE, stream.fileno())
        except OSError:  # no reflinks here, or not between these two
            for block in blocks(stream):
                self.write(block)
            return
        with open(self._descriptor, "rb", buffering=0, closefd=False) as clone:
            for block in blocks(clone):  # type: ignore[arg-type]
                self._note(block)

    def write(self, data: memoryview) -> None:
        """Append all of `data`."""
        self._note(data)
        while data:
            data = data[os.write(self._descriptor, data):]

    def _note(self, data: memoryview) -> None:
        self._digest.update(data)
        self.size += len(data)

    def move(self, target: Path, *, durable: bool = True) -> Path | None:
        """Make the bytes durable and rename the file to `target`, read-only.

        Returns the folder above if the folder of `target` had to be made. The caller syncs the folders.
        """
        os.fchmod(self._descriptor, 0o444)
        reach("unsynced")
        if durable:
            os.fsync(self._descriptor)
        reach("synced")
        made_in = None
        try:
            os.rename(self.path, target)
        except FileNotFoundError:
            target.parent.mkdir(exist_ok=True)
            made_in = target.parent.parent
            os.rename(self.path, target)
        self._moved = True
        reach("renamed")
        return made_in

    def close(self) -> None:
        """Close the file, and remove it where it was not moved."""
        os.close(self._descriptor)
        if not self._moved:
            self.path.unlink(missing_ok=True)


def open_source(path: Path) -> BinaryIO:
    """Open a user's file to read from; StoreError where it is not a regular file that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise StoreError(f"{path} was to be put into the store, but {error.strerror}; give a file that can be read"
                         ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError(f"{path} was to be put into the store, but it is not a regular file; give one that is")
    return open(descriptor, "rb", buffering=0)  # type: ignore[return-value]


@contextlib.contextmanager
def told_plainly(root: Path, what: str = "a file was to be put into the store") -> Iterator[None]:
    """Turn what the file system refuses, while `what` was asked of `root`, into StoreFullError or StoreError."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFullError(f"{what} {root}, but there is no room "
                                 f"({error.strerror}); nothing was kept of it; make room, or run `awe gc`") from error
        if error.errno is None:
            raise  # not from the file system
        raise StoreError(f"{what} {root}, but {error.strerror} ({error.filename or 'in the middle'}); "
                         "check the disk and the permissions") from error


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
