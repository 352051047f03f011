"""The tables of the database against those of the classes: create, upgrade, compare.

Alembic is the only way a schema changes; its versions are in the folder `migrations` beside the package.  Compared are the
tables of `awe` itself and of all classes that have been imported: import `awe.targets` before.
"""
from __future__ import annotations

import pathlib
import sysconfig
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from awe.errors import SchemaError
from awe.persist import guard, tables
from awe.persist.session import open_engine
from awe.persist.types import HexId, Instant, Real

BESIDE = pathlib.Path(__file__).resolve().parents[2]


def migrations() -> pathlib.Path:
    """The folder of the versions: of this checkout, or as installed."""
    if (BESIDE / "setup.cfg").exists() and (BESIDE / "migrations" / "env.py").exists():
        return BESIDE / "migrations"
    installed = pathlib.Path(sysconfig.get_path("data")) / "share" / "awe" / "migrations"
    if not (installed / "env.py").exists():
        raise SchemaError(f"the folder of migrations is neither {BESIDE / 'migrations'} nor {installed}; install awe again")
    return installed


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest version; an empty one gets all tables."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            _begin(connection)
            if version_differences(connection):
                guard.lift(connection)
                command.upgrade(config(connection), "head")
            guard.install(connection)
            connection.commit()
    finally:
        engine.dispose()


def check(url: str) -> list[str]:
    """What differs between the database at `url` and the classes, in words; nothing when they agree."""
    engine = open_engine(url, create=False)
    try:
        with engine.connect() as connection:
            return [*version_differences(connection), *compare(connection), *guard.differences(connection)]
    finally:
        engine.dispose()


def create_all(connection: sa.Connection) -> None:
    """Make all tables of the classes at once and call them up to date: for tests."""
    tables.metadata.create_all(connection)
    guard.install(connection)
    command.stamp(config(connection), "head")


def config(connection: sa.Connection) -> Config:
    """What Alembic has to know."""
    found = Config(attributes={"connection": connection})
    found.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    return found


def version_differences(connection: sa.Connection) -> list[str]:
    """Whether the database is older or newer than the code."""
    there = set(MigrationContext.configure(connection).get_current_heads())
    script = ScriptDirectory(str(migrations()))
    ours = set(script.get_heads())
    if there == ours:
        return []
    known = {revision.revision for revision in script.walk_revisions()}
    if there - known:
        return [f"the database is at version {_listed(there)}, which this code does not know: it is older than the database; update awe"]
    return [f"the database is at version {_listed(there)}, the code at {_listed(ours)}; run `awe db upgrade`"]


def compare(connection: sa.Connection) -> list[str]:
    """What tables, columns, indexes and types differ from those of the classes, in words."""
    context = MigrationContext.configure(connection, opts=dict(OPTIONS))
    return [in_words(difference) for difference in _flat(compare_metadata(context, tables.metadata))]


def is_ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Whether Alembic should look at it: tables of other packages have names with ``__`` and versions of their own."""
    return kind != "table" or "__" not in (name or "")


def render_item(kind: str, thing: Any, context: Any) -> str | bool:
    """How a type is written in a version: without reference to the code, which changes."""
    if kind == "type" and isinstance(thing, Instant | HexId | Real):
        return f"sa.{thing.impl_instance!r}"
    return False


OPTIONS: dict[str, Any] = {"compare_type": True, "include_object": is_ours, "render_item": render_item, "render_as_batch": True,
                           "target_metadata": tables.metadata}


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


def _listed(versions: set[str]) -> str:
    return ", ".join(sorted(versions)) or "none"


def _flat(differences: Any) -> list[Any]:
    return [each for group in differences for each in (group if isinstance(group, list) else [group])]


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
