from __future__ import annotations

import shutil

import pytest

from tests.targets import walk


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A small simulated run, drawn once."""
    return walk.simulate(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def ingested(run, tmp_path_factory):
    """The home of an instance that the run was ingested into; copy it before changing it."""
    home = tmp_path_factory.mktemp("ingested") / "home"
    instance = walk.create(home)
    walk.fill(run)
    instance.close()
    return home


@pytest.fixture(scope="session")
def made(ingested, tmp_path_factory):
    """The home of an instance in which the source list of the field has been made."""
    home = tmp_path_factory.mktemp("made") / "home"
    shutil.copytree(ingested, home)
    instance = walk.reopen(home)
    walk.SourceList.get(object=walk.FIELD)
    for cls in walk.CHECKS:
        cls.get(chip="ccd53")
    instance.close()
    return home


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
    shutil.copytree(made, home)
    opened = walk.reopen(home)
    yield opened
    opened.close()
