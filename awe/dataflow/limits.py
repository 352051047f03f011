"""Quality limits as data: each names what is measured, the range it should be in, and the flag that is raised."""
from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """One limit of a target class.

    `path` is a dotted attribute of the target, or with `compare` the absolute difference of that attribute
    from the previous version.  A value that is None or NaN breaks the limit, unless it is `optional`.
    """

    path: str
    flag: enum.IntFlag
    at_least: float = -math.inf
    at_most: float = math.inf
    compare: bool = False
    optional: bool = False

    def value(self, target: Any, previous: Any = None) -> float | None:
        """What is measured."""
        measured = follow(target, self.path)
        if self.compare and measured is not None:
            before = follow(previous, self.path)
            return None if before is None else abs(float(measured) - float(before))
        return None if measured is None else float(measured)

    def is_broken_by(self, target: Any, previous: Any = None) -> bool:
        """Whether the flag is to be raised."""
        if self.compare and previous is None:
            return False
        measured = self.value(target, previous)
        if measured is None:
            return not self.optional
        return not self.at_least <= measured <= self.at_most

    @property
    def text(self) -> str:
        """The limit in words."""
        low = f"{self.at_least:g} <= " if self.at_least > -math.inf else ""
        high = f" <= {self.at_most:g}" if self.at_most < math.inf else ""
        return f"{low}{'change of ' if self.compare else ''}{self.path}{high}"


def follow(start: Any, path: str) -> Any:
    """The value at the end of a dotted path; None when something on the way is."""
    for name in path.split("."):
        if start is None:
            return None
        start = getattr(start, name)
    return start


def raised(limits: Iterable[Limit], target: Any, previous: Any = None) -> int:
    """The flags of all limits that `target` breaks."""
    flags = 0
    for limit in limits:
        if limit.compare == (previous is not None) and limit.is_broken_by(target, previous):
            flags |= int(limit.flag)
    return flags


def flag_names(flags: int, names: type[enum.IntFlag]) -> list[str]:
    """The names of the bits in `flags`."""
    return list(_names(flags, names))


def _names(flags: int, names: type[enum.IntFlag]) -> Iterator[str]:
    for bit in names:
        if flags & bit.value:
            flags &= ~bit.value
            yield str(bit.name)
    while flags:
        low = flags & -flags
        flags &= ~low
        yield f"bit {low.bit_length() - 1}"
