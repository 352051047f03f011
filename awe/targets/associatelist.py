"""AssociateList: which source of one list is which of another."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.catalogues.associate import KINDS, alone, associate
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.targets.coadd import tile_of_field
from awe.targets.figures import association_figure
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.sourcelist import SourceList
from awe.targets.sourcetable import table_bytes


class AssociateList(Product):
    """The sources of two lists of a tile that are one another, by position; columns of both lists are read through it, pair by pair."""

    instrument = depends_on(Instrument, "the camera of both lists", key=True)
    filter = depends_on(Filter, "the filter of the first list", key=True)
    object = key(str, "name of the field of the first list")
    tile = key(str, "name of the sky tile of both")
    second_filter = key(str, "the filter of the second list")
    second_object = key(str, "name of the field of the second list; that of the first where it is not said")
    first = depends_on(SourceList, "the first list", same=("instrument", "filter", "object", "tile"))
    second = depends_on(SourceList, "the second list", same=("instrument", "filter=second_filter", "object=second_object", "tile"))

    search_distance = parameter(1.0, "how far two sources may be apart and be one", unit="arcsec", at_least=1e-3, at_most=60.0)
    kind = parameter("mutual", "mutual: each is the nearest of the other; first, second: the nearest of each source of that list; "
                     "all: every pair", choices=KINDS)
    flag_mask = parameter(0, "sources with any of these FLAGS are left out; 63 leaves none that is flagged", at_least=0)

    n_pairs = attribute(int, "pairs")
    n_first = attribute(int, "sources of the first list without a partner")
    n_second = attribute(int, "sources of the second list without a partner")
    mean_east = attribute(float, "median of places in the second list minus those in the first, east", unit="arcsec")
    mean_north = attribute(float, "median of places in the second list minus those in the first, north", unit="arcsec")
    separation = attribute(float, "median distance of the two sources of a pair", unit="arcsec")

    limits = (Limit("n_pairs", flag=Flag.NO_SOURCES, at_least=1),
              Limit("mean_east", flag=Flag.BAD_ASTROMETRY, at_least=-1.0, at_most=1.0, optional=True),
              Limit("mean_north", flag=Flag.BAD_ASTROMETRY, at_least=-1.0, at_most=1.0, optional=True))

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """The second list is of the same field and tile where nothing else is said."""
        return {**keys, "tile": keys.get("tile") or tile_of_field(keys), "second_object": keys.get("second_object") or keys["object"]}

    def make(self) -> None:
        first, second = (one.table(("NUMBER", "FLAGS")) for one in (self.first, self.second))
        self._table = associate(first, second, self.search_distance, kind=self.kind, flag_mask=self.flag_mask)
        self.n_pairs = len(self._table)
        self.n_first, self.n_second = (len(alone(len(table), self._table[row])) for table, row in ((first, "ROW_1"), (second, "ROW_2")))
        if self.n_pairs:
            self.mean_east, self.mean_north, self.separation = (
                float(np.median(self._table[name])) for name in ("DELTA_EAST", "DELTA_NORTH", "SEPARATION"))

    def contents(self) -> dict[str, Content]:
        """The pairs."""
        return {"pairs": Content(table_bytes(self._table), ".parquet")}

    # ------------------------------------------------------------------ reading

    @property
    def pairs(self) -> SourceTable:
        """The pairs: numbers and rows in both lists, and how far apart the two are."""
        with SourceFile(self.path("pairs")) as file:
            return file.read()

    def values(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """One column of both lists, pair by pair: ``r, g = pairs.values("MAG_TOTAL")``."""
        pairs = self.pairs
        return self.first.table([name])[name][pairs["ROW_1"]], self.second.table([name])[name][pairs["ROW_2"]]

    def sources(self, side: int) -> SourceTable:
        """The sources that have a partner, of the first list or of the second, in the order of that list."""
        return self.list_of(side).table().rows(np.unique(self.pairs[f"ROW_{side}"]))

    def without_partner(self, side: int) -> SourceTable:
        """The sources of the first list or of the second that have none."""
        table = self.list_of(side).table()
        return table.rows(alone(len(table), self.pairs[f"ROW_{side}"]))

    def list_of(self, side: int) -> SourceList:
        """The first list for 1, the second for 2."""
        found: SourceList = {1: self.first, 2: self.second}[side]
        return found

    def inspect(self) -> Any:
        """Where sources of the second list are about those of the first, and how the magnitudes of the two compare."""
        return association_figure(self)
