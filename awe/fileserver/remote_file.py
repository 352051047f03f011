"""A file on a server, read as if it lay here: only the blocks that are touched are fetched."""
from __future__ import annotations

import io
import os
from collections import OrderedDict
from collections.abc import Callable

BLOCK = 128 << 10
LARGEST = 4 << 20
KEPT = 16 << 20


class RemoteFile(io.RawIOBase):
    """A read-only, seekable file of `size` bytes, of which ``fetch(start, stop)`` brings any part.

    Blocks are fetched when they are touched and a few are kept. While reading goes on where it ended, each fetch is
    twice as long as the last, up to 4 MiB. The bytes are not verified: the hash is that of the whole file.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.mode = "rb"
        self.size = size
        self._fetch = fetch
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next_block = -1
        self._ahead = 1

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position; nothing is fetched."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}.get(whence)
        if start is None or start + offset < 0:
            raise ValueError(f"cannot seek to {offset} from {whence} in {self.name} of {self.size} bytes")
        self._at = start + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        stop = self.size if size is None or size < 0 else min(self.size, self._at + size)
        if stop <= self._at:
            return b""
        data = self._between(self._at, stop)
        self._at = stop
        return data

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read()

    def readinto(self, target: object) -> int:
        """Fill `target` as far as there are bytes; return how many."""
        view = memoryview(target).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _between(self, start: int, stop: int) -> bytes:
        first, last = start // BLOCK, (stop - 1) // BLOCK
        self._need(first, last)
        parts = [self._blocks[number] for number in range(first, last + 1)]
        self._forget(last - first + 1)
        whole = b"".join(parts)
        return whole[start - first * BLOCK: stop - first * BLOCK]

    def _need(self, first: int, last: int) -> None:
        """Have the blocks from `first` to `last`, fetching each run of missing ones at once."""
        number = first
        while number <= last:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                number += 1
                continue
            end = number + 1
            while end <= last and end not in self._blocks:
                end += 1
            self._fetch_blocks(number, end, is_last=end > last)
            number = end

    def _fetch_blocks(self, first: int, end: int, *, is_last: bool) -> None:
        if is_last:
            self._ahead = min(self._ahead * 2, LARGEST // BLOCK) if first == self._next_block else 1
            end = max(end, first + self._ahead)
        start, stop = first * BLOCK, min(self.size, end * BLOCK)
        data = memoryview(self._fetch(start, stop))
        for number in range(first, -(-stop // BLOCK)):
            offset = (number - first) * BLOCK
            self._blocks[number] = bytes(data[offset: offset + BLOCK])
        self._next_block = end

    def _forget(self, needed: int) -> None:
        while len(self._blocks) > max(needed, KEPT // BLOCK):
            self._blocks.popitem(last=False)
        if needed > KEPT // BLOCK:
            self._blocks.clear()
