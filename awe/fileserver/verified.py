"""Files that were read once and found to be what their name says, so that they need not be read again each time."""
from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from awe.fileserver.digest import hash_file

MOST = 100_000


class Verified:
    """Remembers of each content the file that was found whole; one that was touched since is read again.

    Damage that comes later without the system knowing of a change, on the disk itself, is found by `awe fsck --contents`.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def is_whole(self, path: Path, sha: str) -> bool:
        """Whether the file at `path` has this SHA-256; False where it is not there."""
        try:
            status = path.stat()
            mark = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if self._known.get(sha) == mark:
                return True
            if hash_file(path) != sha:
                return False
        except FileNotFoundError:
            return False
        with self._lock:
            self._known[sha] = mark
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return True
