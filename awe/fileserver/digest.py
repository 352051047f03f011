"""Names of contents: the SHA-256 of a file, in 64 lower-case hexadecimal digits."""
from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path
from typing import BinaryIO, Protocol

from awe.errors import IntegrityError

BLOCK = 1 << 20
_NAME = re.compile(r"[0-9a-f]{64}")
_local = threading.local()


class Sink(Protocol):
    """What bytes can be written to."""

    def __call__(self, data: memoryview, /) -> object:
        """Take all of `data`, which is only valid during the call."""


def is_hash(name: str) -> bool:
    """Return whether `name` is written as the SHA-256 of a content is."""
    return _NAME.fullmatch(name) is not None


def buffer() -> memoryview:
    """Return this thread's buffer of one block; what it holds is lost at the next use."""
    found: memoryview | None = getattr(_local, "buffer", None)
    if found is None:
        found = _local.buffer = memoryview(bytearray(BLOCK))
    return found


def hash_stream(stream: BinaryIO, sink: Sink | None = None) -> tuple[str, int]:
    """Read `stream` to its end once; return its hash and size, and give every block to `sink`."""
    digest, size, view = hashlib.sha256(), 0, buffer()
    readinto = getattr(stream, "readinto", None)
    while True:
        block = view[:readinto(view) or 0] if readinto else memoryview(stream.read(BLOCK))
        if not block:
            return digest.hexdigest(), size
        digest.update(block)
        if sink is not None:
            sink(block)
        size += len(block)


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file at `path`."""
    with path.open("rb", buffering=0) as stream:
        return hash_stream(stream)[0]  # type: ignore[arg-type]


def verify(sha: str, found: str, where: object) -> None:
    """Raise IntegrityError unless `found`, the hash of what lies at `where`, is `sha`."""
    if found != sha:
        raise IntegrityError(f"{where} should hold {sha} but holds {found}: "
                             "its bytes were damaged; put a good copy again, or run `awe fsck`")
