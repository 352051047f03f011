"""Files come out of the store: as they are, or with cards in the header that say where they come from.

Nothing in the store says who made it, when, or from what, so that equal content is equal bytes; that is added here.
"""
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from astropy.io import fits

from awe.dataflow import instance as instances
from awe.dataflow.lifecycle import Stored
from awe.errors import ForbiddenError, MissingFileError, StoreError
from awe.persist.dbobject import DBObject
from awe.persist.lineage import name_of_class, tell_everything

#: Roles in the order in which one is taken where none is said.
FIRST = ("image", "catalogue", "raw")


def retrieve(obj: DBObject, destination: Path | str = ".", role: str | None = None) -> Path:
    """Copy a file of an object to a folder, under its global name, or to a path where nothing is yet.

    FITS files of products get cards in their primary header: identity, class and version, who made them and when, inputs,
    parameters.  Raw data, files that are not FITS, and those of classes that are not installed are copied byte by byte.

    Raises
    ------
    MissingFileError
        the object has no such file, or no store has it
    ForbiddenError
        there is a file of that name already
    StoreError
        it cannot be written there
    """
    rows = obj.file_rows() if isinstance(obj, Stored) else tell_everything(obj).files
    chosen = role or next((one for one in FIRST if one in rows), next(iter(rows), ""))
    if chosen not in rows:
        raise MissingFileError(f"{obj!r} has no {role or 'such'} file; it has {', '.join(rows) or 'none'}")
    row, given = rows[chosen], Path(destination).expanduser()
    target = given / row["global_name"] if given.is_dir() else given
    if target.exists():
        raise ForbiddenError(f"{target} is there already and is not overwritten; remove it, or name another path")
    source = instances.current().path_of(row["sha256"])
    described = obj if isinstance(obj, Stored) and row["ext"] == ".fits" and not obj.raw_data else None
    write(described, source, target, row["global_name"])
    return target


def write(obj: Stored | None, source: Path, target: Path, name: str) -> None:
    """Write beside the target, then rename: a file that is there is whole."""
    try:
        descriptor, beside = tempfile.mkstemp(prefix=".awe-", dir=target.parent)
        os.close(descriptor)
        try:
            if obj is not None:
                write_fits(obj, source, Path(beside), name)
            else:
                shutil.copyfile(source, beside)
            os.chmod(beside, 0o644)
            os.rename(beside, target)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}; choose another place with -o") from error


def write_fits(obj: Stored, source: Path, beside: Path, name: str) -> None:
    """Copy a FITS file; pixels and all other cards stay as they are."""
    with fits.open(source, do_not_scale_image_data=True, memmap=True, character_as_bytes=True) as hdus:
        header = hdus[0].header
        for keyword, value, comment in provenance_cards(obj, name):
            header[keyword] = (value, comment)
        for line in history(obj):
            header.add_history(line)
        hdus.writeto(beside, overwrite=True, checksum=True)


def provenance_cards(obj: Stored, name: str) -> list[tuple[str, str | int, str]]:
    """What the primary header of a retrieved file says."""
    about = tell_everything(obj)
    version = about.code.get("version", getattr(type(obj), "version", 0))
    return [("FILENAME", name, ""), ("OBJ_ID", obj.object_id, "identity of the object"),
            ("AWECLASS", type(obj).__mapping__.name, "its class"), ("AWEVERS", int(version), "version of the class"),
            ("AWEDIGST", str(about.code.get("digest", ""))[:32], "digest of the code that made it"),
            ("CREATOR", obj.creator, "who made it"), ("PROJECT", obj.project, "for which project"),
            ("CREADATE", obj.creation_date.isoformat("T", "seconds").removesuffix("+00:00"), "when it was made, UTC"),
            ("AWEFLAGS", int(obj.quality_flags or 0), " ".join(obj.flag_names(obj.quality_flags or 0))[:40] or "no flags"),
            ("AWEVALID", int(obj.is_valid), "0 bad, 1 OK, 2 qualified")]


def history(obj: Any) -> list[str]:
    """Parameters and inputs, a line each."""
    about = tell_everything(obj)
    lines = [f"parameter {name} = {value}" for name, value in about.parameters.items()]
    lines += [f"{slot}: {name_of_class(one)} {one.object_id}" for slot, members in about.inputs.items() for one in members]
    return lines
