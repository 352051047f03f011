"""Lines of versions of the schema: that of awe, and one for each installed package that brings classes of its own.

A package says by the entry point ``awe.targets`` which module defines its classes.  Their tables are named after it, as
``package__class``; its versions lie in its folder ``migrations``, and which one the database has stands in a table of its
own.  So a package that is not installed is in nobody's way, and its tables stay as they are until it is there again.
"""
from __future__ import annotations

import functools
import importlib.util
import re
import sysconfig
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from awe.errors import NotFoundError, SchemaError, did_you_mean

GROUP = "awe.targets"
OWN = "awe"
BESIDE = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"^([0-9]{4})_\w*\.py$")


class Branch(NamedTuple):
    """The versions of one package: the folder that holds them, and the table that says which one a database has."""

    package: str
    folder: Path

    @property
    def version_table(self) -> str:
        """The table with the version."""
        return "alembic_version" if self.package == OWN else f"{self.package}__alembic_version"

    @property
    def versions(self) -> list[str]:
        """The numbers of all versions, in order."""
        if not self.folder.is_dir():
            return []
        return sorted(match[1] for path in self.folder.iterdir() if (match := NUMBER.match(path.name)))

    def owns(self, table: str) -> bool:
        """Whether a table is one of this package's classes."""
        return package_of(table) == self.package and not table.endswith("alembic_version")


def package_of(table: str) -> str:
    """The package that a table belongs to.

    >>> package_of("master_bias"), package_of("kids__night_sky")
    ('awe', 'kids')
    """
    package, mark, _ = table.partition("__")
    return package if mark else OWN


def entries() -> list[EntryPoint]:
    """What installed packages say of themselves, awe among them, in alphabetical order."""
    return sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))


def branches() -> list[Branch]:
    """The line of awe, and those of all other installed packages."""
    packages = {entry.module.split(".", 1)[0] for entry in entries()} - {OWN}
    return [Branch(OWN, migrations() / "versions"), *(Branch(name, folder_of(name) / "migrations") for name in sorted(packages))]


def branch_of(package: str) -> Branch:
    """The line of one package."""
    known = {branch.package: branch for branch in branches()}
    if package not in known:
        raise NotFoundError(f"no installed package {package!r} brings targets{did_you_mean(package, known)}; `pip install -e` it, with an "
                            f"entry point {GROUP!r} that names the module of its classes")
    return known[package]


@functools.cache
def folder_of(package: str) -> Path:
    """Where the files of a package are."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    if not places:
        raise SchemaError(f"{package!r} has the entry point {GROUP!r}, and is not there as a package with a folder of its own; "
                          "install it again, or uninstall it")
    return Path(places[0])


def migrations() -> Path:
    """What Alembic runs, with the versions of awe: of this checkout, or as installed."""
    if (BESIDE / "setup.cfg").exists() and (BESIDE / "migrations" / "env.py").exists():
        return BESIDE / "migrations"
    installed = Path(sysconfig.get_path("data")) / "share" / "awe" / "migrations"
    if not (installed / "env.py").exists():
        raise SchemaError(f"the folder of migrations is neither {BESIDE / 'migrations'} nor {installed}; install awe again")
    return installed


def refuse_newer(connection: sa.Connection) -> None:
    """Raise SchemaError where the database has a version that this code, or an installed package, does not know."""
    there = sa.inspect(connection)
    for branch in branches():
        if not there.has_table(branch.version_table):
            continue
        text = f"SELECT version_num FROM {branch.version_table}"
        newer = set(connection.exec_driver_sql(text).scalars()) - set(branch.versions)
        if newer:
            raise SchemaError(f"the database is at version {', '.join(sorted(newer))} of {branch.package}, which this code does not know: "
                              f"it is older than the database; update {branch.package}")
