"""One source of a list, and everything about it: its rows, and a cut-out from every frame in its lineage, back to the raw pixels."""
from __future__ import annotations

from typing import Any

import numpy as np

from awe.errors import NotFoundError, QueryError
from awe.face.named import object_named
from awe.services.asked import Asked
from awe.services.card import brief
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.shown import Column, Shown, Table
from awe.services.tracing import places
from awe.targets import SourceList

ID = Parameter("id", str, "the beginning of the object_id of a SourceList", of="object", longest=300)
#: Lists of the same tile that are searched for the same source.
LISTS = 50
#: Degrees within which a row of another list is of the same source.
SAME = 1.5 / 3600.0
#: Rows of a list on one page.
ROWS = 100
SHOWN = ("NUMBER", "ALPHA_J2000", "DELTA_J2000", "X_IMAGE", "Y_IMAGE", "MAG_TOTAL", "MAGERR_TOTAL", "MAG_AUTO", "FWHM_WORLD", "CLASS_STAR",
         "FLAGS")
#: Steps in the order in which they are shown.
STEPS = ("coadd", "regridded", "reduced", "raw", "bias", "dark", "flat", "hot", "cold", "sky", "fringe")


def list_named(asked: Asked) -> SourceList:
    """The source list that is asked for."""
    found = object_named(asked.instance, asked["id"])
    if not isinstance(found, SourceList):
        raise QueryError(f"{type(found).__name__} {found.object_id[:8]} is no SourceList, and has no sources")
    return found


def sources(asked: Asked) -> Shown:
    """The sources of a list, a page at a time, the brightest first."""
    one = list_named(asked)
    table = one.table()
    names = [name for name in SHOWN if name in table.names]
    order = np.argsort(table["MAG_TOTAL"] if "MAG_TOTAL" in table.names else table["NUMBER"], kind="stable")
    chosen = order[(asked["page"] - 1) * ROWS:asked["page"] * ROWS]
    columns = [Column(name, table.column(name).unit, table.column(name).description, float) for name in names]
    rows = [[table[name][row].item() for name in names] for row in chosen]
    heads = [{"name": each.name, "unit": each.unit, "doc": each.doc} for each in columns]
    data = {"list": brief(one), "count": len(table), "columns": heads,
            "rows": rows, "page": asked["page"]}
    whole = Table("sources", columns, ([table[name][row].item() for name in names] for row in order), f"sources of {one.object_id}")
    return Shown("sources.html", f"Sources of {one.object} in {one.filter.name}", data, table=whole,
                 awe=f"SourceList(object_id={one.object_id!r}).table()", more={"last": -(-len(table) // ROWS)})


def source(asked: Asked) -> Shown:
    """One source."""
    one = list_named(asked)
    table = one.table()
    where = np.flatnonzero(table["NUMBER"] == asked["number"])
    if not len(where):
        raise NotFoundError(f"{one.object} has no source {asked['number']}; its numbers go from 1 to {len(table)}")
    row = int(where[0])
    ra, dec = float(table[table.ra][row]), float(table[table.dec][row])
    traced = [place.as_dict() for place in places(one, ra, dec)]
    traced.sort(key=lambda place: STEPS.index(place["step"]))
    described = [{"name": name, "value": table[name][row].item(), "unit": table.column(name).unit, "doc": table.column(name).description}
                 for name in table.names]
    data = {"list": brief(one), "number": asked["number"], "ra": ra, "dec": dec, "row": described, "places": traced,
            "others": others(one, ra, dec), "size": asked["size"]}
    return Shown("source.html", f"Source {asked['number']} of {one.object}", data,
                 awe=f"SourceList(object_id={one.object_id!r}).cone({ra:.6f}, {dec:.6f}, 1 / 3600)")


def others(one: SourceList, ra: float, dec: float) -> list[dict[str, Any]]:
    """The same source in other lists of the same tile."""
    lists = [each for each in (SourceList.tile == one.tile).order_by("-creation_date")[:LISTS] if each.oid != one.oid]
    found = []
    for other, table in SourceList.cone_of(lists, ra, dec, SAME):
        names = [name for name in SHOWN if name in table.names]
        found.append({"list": brief(other), "filter": other.filter.name,
                      "rows": [{name: table[name][n].item() for name in names} for n in range(len(table))]})
    return found


PAGES = [
    Page("sources", "/sources/{id}", sources, "the sources of a list", (
        ID, Parameter("page", int, "which page", 1, at_least=1, at_most=100_000)), formats=("csv", "json", "votable", "fits", "parquet")),
    Page("source", "/sources/{id}/{number}", source, "one source, followed back to its raw pixels", (
        ID, Parameter("number", int, "its NUMBER in the list", at_least=0), Parameter("size", int, "pixels of a side of the cut-outs", 48,
                                                                                     at_least=16, at_most=256))),
]
