"""Names of contents: the SHA-256 of a file, in 64 lower-case hexadecimal digits."""
from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from awe.errors import IntegrityError

BLOCK = 128 << 10
"""How much is read, hashed and written at once: 1 MiB took up to twice as long on a busy virtual machine."""

_NAME = re.compile(r"[0-9a-f]{64}")
_local = threading.local()


def is_hash(name: str) -> bool:
    """Return whether `name` is written as the SHA-256 of a content is."""
    return _NAME.fullmatch(name) is not None


def buffer() -> memoryview:
    """Return this thread's buffer of one block; what it holds is lost at the next use."""
    found: memoryview | None = getattr(_local, "buffer", None)
    if found is None:
        found = _local.buffer = memoryview(bytearray(BLOCK))
    return found


def blocks(stream: BinaryIO) -> Iterator[memoryview]:
    """Read `stream` to its end; each block is valid only until the next is asked for."""
    view, readinto = buffer(), getattr(stream, "readinto", None)
    while True:
        block = view[:readinto(view) or 0] if readinto else memoryview(stream.read(BLOCK))
        if not block:
            return
        yield block


def hash_bytes(data: bytes | bytearray) -> str:
    """Return the SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file at `path`."""
    with path.open("rb", buffering=0) as stream:
        digest = hashlib.sha256()
        for block in blocks(stream):  # type: ignore[arg-type]
            digest.update(block)
    return digest.hexdigest()


def must_be(sha: str, found: str, where: object) -> None:
    """Raise IntegrityError unless `found`, the hash of what lies at `where`, is `sha`."""
    if found != sha:
        raise IntegrityError(f"{where} should hold {sha} but holds {found}: "
                             "its bytes were damaged; fetch or put a good copy again, and run `awe fsck`")
