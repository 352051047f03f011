"""`awe init`: a directory with settings, a database with all tables, and a file store."""
from __future__ import annotations

import contextlib
import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

import awe.targets  # noqa: F401 - their tables are to be there
from awe.config import FILE_NAME, Config, default_home, load
from awe.dataflow.registry import load_targets
from awe.errors import ConfigError, InstanceError
from awe.fileserver import Store
from awe.persist import schema, session
from awe.persist.identity import LEVELS

SETTINGS = ("database", "store", "user", "project", "privileges", "workers", "fileserver", "durable")


def init(options: Namespace) -> int:
    """Make an instance; where something fails, nothing of it stays."""
    home = Path(options.directory).expanduser() if options.directory else default_home()
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    make_instance(Config(home=home.absolute(), **given))
    config = load(home)
    print(f"made an instance in {config.home}")
    print(f"  database  {sa.make_url(config.url).render_as_string()}")
    print(f"  files     {config.store_path}")
    print(f"  you are   {config.user}, for project {config.project}")
    if home != default_home():
        print(f"export AWE_HOME={config.home}    lets every command find it")
    return 0


def make_instance(config: Config) -> None:
    """Make the directory, the database and the store; the file of settings comes last, so what is half done is no instance.

    Raises
    ------
    InstanceError
        there is one already, the database is not there, or something else is in the way
    """
    if (config.home / FILE_NAME).exists():
        raise InstanceError(f"there is an instance in {config.home} already; choose another directory, or use that one")
    if config.privileges not in (0, *LEVELS):
        raise ConfigError(f"privileges are {', '.join(f'{n} {name}' for n, name in LEVELS.items())}, not {config.privileges}")
    load_targets()
    with undone(config):
        config.home.mkdir(parents=True, exist_ok=True)
        make_tables(config)
        Store.create(config.store_path)
        (config.home / FILE_NAME).write_text(config.as_toml(), encoding="utf8")
        load(config.home)


def make_tables(config: Config) -> None:
    """Bring the database to the schema of the code, and see that it can be used."""
    try:
        schema.upgrade(config.url)
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"{config.database!r} is no address of a database; "
                          "write sqlite:///awe.db or postgresql://user@host/name") from error
    except sa.exc.OperationalError as error:
        raise InstanceError(f"cannot open {sa.make_url(config.url).render_as_string()}: {error.orig}; "
                            "see that the database is there and runs") from error
    session.connect(config.url, user=config.user, project=config.project, privileges=config.privileges).close()


@contextlib.contextmanager
def undone(config: Config) -> Iterator[None]:
    """Take away what the block has made, if it fails."""
    sqlite = config.url.removeprefix("sqlite:///") if config.url.startswith("sqlite") else None
    database = [Path(f"{sqlite}{end}") for end in ("", "-wal", "-shm")] if sqlite else []
    made = [path for path in (config.store_path, config.home / FILE_NAME, *database) if not path.exists()]
    new_home = not config.home.exists()
    try:
        yield
    except BaseException:
        for path in [*made, *([config.home] if new_home else [])]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        raise
