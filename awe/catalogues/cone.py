"""Cone searches: by ranges of the key, then by exact distance; over many lists by footprint first."""
from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from awe.catalogues.footprint import Footprint, check_cone, padded
from awe.catalogues.parquet import SourceFile, in_ranges
from awe.catalogues.sky import ORDER, Keys, separation
from awe.catalogues.table import SourceTable
from awe.catalogues.vocabulary import HPX29

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Listed(Generic[Name]):
    """A source list that may be searched: its name, where it lies, and how to open it when it is needed."""

    name: Name
    footprint: Footprint
    open: Callable[[], AbstractContextManager[SourceFile]]


def cone_ranges(ra: float, dec: float, radius: float) -> Keys:
    """Return sorted half-open ranges of `hpx29` that cover a cone, and little more; degrees."""
    check_cone(ra, dec, radius)
    cell = padded(radius) / 8  # degrees
    order = min(max(math.ceil(math.log2(58.6 / cell)), 3), ORDER - 2)
    return Footprint.of_cone(ra, dec, radius, order).keys()


def cone_search(
    where: SourceFile | SourceTable, ra: float, dec: float, radius: float, columns: Iterable[str] | None = None
) -> SourceTable:
    """Return the sources within `radius` degrees of a position, border included.

    Of a file only the groups of rows are read that can hold them. Raises `CatalogueError` for a position or radius that
    is none, `UnknownNameError` for a column that is not there.
    """
    ranges = cone_ranges(ra, dec, radius)
    if isinstance(where, SourceFile):
        near = where.read(columns, ranges)
    else:
        near = where.rows(in_ranges(where[HPX29.name], ranges))
        near = near if columns is None else near.select(columns)
    return near.rows(np.asarray(separation(near[near.ra], near[near.dec], ra, dec) <= radius))


def search_lists(
    lists: Iterable[Listed[Name]], ra: float, dec: float, radius: float, columns: Iterable[str] | None = None
) -> Iterator[tuple[Name, SourceTable]]:
    """Yield name and sources of every list that has any in the cone; lists whose footprint misses it stay closed."""
    check_cone(ra, dec, radius)
    wanted = None if columns is None else list(columns)
    cones: dict[int, Footprint] = {}
    for listed in lists:
        order = listed.footprint.order
        if order not in cones:
            cones[order] = Footprint.of_cone(ra, dec, radius, order)
        if listed.footprint.overlaps(cones[order]):
            with listed.open() as file:
                found = cone_search(file, ra, dec, radius, wanted)
            if len(found):
                yield listed.name, found
