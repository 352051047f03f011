"""The conditions and ranges of an HTTP request, as RFC 9110 (sections 13 and 14) has them."""
from __future__ import annotations

import re

MOST = 64
_RANGES = re.compile(r"bytes=(.*)", re.IGNORECASE)
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
_TAG = re.compile(r'(W/)?("[!#-~\x80-\xff]*")')


def parse_ranges(header: str | None, size: int) -> list[tuple[int, int]] | None:
    """Return the parts (start, stop) of a file of `size` bytes that a Range header asks for.

    None where the whole file is to be sent: no header, one that is no byte range, or one of too many parts. Empty where
    none of the parts lies in the file (416). Parts that overlap or touch become one.
    """
    match = _RANGES.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    words = [word.strip(" \t") for word in match[1].split(",")]
    parts: list[tuple[int, int]] = []
    for word in filter(None, words):
        found = _RANGE.fullmatch(word)
        if found is None or word == "-" or (found[1] and found[2] and int(found[1]) > int(found[2])):
            return None
        if found[1]:
            start, stop = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
        else:
            start, stop = max(0, size - int(found[2])), size
        if start < stop:
            parts.append((start, stop))
    if not any(words) or len(words) > MOST:
        return None
    return _joined(parts)


def _joined(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join parts that overlap or touch; where none do, keep the order in which they were asked."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(parts):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return parts if len(joined) == len(parts) else joined


def matches(header: str, tag: str, *, weak: bool) -> bool:
    """Return whether a list of entity tags (If-Match, If-None-Match) names `tag`; a weak one counts where `weak`."""
    if header.strip() == "*":
        return True
    return any(value == tag and (weak or not prefix) for prefix, value in _TAG.findall(header))
