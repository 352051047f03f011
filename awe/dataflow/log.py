"""What is logged and warned of while something is made: kept for its job row, within bounds."""
from __future__ import annotations

import io
import logging
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

HEAD, TAIL = 20_000, 60_000


class Log(io.TextIOBase):
    """A text that grows no further than its first HEAD and its last TAIL characters; what lies between is counted."""

    def __init__(self) -> None:
        self._head, self._tail = io.StringIO(), deque[str]()
        self._kept = self._left_out = 0

    def write(self, text: str) -> int:
        """Append `text`."""
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
        return len(text)

    @property
    def text(self) -> str:
        """All that was kept."""
        tail = "".join(self._tail)
        left_out = self._left_out + max(0, len(tail) - TAIL)
        gap = f"\n... {left_out} characters are left out ...\n" if left_out else ""
        return self._head.getvalue() + gap + tail[-TAIL:]


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
