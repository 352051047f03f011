"""A reference catalogue comes in: read in its usual form, written once in ours."""
from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from awe import catalogues
from awe.catalogues.parquet import write_parquet
from awe.dataflow import instance as instances
from awe.dataflow.registry import target_classes
from awe.errors import InstrumentError, did_you_mean
from awe.ingest.book import newest_instruments
from awe.ingest.instrument import set_parameters
from awe.persist.declare import parameters
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record
from awe.persist.types import FOREVER, from_microseconds
from awe.persist.value import value_of
from awe.targets.flags import BLOCKING
from awe.targets.referencecatalogue import ReferenceCatalogue


def ingest_catalogue(paths: Path | Sequence[Path], name: str | None = None, mapping: Any = None, *,
                     use_for: str | None = None) -> ReferenceCatalogue:
    """Read a reference catalogue, store it, and let an instrument use it.

    Parameters
    ----------
    paths
        one file, or several shards
    name
        what it is called; by default what its mapping says
    mapping
        a TOML file or a dictionary that says which column is what; without it the columns are guessed, and `notes` say how
    use_for
        an instrument whose frames are matched with it from now on
    """
    if use_for is not None:
        known = [one.name for one in newest_instruments()]
        if use_for not in known:
            raise InstrumentError(f"the catalogue is meant for {use_for!r}, which is no known instrument{did_you_mean(use_for, known)}")
    found = catalogues.read_catalogue(paths, mapping, name=name)
    first = Path(paths) if isinstance(paths, str | Path) else Path(paths[0])
    catalogue = ReferenceCatalogue(
        name=found.mapping.name, version=found.mapping.version, epoch=found.mapping.epoch, n_sources=len(found.table),
        bands=json.dumps({band: dataclasses.asdict(one) for band, one in found.mapping.bands.items()}, sort_keys=True),
        coverage=json.dumps(found.footprint.to_json(), sort_keys=True),
        mapping=json.dumps({part: dataclasses.asdict(source) for part, source in found.mapping.columns.items()}, sort_keys=True),
        notes="; ".join(found.notes), original_name=first.name)
    catalogue.anchor = from_microseconds(FOREVER[0])
    instance = instances.current()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.parquet"
        write_parquet(found.table, path)
        sha, size = instance.store.put(path), path.stat().st_size
    there = instances_of(catalogue.name)
    value = value_of(catalogue, {"catalogue": sha})
    if there and bytes(there[0].value) == value:
        catalogue = there[0]
    else:
        file = FileRow("catalogue", ".parquet", sha, size, catalogue.global_name("catalogue", ".parquet"))
        insert([Record(catalogue, files=[file], value=value, blocking=BLOCKING)])
    instance.store.unpin([sha])
    if use_for is not None:
        for cls in [each for each in target_classes() if "refcat" in parameters(each)]:
            set_parameters(cls, use_for, {"refcat": catalogue.name}, f"reference catalogue {catalogue.name} was ingested for it")
    return catalogue


def instances_of(name: str) -> list[ReferenceCatalogue]:
    """The catalogue of that name that is in use, if any."""
    found: list[ReferenceCatalogue] = ((ReferenceCatalogue.name == name) & (ReferenceCatalogue.is_valid > 0)).order_by("-creation_date")[:1]
    return found


