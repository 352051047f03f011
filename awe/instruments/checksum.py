"""The CHECKSUM and DATASUM of the FITS standard: a ones' complement sum of 32-bit words."""
from __future__ import annotations

import numpy as np

_FULL = 0xFFFFFFFF
_BLOCK = 1 << 22


def ones_complement_sum(data: bytes | memoryview, start: int = 0) -> int:
    """Return the 32-bit ones' complement sum of `data` (a multiple of four bytes is made with zeros)."""
    total = start
    view = memoryview(data)
    for begin in range(0, len(view), _BLOCK):
        piece = view[begin:begin + _BLOCK]
        if len(piece) % 4:
            piece = memoryview(bytes(piece) + b"\0" * (4 - len(piece) % 4))
        total += int(np.frombuffer(piece, dtype=">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & _FULL) + (total >> 32)
    return total


def is_zero(total: int) -> bool:
    """Say whether a sum stands for zero, which ones' complement writes in two ways."""
    return total in (0, _FULL)
