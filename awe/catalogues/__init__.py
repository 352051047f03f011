"""Tables of sources: immutable files sorted along the sky, cone searches, reference catalogues, matching, export.

>>> from awe import catalogues
>>> table = catalogues.SourceTable.from_arrays({"ra": [10.2, 10.1], "dec": [-5.0, -5.1], "MAG_AUTO": [18.1, 19.2]})
>>> len(catalogues.cone_search(table, 10.2, -5.0, 1 / 60))
1

The names below are loaded when they are first used: Arrow and astropy's tables take a while, and most sessions begin
without them.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awe.catalogues.column import Column
    from awe.catalogues.cone import Listed, cone_ranges, cone_search, search_lists
    from awe.catalogues.exporting import export
    from awe.catalogues.footprint import Footprint
    from awe.catalogues.mapping import Band, Mapping, Source, load_mapping
    from awe.catalogues.matching import Match, match, match_all
    from awe.catalogues.parquet import SourceFile, read_parquet, write_parquet
    from awe.catalogues.reference import Reference, read_catalogue
    from awe.catalogues.sky import hpx29, separation
    from awe.catalogues.table import SourceTable
    from awe.catalogues.vocabulary import known_column

_HOMES = {
    "column": ("Column",),
    "cone": ("Listed", "cone_ranges", "cone_search", "search_lists"),
    "exporting": ("export",),
    "footprint": ("Footprint",),
    "mapping": ("Band", "Mapping", "Source", "load_mapping"),
    "matching": ("Match", "match", "match_all"),
    "parquet": ("SourceFile", "read_parquet", "write_parquet"),
    "reference": ("Reference", "read_catalogue"),
    "sky": ("hpx29", "separation"),
    "table": ("SourceTable",),
    "vocabulary": ("known_column",),
}

__all__ = [
    "Band", "Column", "Footprint", "Listed", "Mapping", "Match", "Reference", "Source", "SourceFile", "SourceTable",
    "cone_ranges", "cone_search", "export", "hpx29", "known_column", "load_mapping", "match", "match_all",
    "read_catalogue", "read_parquet", "search_lists", "separation", "write_parquet",
]


def __getattr__(name: str) -> object:
    """Load the module that a public name lives in."""
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(importlib.import_module(f"awe.catalogues.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'awe.catalogues' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
