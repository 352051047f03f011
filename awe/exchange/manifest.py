"""What an export says of itself, and the hashes from which all of it is verified."""
from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe.errors import ConfigError, IntegrityError, NotFoundError, SchemaError
from awe.exchange import rows
from awe.persist.branches import branches
from awe.persist.rows import Row

FORMAT = "awe export 1"
NAME, SEAL = "manifest.json", "manifest.sha256"


@dataclass(frozen=True)
class Table:
    """A table of an export: its columns, in order, each with its kind, how many rows, and the SHA-256 of their file."""

    columns: list[list[str]]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is in an export.

    Attributes
    ----------
    versions
        package -> version of its tables, of all packages whose classes have objects in it
    project, objects, files, bytes
        of which project, how many objects with their lineage, how many files of how many bytes
    tables
        name -> table
    """

    project: str
    versions: dict[str, str]
    objects: int
    files: int
    bytes: int
    tables: dict[str, Table]
    format: str = FORMAT

    def write(self, folder: Path) -> None:
        """Write it, and its seal last: what has no seal is no export."""
        data = json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True).encode()
        (folder / NAME).write_bytes(data)
        (folder / SEAL).write_text(hashlib.sha256(data).hexdigest() + "\n", encoding="ascii")

    def load(self, folder: Path, name: str) -> list[Row]:
        """The rows of a table, verified; none where the export has no such table."""
        table = self.tables.get(name)
        if table is None:
            return []
        return rows.load(folder / "rows" / f"{name}.jsonl", table.sha256, table.rows, len(table.columns))


def read_manifest(folder: Path) -> Manifest:
    """Read and verify the manifest of an export.

    Raises
    ------
    NotFoundError
        there is no export in the folder, or it was not finished
    IntegrityError
        the manifest is not the one that was written
    SchemaError
        it was written by a newer awe, or by a newer version of a package
    ConfigError
        it has objects of a package that is not installed
    """
    if not (folder / SEAL).is_file() or not (folder / NAME).is_file():
        raise NotFoundError(f"there is no finished export in {folder}: it has no {NAME} with its {SEAL}; "
                            "`awe export PROJECT DIR` makes one")
    data = (folder / NAME).read_bytes()
    if hashlib.sha256(data).hexdigest() != (folder / SEAL).read_text(encoding="ascii", errors="replace").strip():
        raise IntegrityError(f"{folder / NAME} is not as it was exported: its SHA-256 is not the one in {SEAL}; nothing was imported")
    said: dict[str, Any] = json.loads(data)
    if said.get("format") != FORMAT:
        raise SchemaError(f"{folder} is {str(said.get('format'))[:40]!r}, and this code reads {FORMAT!r}; update awe")
    found = Manifest(**{**said, "tables": {name: Table(**table) for name, table in said["tables"].items()}})
    refuse_strange(found, folder)
    return found


def refuse_strange(manifest: Manifest, folder: Path) -> None:
    """Raise where the tables of the export are not those of this code."""
    known = {branch.package: branch for branch in branches()}
    for package, version in manifest.versions.items():
        if package not in known:
            raise ConfigError(f"{folder} has objects of the package {package!r}, which is not installed; install it, and `awe db upgrade`")
        if version not in known[package].versions:
            raise SchemaError(f"{folder} was exported at version {version} of {package}, which this code does not know: it is older than "
                              f"the export; update {package}, and `awe db upgrade`")
