"""The tables of the database against those of the classes: create, upgrade, compare.

Alembic is the only way a schema changes; its versions are in the folder `migrations` beside the package.  Compared are the
tables of `awe` itself and of all classes that have been imported: import `awe.targets` before.
"""
from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from awe.errors import SchemaError
from awe.faults import reach
from awe.persist import guard, keysets, role, tables
from awe.persist.branches import OWN, Branch, branch_of, branches, migrations, package_of, refuse_newer
from awe.persist.session import open_engine
from awe.persist.types import HexId, Instant, Real


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest version, of awe and of every installed package; an empty one gets all tables."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            refuse_newer(connection)
            run_versions(connection)
            _begin(connection)
            guard.install(connection)
            keysets.store(connection)
            if connection.dialect.name == "postgresql":
                role.grant(connection)
            connection.commit()
    finally:
        engine.dispose()


def run_versions(connection: sa.Connection) -> None:
    """Run the versions that a database lacks, of all packages; each package is one transaction, at whose end all guards stand."""
    for branch in branches():
        _begin(connection)
        if _version_difference(connection, branch):
            guard.lift(connection)
            command.upgrade(config(connection, branch), "heads")
            reach("migrated")
            guard.install(connection)
        connection.commit()


def revise(package: str, message: str) -> Path | None:
    """Write the next version of a package, from what differs between its last one and its classes; None where nothing does.

    Raises
    ------
    NotFoundError
        no package of that name is installed
    SchemaError
        its folder cannot be written to
    """
    branch = branch_of(package)
    number = f"{max(map(int, branch.versions), default=0) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'empty.db'}")
        try:
            with engine.connect() as connection:
                run_versions(connection)
                if not compare(connection, [branch]):
                    return None
                branch.folder.mkdir(exist_ok=True)
                command.revision(config(connection, branch), message, autogenerate=True, rev_id=number, version_path=str(branch.folder))
        except PermissionError as error:
            raise SchemaError(f"{branch.folder} cannot be written to ({error.strerror}); install {package} with `pip install -e`, "
                              "from a folder that is yours") from error
        finally:
            engine.dispose()
    return next(branch.folder.glob(f"{number}_*.py"))


def check(url: str) -> list[str]:
    """What differs between the database at `url` and the classes, in words; nothing when they agree."""
    engine = open_engine(url, create=False)
    try:
        with engine.connect() as connection:
            versions, differences = version_differences(connection), compare(connection)
            differences = differences if versions else list(map(with_way_out, differences))
            return [*versions, *differences, *guard.differences(connection)]
    finally:
        engine.dispose()


def create_all(connection: sa.Connection) -> None:
    """Make all tables of the classes at once and call them up to date: for tests."""
    tables.metadata.create_all(connection)
    guard.install(connection)
    for branch in branches():
        if branch.versions:
            command.stamp(config(connection, branch), "heads")


def config(connection: sa.Connection, branch: Branch | None = None) -> Config:
    """What Alembic has to know to work on one line of versions, that of awe where none is given."""
    branch = branch or branch_of(OWN)
    found = Config(cmd_opts=Namespace(quiet=True), attributes={"connection": connection, "options": options([branch])})
    for name, value in (("script_location", migrations()), ("version_locations", branch.folder), ("path_separator", "newline")):
        found.set_main_option(name, str(value).replace("%", "%%"))
    return found


def version_differences(connection: sa.Connection) -> list[str]:
    """Whether the database is older or newer than the code, and than the packages that are installed."""
    return [said for branch in branches() if (said := _version_difference(connection, branch))]


def _version_difference(connection: sa.Connection, branch: Branch) -> str:
    context = MigrationContext.configure(connection, opts={"version_table": branch.version_table})
    there, ours = set(context.get_current_heads()), set(branch.versions[-1:])
    whose = "" if branch.package == OWN else f" of {branch.package}"
    if there == ours:
        return ""
    if there - set(branch.versions):
        return (f"the database is at version {_listed(there)}{whose}, which this code does not know: it is older than the database; "
                f"update {branch.package}")
    return f"the database is at version {_listed(there)}{whose}, the code at {_listed(ours)}; run `awe db upgrade`"


def compare(connection: sa.Connection, only: list[Branch] | None = None) -> list[str]:
    """What tables, columns, indexes and types differ from those of the classes, in words."""
    context = MigrationContext.configure(connection, opts=options(branches() if only is None else only))
    return [in_words(difference) for difference in _flat(compare_metadata(context, tables.metadata))]


def looks_at(lines: list[Branch]) -> Callable[[Any, str | None, str, bool, Any], bool]:
    """Which things Alembic looks at: the tables of some packages, and all that belongs to them."""
    def is_ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        return kind != "table" or any(branch.owns(name or "") for branch in lines)
    return is_ours


def options(lines: list[Branch]) -> dict[str, Any]:
    """How Alembic compares and writes the tables of some packages."""
    return {"compare_type": True, "include_object": looks_at(lines), "render_item": render_item, "render_as_batch": True,
            "target_metadata": tables.metadata, "version_table": lines[0].version_table}


def render_item(kind: str, thing: Any, context: Any) -> str | bool:
    """How a type is written in a version: without reference to the code, which changes."""
    if kind == "type" and isinstance(thing, Instant | HexId | Real):
        return f"sa.{thing.impl_instance!r}"
    return False


def in_words(difference: Any) -> str:
    """One line about one difference that Alembic found."""
    what, *about = difference
    if what in ("add_table", "remove_table"):
        return f"table {about[0].name} {'is missing' if what == 'add_table' else 'is not known to the classes'}"
    if what in ("add_column", "remove_column"):
        return f"column {about[1]}.{about[2].name} {'is missing' if what == 'add_column' else 'is not known to the classes'}"
    if what.startswith("modify"):
        return f"column {about[1]}.{about[2]}: {what.removeprefix('modify_')} is {about[4]!r}, and should be {about[5]!r}"
    return f"{what.replace('_', ' ')} {getattr(about[0], 'name', None) or about[0]}"


def with_way_out(said: str) -> str:
    """A difference that no version brings about; of a package's own tables, with the command that writes one."""
    package = package_of(said.split()[1].split(".")[0])
    return said if package == OWN else f"{said}; `awe db revision {package}` writes the version that says so"


def _listed(versions: set[str]) -> str:
    return ", ".join(sorted(versions)) or "none"


def _flat(differences: Any) -> list[Any]:
    return [each for group in differences for each in (group if isinstance(group, list) else [group])]


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
