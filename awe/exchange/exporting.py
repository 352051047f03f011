"""A project, with all that it stands on and its files, into one directory."""
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.dataflow.instance import Instance
from awe.errors import ConfigError, IntegrityError
from awe.exchange import beside, rows
from awe.exchange.closure import objects_of
from awe.exchange.manifest import Manifest, Table
from awe.fileserver import Store
from awe.persist import tables
from awe.persist.branches import branches

#: Column of `object` -> the table of shared rows that it refers to.
SHARED: Mapping[str, sa.Table] = {"creator_id": tables.user, "project_id": tables.project, "scope_id": tables.scope,
                                  "recipe_id": tables.recipe, "params_id": tables.parameters, "class_id": tables.class_}


def export_project(instance: Instance, project: str, folder: Path) -> Manifest:
    """Write the visible objects of a project, their lineage, history, jobs and files into a new directory.

    Raises
    ------
    ConfigError
        the directory is there and not empty
    IntegrityError
        a file of the store is not what its name says
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already and not empty; name a new directory")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        beside.chmod(0o755)
        manifest = write(instance, project, beside)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return manifest


def write(instance: Instance, project: str, folder: Path) -> Manifest:
    """Write everything, the manifest last."""
    with instance.database.snapshot() as connection:
        content = read_everything(connection, project, objects_of(connection, project, instance.database.identity))
    content = {name: found for name, found in content.items() if found}
    (folder / "rows").mkdir()
    hashes = {name: rows.write(folder / "rows" / f"{name}.jsonl", found) for name, found in content.items()}
    sizes = copy_files(instance, content.get("file", []), folder / "files")
    described = {name: Table(columns_of(tables.metadata.tables[name]), len(found), hashes[name]) for name, found in content.items()}
    manifest = Manifest(project, versions_of(content["class"]), len(content["object"]), len(sizes), sum(sizes), described)
    manifest.write(folder)
    return manifest


def read_everything(connection: sa.Connection, project: str, oids: set[int]) -> dict[str, list[list[Any]]]:
    """The rows of all tables that tell of some objects, by the name of the table."""
    found = {}
    for table in rows.owned_here(connection):
        owner = tables.object_.c.oid if table is tables.object_ else rows.owner_of(table)
        assert owner is not None
        found[table.name] = rows.read(connection, table, owner, oids)
    for table, by in ((tables.change, tables.change.c.oid), (tables.job, tables.job.c.oid)):
        found[table.name] = rows.read(connection, table, by, oids)
    own = rows.read(connection, tables.candidate, tables.candidate.c.oid, oids)
    sel, natural = index(tables.candidate, "sel"), index(tables.candidate, "own")
    found["candidate"] = [row for row in own if row[sel] == row[natural]]
    scopes = rows.read(connection, tables.scope, tables.scope.c.id, {row[index(tables.object_, "scope_id")] for row in found["object"]})
    found.update(beside.read(connection, project, oids, {row[index(tables.scope, "instrument")] for row in scopes} - {""}))
    for table, numbers in shared_numbers(found).items():
        found[table.name] = rows.read(connection, table, next(iter(table.primary_key)), numbers)
    found["file"] = files_of(connection, found["object_file"])
    return found


def shared_numbers(found: Mapping[str, list[list[Any]]]) -> dict[sa.Table, set[int]]:
    """The rows of shared tables that are referred to."""
    wanted = {table: {row[index(tables.object_, column)] for row in found["object"]} - {0} for column, table in SHARED.items()}
    field, old, new, who = (index(tables.change, name) for name in ("field", "old", "new", "who"))
    for line in found["change"]:
        wanted[tables.user].add(line[who])
        if line[field] == "project":
            wanted[tables.project] |= {int(line[old]), int(line[new])}
    wanted[tables.user] |= {row[index(tables.job, "who")] for row in found["job"]} - {0}
    wanted[tables.user] |= beside.numbers(found, beside.USERS)
    wanted[tables.project] |= beside.numbers(found, beside.PROJECTS)
    return wanted


def files_of(connection: sa.Connection, kept: Iterable[list[Any]]) -> list[list[Any]]:
    """The rows of the files that objects have."""
    wanted = sorted({row[index(tables.object_file, "sha256")] for row in kept})
    found: list[list[Any]] = []
    f = tables.file
    kinds = [rows.kind_of(column) for column in f.columns]
    for start in range(0, len(wanted), 500):
        asked = [bytes.fromhex(sha) for sha in wanted[start:start + 500]]
        there = connection.execute(sa.select(f).where(f.c.sha256.in_(asked)).order_by(f.c.sha256))
        found += [[rows.encoded(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in there]
    return found


def copy_files(instance: Instance, files: list[list[Any]], folder: Path) -> list[int]:
    """Copy files into a store of their own, verified; return their sizes."""
    store = Store.create(folder)
    wanted = [row[0] for row in files]
    got = store.put_many(instance.path_of(sha) for sha in wanted)
    store.unpin(got)
    damaged = [sha for sha, there in zip(wanted, got, strict=True) if sha != there]
    if damaged:
        raise IntegrityError(f"file {damaged[0][:12]} of the store is not what its name says, and {len(damaged) - 1} others; nothing was "
                             "exported; `awe fsck --contents` lists them")
    return [store.size(sha) for sha in wanted]


def columns_of(table: sa.Table) -> list[list[str]]:
    """The columns of a table with their kinds."""
    return [[column.name, rows.kind_of(column)] for column in table.columns]


def versions_of(classes: Iterable[list[Any]]) -> dict[str, str]:
    """The versions of awe and of the packages of some classes."""
    packages = {row[index(tables.class_, "name")].split(":", 1)[0] for row in classes} | {"awe"}
    return {branch.package: branch.versions[-1] for branch in branches() if branch.package in packages and branch.versions}


def index(table: sa.Table, column: str) -> int:
    """The place of a column in a row."""
    return list(table.columns.keys()).index(column)
