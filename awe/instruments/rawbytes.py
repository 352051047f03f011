"""The bytes of a FITS file, plain or compressed, read forwards within a limit."""
from __future__ import annotations

import bz2
import gzip
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from awe.errors import FitsError

CHUNK = 1 << 20
IN_MEMORY = 64 << 20

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x1f\x9d": "compress", b"PK\x03\x04": "zip",
          b"\x28\xb5\x2f\xfd": "zstd"}
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, OSError, ValueError)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading its decompressed bytes; nothing is decompressed before it is read.

    Raises
    ------
    FitsError
        Where there is no such file, or its compression is not one of gzip and bzip2.
    """
    compression = compression_of(path)
    if compression not in (None, "gzip", "bzip2"):
        raise FitsError(f"{path.name}: is compressed by {compression}; .fits, .gz, .bz2 and .fz are read, so unpack it first")
    with open(path, "rb") as raw:
        if compression == "gzip":
            with gzip.GzipFile(fileobj=raw) as stream:
                yield cast(BinaryIO, stream)
        elif compression == "bzip2":
            with bz2.BZ2File(raw) as stream:
                yield cast(BinaryIO, stream)
        else:
            yield raw


def check_regular(path: Path) -> None:
    """Raise FitsError where there is no file, or something that cannot be read like one: a folder, a pipe, a device."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        link = f"; it is a link to {os.readlink(path)}" if path.is_symlink() else ""
        raise FitsError(f"{path}: cannot be read: {error.strerror}{link}; name a file that is there") from None
    if stat.S_ISDIR(mode):
        raise FitsError(f"{path}: is a folder, not a file; name the files in it")
    if not stat.S_ISREG(mode):
        raise FitsError(f"{path}: is no regular file but a pipe or a device; copy what it gives into a file")


def compression_of(path: Path) -> str | None:
    """Return how a file is compressed, by its first bytes and not by its name; ``None`` for plain bytes."""
    check_regular(path)
    try:
        with open(path, "rb") as raw:
            start = raw.read(8)
    except OSError as error:
        raise FitsError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    if not start:
        raise FitsError(f"{path.name}: is empty (0 bytes); fetch it again")
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


class Reader:
    """Reads a stream forwards; where `keep` is set, what was read stays at hand in a spool (memory, then disk)."""

    def __init__(self, stream: BinaryIO, name: str, keep: bool) -> None:
        self._stream = stream
        self._name = name
        self.spool = tempfile.SpooledTemporaryFile(IN_MEMORY) if keep else None  # noqa: SIM115 - the file closes it
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the file.

        Raises
        ------
        FitsError
            Where the compressed bytes are damaged or end early.
        """
        try:
            data = self._stream.read(size)
        except _DAMAGE as error:
            raise FitsError(f"{self._name}: is damaged or cut short at byte {self.position} of its content: "
                            f"{str(error).splitlines()[0] or type(error).__name__}; fetch it again") from None
        self.position += len(data)
        if self.spool is not None:
            self.spool.write(data)
        return data

    def skip(self, size: int) -> int:
        """Pass over `size` bytes in bounded memory, and return how many there were."""
        if self.spool is None:
            end = self._stream.seek(0, 2)
            there = max(0, min(size, end - self.position))
            self.position = self._stream.seek(self.position + there)
            return there
        left = size
        while left:
            data = self.read(min(CHUNK, left))
            if not data:
                break
            left -= len(data)
        return size - left
