"""Looks at one file, in whatever process: which camera, what each chip is, its statistics; nothing is written.

What comes out is plain data, so that workers can hand it over as JSON.
"""
from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from awe.errors import AweError, FitsError, HeaderError, InstrumentError
from awe.instruments import Definition, describe_reduced, identify, is_reduced, open_fits, plausible, translate
from awe.instruments.fitsfile import FitsFile
from awe.instruments.rawbytes import check_regular
from awe.instruments.translate import RawDescription
from awe.science.assemble import Assembled, assemble
from awe.science.imstat import flatness, imstat
from awe.science.wcs import read_wcs

ODD = "error"


def look(path: str, definitions: Iterable[Definition]) -> dict[str, Any]:
    """Describe one file: ``{path, sha256, size, kind, chips: [...], problems: [...]}``, or ``{path, error}``."""
    try:
        check_regular(Path(path))
        sha256, size = hash_of(Path(path))
        with open_fits(path) as file:
            definition = camera_of(file, definitions)
            file.checksum = definition.checksum
            found = look_reduced(file, definition) if is_reduced(file, definition) else look_raw(file, definition)
            file.verify()
            return {"path": path, "sha256": sha256, "size": size, "instrument": definition.name, **found}
    except AweError as error:
        return {"path": path, ODD: " ".join(str(error).split())}
    except OSError as error:
        return {"path": path, ODD: f"{path}: cannot be read: {error.strerror or error}; name a file that is there and may be read"}
    except MemoryError:
        return {"path": path, ODD: f"{path}: does not fit into the memory there is; split it, or look at it on a larger machine"}


def camera_of(file: FitsFile, definitions: Iterable[Definition]) -> Definition:
    """The camera a file comes from; one of tables alone is told apart from one of a camera that nobody knows."""
    try:
        return identify(file, definitions)
    except InstrumentError as error:
        if file.images() or not any(hdu.structure.kind == "table" for hdu in file.hdus):
            raise
        raise FitsError(f"{file.name}: holds tables and no image, so it is no frame; leave it out, or if it is a catalogue name it to "
                        "`awe ingest-catalog`") from error


def hash_of(path: Path) -> tuple[str, int]:
    """The SHA-256 and the size of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size


def look_raw(file: FitsFile, definition: Definition) -> dict[str, Any]:
    """Translate and measure every chip of a raw file."""
    translation = translate(file, definition)
    chips, problems = [], list(translation.problems)
    late = [f"date_obs {raw.date_obs:%Y-%m-%d %H:%M} lies in the future" for raw in translation if raw.date_obs > tomorrow()][:1]
    for raw in translation.raws:
        try:
            chips.append(with_readable_wcs({**raw.as_dict(), **measure(file, raw, definition), "warnings": [*raw.warnings, *late]}))
        except AweError as error:
            problems.append(" ".join(str(error).split()))
    return {"kind": translation.purpose, "why": translation.why, "chips": chips, "problems": problems}


def tomorrow() -> datetime.datetime:
    """The latest moment that a frame of today can have been taken, by any clock."""
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)


def measure(file: FitsFile, raw: RawDescription, definition: Definition) -> dict[str, Any]:
    """Statistics of one chip, overscan subtracted, and what in them speaks against what it says it is."""
    pixels = {index: file.pixels(index) for index in sorted({one["hdu"] for one in raw.amplifiers})}
    frame = assemble(pixels, raw.amplifiers, "constant")
    found = imstat(frame.data)
    levels = [level for level, how in zip(frame.overscan_levels, frame.overscan_applied, strict=True) if how != "none"]
    overscan = float(np.mean(levels)) if levels else None
    median = found.median + (overscan or 0.0)
    odd = plausible(raw.purpose, median, found.sigma, raw.exptime, definition, overscan=overscan)
    statistics = {"min": found.min, "max": found.max, "mean": found.mean, "median": found.median, "stdev": found.stdev,
                  "sigma": found.sigma, "npix": found.npix, "flatness": flatness(frame.data)}
    return {"imstat": json.loads(json.dumps(statistics, default=float)), "odd": odd, "without_overscan": missing_overscan(frame)}


def missing_overscan(frame: Assembled) -> list[str]:
    """The amplifiers that have no overscan."""
    return list(frame.without_overscan)


def look_reduced(file: FitsFile, definition: Definition) -> dict[str, Any]:
    """Describe every chip of a frame reduced elsewhere."""
    found = describe_reduced(file, definition)
    return {"kind": "reduced", "why": found[0].why, "chips": [with_readable_wcs(one.as_dict()) for one in found], "problems": []}


def with_readable_wcs(chip: dict[str, Any]) -> dict[str, Any]:
    """A chip whose WCS cards can be read; those that cannot are left out, with a warning."""
    try:
        if chip["wcs_cards"]:
            read_wcs(chip["wcs_cards"])
    except HeaderError as error:
        chip["wcs_cards"] = {}
        chip["warnings"].append(f"WCS left out: {error}")
    return chip
