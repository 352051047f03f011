"""What the pixels of users' bad-pixel masks mean: the ``[mask]`` table of an instrument file."""
from __future__ import annotations

from dataclasses import dataclass

from awe.instruments.reduction import read_meaning
from awe.instruments.table import Table

WORDS = ("values", "bits")


@dataclass(frozen=True)
class MaskDefinition:
    """`meaning` maps a pixel value (`by` = ``values``) or a bit number (`by` = ``bits``) to a mask bit; empty, any value but 0 is BAD."""

    by: str = "values"
    meaning: tuple[tuple[int, str], ...] = ()


def read_masks(table: Table) -> MaskDefinition:
    """Return what an instrument file says of bad-pixel masks."""
    found = MaskDefinition(*read_meaning(table))
    table.finish(WORDS)
    return found
