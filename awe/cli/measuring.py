"""`awe forced`: what there is at given positions of an image."""
from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from awe.catalogues import read_catalogue
from awe.catalogues.exporting import export
from awe.catalogues.table import SourceTable
from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.errors import QueryError
from awe.face.named import object_named

SHOWN = ("NUMBER", "ALPHA_J2000", "DELTA_J2000", "FLUX_FORCED", "FLUXERR_FORCED", "MAG_FORCED", "MAGERR_FORCED", "MAGLIM_FORCED",
         "FLAGS_FORCED")


def forced(options: Namespace) -> int:
    """Measure at the positions; print, or write a table."""
    ra, dec = positions(options.positions)
    with opened(options) as instance:
        obj = object_named(instance, options.id)
        if not hasattr(obj, "forced_sources"):
            raise QueryError(f"{obj!r} has no photometry; give the SourceList of a coadd, or the PSFModel of a frame")
        found = obj.forced_sources(ra, dec, options.sigma)
    if options.output:
        path = export(found, Path(options.output).expanduser())
        print_json({"path": str(path), "positions": len(found)}) if options.json else print(path)
    elif options.json:
        print_json([dict(zip(SHOWN, row, strict=True)) for row in rows(found)])
    else:
        print(as_table(SHOWN, rows(found)))
    return 0


def positions(text: str) -> tuple[Any, Any]:
    """Right ascensions and declinations, of a file or as they stand there."""
    number = r"[+-]?\d+(?:\.\d*)?"
    if re.fullmatch(f"{number},{number}", text):
        ra, dec = map(float, text.split(","))
        return np.array([ra]), np.array([dec])
    table = read_catalogue(Path(text).expanduser()).table
    return np.asarray(table[table.ra]), np.asarray(table[table.dec])


def rows(table: SourceTable) -> list[tuple[Any, ...]]:
    """The rows in the order of the positions; what is not a number is None."""
    order = np.argsort(np.asarray(table["NUMBER"]))
    columns = [np.asarray(table[name])[order].tolist() for name in SHOWN]
    return [tuple(None if value != value else value for value in row) for row in zip(*columns, strict=True)]
