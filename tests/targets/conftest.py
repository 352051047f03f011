from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.once import once
from tests.targets import walk


@pytest.fixture(scope="session")
def ingested(tmp_path_factory) -> Path:
    """The home of an instance that a small simulated run was ingested into; copy it before changing it."""
    def make(folder: Path) -> None:
        instance = walk.create(folder / "home")
        walk.fill(walk.simulate(folder / "run"))
        instance.close()
    return once(tmp_path_factory, "targets-ingested", make) / "home"


@pytest.fixture(scope="session")
def made(ingested, tmp_path_factory) -> Path:
    """The home of an instance in which the source list of the field has been made."""
    def make(folder: Path) -> None:
        shutil.copytree(ingested, folder / "home")
        instance = walk.reopen(folder / "home")
        walk.make_everything()
        instance.close()
    return once(tmp_path_factory, "targets-made", make) / "home"


@pytest.fixture
def instance(made):
    """The instance in which everything has been made, for looking."""
    opened = walk.reopen(made)
    yield opened
    opened.close()


@pytest.fixture
def fresh(made, tmp_path):
    """A copy of the instance in which everything has been made, for changing."""
    home = tmp_path / "home"
    # Another process may look at it meanwhile: what SQLite keeps beside the file for that comes and goes, and is of no use to the copy.
    shutil.copytree(made, home, ignore=shutil.ignore_patterns("*.db-wal", "*.db-shm"))
    opened = walk.reopen(home)
    yield opened
    opened.close()
