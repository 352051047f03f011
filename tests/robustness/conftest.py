from __future__ import annotations

from pathlib import Path

import pytest

from awe.dataflow.instance import Instance
from awe.targets.instrument import sites
from tests.conftest import new_database, postgresql_server
from tests.robustness.homes import SQLITE, Home
from tests.robustness.observatory import fill
from tests.targets import walk

KINDS = ("sqlite", "postgresql")


def address(kind: str) -> str:
    """The address of an empty database."""
    return SQLITE if kind == "sqlite" else new_database(postgresql_server())


def opened(home: Home) -> Instance:
    """Open an instance with the habits of its cameras."""
    instance = home.open()
    instance.site = sites()
    return instance


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A small simulated run, drawn once."""
    return walk.simulate(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def ingested(run, tmp_path_factory) -> dict[str, Home]:
    """For each kind of database, an instance that the run was ingested into; copy it before changing it."""
    found = {}
    for kind in KINDS:
        found[kind] = Home(tmp_path_factory.mktemp(f"ingested-{kind}") / "home", address(kind))
        instance = found[kind].create()
        instance.site = sites()
        walk.fill(run)
        instance.close()
    return found


@pytest.fixture(scope="session")
def undisturbed(ingested, tmp_path_factory) -> dict[str, list[str]]:
    """Value and file hashes of all targets under a source list, made by one process that nobody disturbed, on SQLite."""
    instance = opened(ingested["sqlite"].copy(tmp_path_factory.mktemp("undisturbed") / "home"))
    walk.SourceList.get(object=walk.FIELD)
    prints = walk.fingerprints(instance)
    instance.close()
    return prints


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> dict[str, Home]:
    """For each kind of database, an instance with raw frames that are numbers; copy it before changing it."""
    homes = {kind: Home(tmp_path_factory.mktemp(f"toys-{kind}") / "home", address(kind)) for kind in KINDS}
    for home in homes.values():
        home.create().close()
        fill(home)
    return homes


@pytest.fixture(params=KINDS)
def toy(request, toys, tmp_path) -> Home:
    """An instance with raw frames that are numbers, on either database, to be spoilt."""
    return toys[request.param].copy(tmp_path / "home")


@pytest.fixture
def sqlite_toy(toys, tmp_path) -> Home:
    """The same on SQLite alone, where the database makes no difference."""
    return toys["sqlite"].copy(tmp_path / "home")


@pytest.fixture
def mood(tmp_path, monkeypatch) -> Path:
    """A file that says what the next make() of a `Moody` is to suffer from."""
    path = tmp_path / "mood.json"
    monkeypatch.setenv("AWE_TEST_MOOD", str(path))
    return path
