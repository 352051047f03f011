"""What is logged and warned of while something is made: kept for its job row, within bounds."""
from __future__ import annotations

import io
import logging
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

HEAD, TAIL = 20_000, 60_000
#: What is being made says what it logged no more often than this.
SECONDS = 1.0


class Log(io.TextIOBase):
    """A text that grows no further than its first HEAD and its last TAIL characters; what lies between is counted."""

    def __init__(self) -> None:
        self._head, self._tail = io.StringIO(), deque[str]()
        self._kept = self._left_out = 0
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Append `text`."""
        with self._lock:
            self._append(text)
        return len(text)

    def _append(self, text: str) -> None:
        room = HEAD - self._head.tell()
        self._head.write(text[:room])
        if rest := text[room:][-TAIL:]:
            self._left_out += len(text[room:]) - len(rest)
            self._tail.append(rest)
            self._kept += len(rest)
        while self._kept - len(self._tail[0] if self._tail else "") > TAIL:
            dropped = len(self._tail.popleft())
            self._kept -= dropped
            self._left_out += dropped

    @property
    def text(self) -> str:
        """All that was kept."""
        with self._lock:
            tail, head, left_out = "".join(self._tail), self._head.getvalue(), self._left_out
        left_out += max(0, len(tail) - TAIL)
        gap = f"\n... {left_out} characters are left out ...\n" if left_out else ""
        return head + gap + tail[-TAIL:]


class Teller:
    """Tells a log while it grows, no more often than every `SECONDS`, from a thread of its own, until the block ends."""

    def __init__(self, log: Log, tell: Callable[[str], None]) -> None:
        self.log, self.tell = log, tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="awe log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        told = ""
        while not self._over.wait(SECONDS):
            text = self.log.text
            if text != told:
                self.tell(text)
                told = text


@contextmanager
def captured(*packages: str) -> Iterator[Log]:
    """Collect warnings, and what `packages` log from INFO on and all others from WARNING on."""
    log = Log()
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in packages]
    levels = [logger.level for logger in loggers]
    root = logging.getLogger()
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = lambda message, category, *_, **__: log.write(f"WARNING {category.__name__}: {message}\n")  # type: ignore[assignment]
            yield log
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
