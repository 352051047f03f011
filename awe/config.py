"""The settings of an instance: from its file, then from the environment.

``AWE_HOME`` points at an instance, a directory that holds ``awe.toml``.  Every setting can be overridden by an environment
variable of its name in capitals after ``AWE_``, such as ``AWE_DATABASE``.
"""
from __future__ import annotations

import dataclasses
import getpass
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe.errors import ConfigError, InstanceError, did_you_mean

FILE_NAME = "awe.toml"
#: What stands in no text of TOML as it is.
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Config:
    """All settings of an instance.

    Attributes
    ----------
    home
        the directory of the instance
    database
        ``sqlite:///awe.db`` (relative to `home`) or ``postgresql://user@host/name``
    store
        where files are: a directory (relative to `home`)
    fileserver
        address of a file server to ask for files that the store does not have; empty for none
    token
        what to show that file server
    cache_bytes
        how much of what was fetched is kept
    user, project, privileges
        who works here, for which project, and what new objects are: 1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO; 0 for
        what is usual in the project
    workers
        how many processes make targets; 0 makes them in this one
    durable
        whether every commit waits for the disk
    sql_users
        who may write SQL of their own on the pages, with commas; ``*`` for all who log in
    """

    home: Path
    database: str = "sqlite:///awe.db"
    store: str = "store"
    fileserver: str = ""
    token: str = ""
    cache_bytes: int = 10_000_000_000
    user: str = ""
    project: str = "default"
    privileges: int = 0
    workers: int = 0
    durable: bool = False
    sql_users: str = ""

    @property
    def url(self) -> str:
        """The address of the database; a relative SQLite path is taken from `home`."""
        prefix = "sqlite:///"
        if self.database.startswith(prefix) and not self.database.startswith(prefix + "/"):
            return prefix + str(self.home.absolute() / self.database[len(prefix):])
        return self.database

    @property
    def store_path(self) -> Path:
        """Where the file store is."""
        return self.home / self.store

    def as_toml(self) -> str:
        """The settings that differ from the default, as the file holds them."""
        lines = ["# Settings of this awe instance; see `awe init --help`."]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name != "home" and value != field.default:
                lines.append(f"{field.name} = {toml_value(value)}")
        return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A string, number or truth value as TOML writes it; characters that control something are written by their numbers."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + '"'


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """The instance that AWE_HOME names, else ``awe-instance`` in the current directory."""
    return Path(environ.get("AWE_HOME") or "awe-instance").expanduser()


def load(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings of an instance.

    Raises
    ------
    InstanceError
        there is no instance at `home`
    ConfigError
        a setting is unknown or of the wrong type
    """
    home = (home or default_home(environ)).absolute()
    path = home / FILE_NAME
    if not path.is_file():
        raise InstanceError(f"there is no instance at {home}; `awe init` makes one, and AWE_HOME says where it is")
    try:
        stored = tomllib.loads(path.read_text(encoding="utf8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    given = {name[4:].lower(): value for name, value in environ.items()
             if name.startswith("AWE_") and name[4:].lower() in field_types()}
    config = Config(home=home, **{**checked(stored, str(path)), **checked(given, "the environment")})
    return config if config.user else dataclasses.replace(config, user=getpass.getuser())


def field_types() -> dict[str, type]:
    """The type of each setting, that of its default."""
    return {field.name: type(field.default) for field in dataclasses.fields(Config) if field.name != "home"}


def checked(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return `values` in the declared types."""
    types, found = field_types(), {}
    for name, value in values.items():
        if name not in types:
            raise ConfigError(f"{where} sets {name!r}, which is no setting{did_you_mean(name, types)}")
        found[name] = converted(name, value, types[name], where)
    return found


def converted(name: str, value: Any, wanted: type, where: str) -> Any:
    """One value in its type; the environment gives text."""
    if wanted is bool and isinstance(value, str) and value.lower() in ("1", "true", "yes", "0", "false", "no"):
        return value.lower() in ("1", "true", "yes")
    if isinstance(value, bool) != (wanted is bool):
        raise ConfigError(f"{where} sets {name} = {value!r}, but a {wanted.__name__} is wanted")
    try:
        return wanted(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where} sets {name} = {value!r}, but a {wanted.__name__} is wanted") from None
