"""Sections of an image: ``[x1:x2,y1:y2]``, 1-based and inclusive, as IRAF and FITS headers write them."""
from __future__ import annotations

import re
from dataclasses import dataclass

from awe.errors import HeaderError

_PATTERN = re.compile(r"\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*")


@dataclass(frozen=True)
class Section:
    """A rectangle of pixels, 0-based and half-open, and whether its limits were written backwards."""

    y0: int
    y1: int
    x0: int
    x1: int
    flip_x: bool = False
    flip_y: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.y1 - self.y0, self.x1 - self.x0

    def as_list(self) -> list[int]:
        """Return ``[y0, y1, x0, x1]``."""
        return [self.y0, self.y1, self.x0, self.x1]

    def within(self, shape: tuple[int, int]) -> bool:
        """Say whether the section lies inside an image of `shape` (ny, nx)."""
        return self.y1 <= shape[0] and self.x1 <= shape[1]

    def shifted(self, dy: int, dx: int) -> Section:
        """Return the same rectangle moved by whole pixels."""
        return Section(self.y0 + dy, self.y1 + dy, self.x0 + dx, self.x1 + dx, self.flip_x, self.flip_y)

    def __str__(self) -> str:
        x = f"{self.x1}:{self.x0 + 1}" if self.flip_x else f"{self.x0 + 1}:{self.x1}"
        y = f"{self.y1}:{self.y0 + 1}" if self.flip_y else f"{self.y0 + 1}:{self.y1}"
        return f"[{x},{y}]"


def is_section(text: str) -> bool:
    """Say whether `text` is written like a section, rather than like a keyword."""
    return text.lstrip().startswith("[")


def parse_section(text: str) -> Section | None:
    """Return the section that `text` holds; ``None`` for the empty section ``[0:0,0:0]``.

    Limits written backwards set `flip_x` or `flip_y`.

    Raises
    ------
    HeaderError
        Where `text` is not a section, or starts before pixel 1.

    >>> parse_section("[18:1382,1:1370]").as_list()
    [0, 1370, 17, 1382]
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise HeaderError(f"{text!r} is not a section; write [x1:x2,y1:y2] with pixels counted from 1")
    x1, x2, y1, y2 = (int(group) for group in match.groups())
    if x1 == x2 == y1 == y2 == 0:
        return None
    if min(x1, x2, y1, y2) < 1:
        raise HeaderError(f"{text!r} starts before pixel 1; sections count from 1 and include their ends")
    return Section(min(y1, y2) - 1, max(y1, y2), min(x1, x2) - 1, max(x1, x2), x1 > x2, y1 > y2)
