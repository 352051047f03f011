"""Instances for tests that kill and crowd: made once, then copied, with their database, for whoever wants to spoil one."""
from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.cli import main
from awe.config import FILE_NAME, Config
from awe.dataflow.instance import Instance, open_instance
from awe.fileserver import Store
from awe.persist import session
from tests.forking import Forked

SQLITE = "sqlite:///awe.db"


@dataclass(frozen=True)
class Home:
    """The directory of an instance, and the address of its database."""

    path: Path
    url: str = SQLITE

    @property
    def config(self) -> Config:
        return Config(home=self.path, database=self.url, user="ann")

    def create(self) -> Instance:
        """Make it, with the tables of all classes that are known by now."""
        self.path.mkdir(parents=True, exist_ok=True)
        session.connect(self.config.url, user="ann", create=True).close()
        Store.create(self.config.store_path)
        self.settle()
        return self.open()

    def settle(self) -> None:
        """Write the file of settings that commands look for."""
        (self.path / FILE_NAME).write_text(self.config.as_toml(), encoding="utf8")

    def open(self) -> Instance:
        return open_instance(self.config)

    def copy(self, path: Path) -> Home:
        """The same instance once more; nobody may be using this one."""
        shutil.copytree(self.path, path)
        copy = Home(path, self.url if self.url == SQLITE else copy_of(self.url))
        copy.settle()
        return copy


def copy_of(url: str) -> str:
    """The address of a copy of a database of PostgreSQL."""
    name = f"awe_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(sa.make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {sa.make_url(url).database}")
    engine.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def fsck(home: Home) -> dict[str, Any]:
    """What `awe fsck` says of an instance, contents included; it fails where that is not whole."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["fsck", "--contents", "--json", "--home", str(home.path)])
    assert code == 0, out.getvalue() + err.getvalue()
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def started(*words: str, **environ: str) -> subprocess.Popen[str]:
    """A process of Python, with what it prints to be read."""
    return Forked(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ})
