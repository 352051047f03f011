"""Locks between processes and threads, by ``flock`` on a file of the store; let go when a process dies."""
from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from awe.errors import StoreError


@contextlib.contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def shared(path: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the lock together with others who share it."""
    return _held(path, fcntl.LOCK_SH)


def exclusive(path: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the lock alone; waits for the others."""
    return _held(path, fcntl.LOCK_EX)


@contextlib.contextmanager
def exclusive_or_refuse(path: Path, what: str) -> Iterator[None]:
    """Hold the lock alone, or raise StoreError where somebody else does `what` already."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_held(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise StoreError(f"{what} was asked, but another process does it now (lock {path}); "
                             "wait until it is done") from error
        yield
