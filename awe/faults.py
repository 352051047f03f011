"""Points at which a process can be made to die, so that tests see what stays behind.

``AWE_FAULT=written`` kills the process with SIGKILL when it comes to that point, ``AWE_FAULT=written:3`` when it does so for
the third time.  Without the variable a point costs nothing.
"""
from __future__ import annotations

import functools
import os
import signal
import threading

from awe.errors import ConfigError, did_you_mean

VARIABLE = "AWE_FAULT"

#: The points at which a file comes by on its way into the store.
STORING = {
    "temporary": "all bytes of a file written beside its place, no pin set yet",
    "pinned": "its pin set",
    "unsynced": "just before its bytes are made durable",
    "synced": "its bytes durable, not in its place yet",
    "renamed": "in its place, the name not durable yet",
}
#: The points in the order in which the making of a target comes to them.
MAKING = {
    "leased": "the lease is taken and the job noted",
    "making": "just before make()",
    "made": "after make(), no file stored yet",
    **STORING,
    "put": "all files stored and pinned",
    "returned": "back in the process that commits",
    "flushed": "the rows of the object written, the lease not given back yet",
    "released": "the lease given back",
    "written": "all rows written, not yet committed",
    "committed": "committed, the pins not yet taken away",
}
#: The points that upkeep comes to.
UPKEEP = {
    "trashed": "the garbage collector has moved a file to the trash",
    "migrated": "the tables are those of the newest version, their guards not written and nothing committed yet",
}
POINTS = {**MAKING, **UPKEEP}

_lock = threading.Lock()
_reached = 0


def reach(point: str) -> None:
    """Die here, if that was asked for."""
    wanted, times = asked_for()
    if point == wanted:
        _count(times)


def _count(times: int) -> None:
    global _reached
    with _lock:
        _reached += 1
        if _reached == times:
            os.kill(os.getpid(), signal.SIGKILL)


@functools.cache
def asked_for() -> tuple[str, int]:
    """The point at which this process is to die, and at which coming to it; an empty name for never."""
    name, _, times = os.environ.get(VARIABLE, "").partition(":")
    if name and name not in POINTS:
        raise ConfigError(f"{VARIABLE} names {name!r}, where nothing can be made to die{did_you_mean(name, POINTS)}")
    if times and not times.isdigit():
        raise ConfigError(f"{VARIABLE} asks for the {times!r}th time; write {name}:3 for the third")
    return name, int(times or 1)
