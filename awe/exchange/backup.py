"""A copy of a whole instance that is an instance itself: database, files and settings, while others go on working."""
from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from awe.config import FILE_NAME
from awe.dataflow.instance import Instance
from awe.errors import ConfigError, IntegrityError, StoreError
from awe.fileserver import Store
from awe.persist import tables

MARK = "BACKUP"
SQLITE, DUMP = "awe.db", "awe.pgdump"


@dataclass(frozen=True)
class BackedUp:
    """Where a backup is, how many files it has, and how many of them are new since the last time."""

    folder: Path
    database: Path
    files: int
    new: int


def backup(instance: Instance, folder: Path) -> BackedUp:
    """Copy an instance; into the folder of an earlier backup only what is new.

    The database comes first, as it is at one moment; then every file that its rows refer to.  On SQLite the folder is an
    instance that can be used as it is; of PostgreSQL it holds what ``pg_dump`` wrote.

    Raises
    ------
    ConfigError
        the folder holds something else, or ``pg_dump`` is not there
    IntegrityError
        a file is not what its name says
    """
    instance.database.need_owner("a backup")
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise ConfigError(f"{folder} is not empty and no backup of awe; name a new directory, or that of an earlier backup")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("A backup of an awe instance, written by `awe backup`.\n", encoding="ascii")
    is_sqlite = instance.database.dialect == "sqlite"
    database = folder / (SQLITE if is_sqlite else DUMP)
    with beside(database) as path:
        wanted = copy_sqlite(instance, path) if is_sqlite else dump_postgresql(instance, path)
    new = copy_files(instance, wanted, folder / "store")
    address = f"sqlite:///{SQLITE}" if is_sqlite else instance.config.database
    settings = dataclasses.replace(instance.config, home=folder, database=address, store="store", token="")
    with beside(folder / FILE_NAME) as path:
        path.write_text(settings.as_toml(), encoding="utf8")
    return BackedUp(folder, database, len(wanted), new)


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `target` in the end; where that fails, what was there stays."""
    descriptor, name = tempfile.mkstemp(prefix=".awe-", dir=target.parent)
    os.close(descriptor)
    try:
        yield Path(name)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        os.replace(name, target)
    finally:
        for path in (Path(name), Path(f"{name}-wal"), Path(f"{name}-shm")):
            path.unlink(missing_ok=True)


def copy_sqlite(instance: Instance, target: Path) -> list[str]:
    """Copy the database as it is at one moment, by SQLite's own means; return the files that its rows refer to."""
    with instance.database.engine.connect() as connection, contextlib.closing(sqlite3.connect(target)) as copy:
        source: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        source.backup(copy)
        answer = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if answer != "ok":
            raise IntegrityError(f"the copy of the database is damaged: {answer}; `awe fsck --contents` tells more")
        copy.execute("PRAGMA journal_mode=DELETE")
        return [bytes(row[0]).hex() for row in copy.execute("SELECT DISTINCT sha256 FROM object_file ORDER BY sha256")]


def dump_postgresql(instance: Instance, target: Path) -> list[str]:
    """Have ``pg_dump`` write the database; return the files that its rows refer to, and perhaps some that came since."""
    program = shutil.which("pg_dump")
    if program is None:
        raise ConfigError("the database is PostgreSQL, and pg_dump, which copies it, is not on the path; "
                          "install PostgreSQL's client programs")
    url = instance.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run([program, "--format=custom", f"--file={target}", f"--dbname={url}"], capture_output=True, text=True)
    if done.returncode:
        raise StoreError(f"pg_dump could not copy the database: {' '.join(done.stderr.split())[:500]}")
    kept = tables.object_file.c.sha256
    with instance.database.reading() as connection:
        return [bytes(sha).hex() for sha in connection.scalars(sa.select(kept).distinct().order_by(kept))]


def copy_files(instance: Instance, wanted: list[str], folder: Path) -> int:
    """Copy the files that the backup does not have yet, verified; return how many."""
    store = Store.create(folder)
    new = [sha for sha in wanted if not store.has(sha)]
    got = store.put_many(instance.path_of(sha) for sha in new)
    store.unpin(got)
    damaged = [sha for sha, there in zip(new, got, strict=True) if sha != there]
    if damaged:
        raise IntegrityError(f"file {damaged[0][:12]} of the store is not what its name says, and {len(damaged) - 1} others; the rest was "
                             "copied; `awe fsck --contents` lists them")
    return len(new)
