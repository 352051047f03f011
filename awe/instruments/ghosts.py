"""Ghosts: where the optics of a camera reflect the light of bright stars to, as its instrument file says."""
from __future__ import annotations

from dataclasses import dataclass

from awe.instruments.table import Table

WORDS = ("filters", "radius", "hole", "flux_ratio", "place", "axis")


@dataclass(frozen=True)
class GhostDefinition:
    """One reflection: a disc of even brightness, with a hole where the telescope is obstructed.

    `radius` and `hole` in arcsec; `flux_ratio`: light of the ghost over that of the star.  Its middle is `place` times as far from the
    optical axis as the star, so 1 is about the star itself and -1 straight opposite.  `axis`: how far the optical axis is from the
    reference point of the camera (crpix), arcsec along x and y of the chip.  `filters`: those that have it; none means all.
    """

    radius: float
    flux_ratio: float
    place: float = 1.0
    hole: float = 0.0
    axis: tuple[float, float] = (0.0, 0.0)
    filters: tuple[str, ...] = ()

    def shows_in(self, name: str) -> bool:
        """Whether frames of a filter have it."""
        return not self.filters or name in self.filters


def read_ghosts(tables: list[Table]) -> tuple[GhostDefinition, ...]:
    """Return the ghosts of an instrument file."""
    return tuple(_read_ghost(table) for table in tables)


def _read_ghost(table: Table) -> GhostDefinition:
    radius, ratio = table.number("radius", low=1e-3), table.number("flux_ratio", low=0.0, high=1.0)
    if radius is None or not ratio:
        raise table.error("needs radius (arcsec) and flux_ratio (light of the ghost over that of the star, above 0)")
    hole = table.number("hole", 0.0, low=0.0) or 0.0
    if hole >= radius:
        raise table.error(f"hole = {hole:g} should be less than radius = {radius:g}")
    place = table.number("place", 1.0)
    found = GhostDefinition(radius, ratio, 1.0 if place is None else place, hole, table.pair("axis") or (0.0, 0.0), table.texts("filters"))
    table.finish(WORDS)
    return found
