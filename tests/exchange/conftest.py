from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, awe, call, ingested, run
from tests.conftest import new_database, postgresql_server
from tests.once import once

__all__ = ["awe", "ingested", "run"]

Home = Callable[..., Path]


@pytest.fixture(scope="session")
def made(ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance in which master biases were made, remade otherwise, and judged."""
    def make(folder: Path) -> None:
        home = folder / "home"
        shutil.copytree(ingested, home)
        say(home, "get", "MasterBias", "--all")
        say(home, "get", "MasterBias", "--all", "--pars", "MasterBias.sigma_clip=5")
        rows = say(home, "query", "MasterBias.sigma_clip > 4", "--columns", "object_id", "--json").json
        say(home, "invalidate", rows[0]["object_id"], "--why", "stripes", "--alone")
        say(home, "validate", rows[0]["object_id"], "--why", "the stripes are in the dome", "--alone")
        say(home, "invalidate", rows[1]["object_id"], "--why", "fringes", "--alone")
    return once(tmp_path_factory, "made", make) / "home"


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed at will."""
    return Path(shutil.copytree(made, tmp_path / "source"))


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An instance without data, on either database, that somebody else keeps."""
    home = tmp_path / "elsewhere"
    address = [] if request.param == "sqlite" else ["--database", new_database(postgresql_server())]
    assert call("init", home, "--user", "bob", "--project", "other", *address).code == 0
    return home


def say(home: Path, *words: object) -> Answer:
    """Run a command that has to succeed."""
    answer = call(*words, "--home", home)
    assert answer.code == 0, answer.err
    return answer
