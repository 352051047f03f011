"""Who holds a pin or writes a file: one process, told apart from a later one with the same number."""
from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
from dataclasses import dataclass

_WORDS = re.compile(r"([0-9a-f]{8})-([0-9]{1,10})-([0-9]{1,20})")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: the machine and boot it runs in, its number, and when it started.

    The start time (in clock ticks since boot) tells a process from another that got its number later.
    """

    place: str
    pid: int
    started: int

    @classmethod
    def here(cls) -> Owner:
        """Return the owner that is this process."""
        return _owner_of(os.getpid())

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the owner written as `text`, or None where it is not one."""
        match = _WORDS.fullmatch(text)
        return cls(match[1], int(match[2]), int(match[3])) if match else None

    def __str__(self) -> str:
        """Return the form that stands in file names."""
        return f"{self.place}-{self.pid}-{self.started}"

    @property
    def is_near(self) -> bool:
        """Whether the owner runs, or ran, on this machine since it was booted."""
        return self.place == _place()

    @property
    def is_alive(self) -> bool:
        """Whether the process is known to run still; False also where that cannot be known from here."""
        return self.is_near and _start_of(self.pid) == self.started

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended; False where that cannot be known from here."""
        return self.is_near and not self.is_alive


@functools.lru_cache(maxsize=4)
def _owner_of(pid: int) -> Owner:
    return Owner(_place(), pid, _start_of(pid) or 0)


@functools.cache
def _place() -> str:
    words = [platform.node()]
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            words = [file.read(), os.readlink("/proc/self/ns/pid")]
    except OSError:
        pass  # not Linux: the name of the machine has to do
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def _start_of(pid: int) -> int | None:
    """Return when process `pid` started, 0 where the system does not tell, None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None if os.path.exists("/proc/self/stat") else _signalled(pid)
    except ProcessLookupError:
        return None
    return None if words[0] in (b"Z", b"X") else int(words[19])


def _signalled(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0  # it runs, as somebody else
    return 0
