from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Awe, call
from tests.ingest import camera


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance that knows the small camera."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "mini.toml").write_text(camera.TOML)
    for words in (["init", folder / "home", "--user", "ann"], ["instrument", "add", folder / "mini.toml", "--home", folder / "home"]):
        answer = call(*words)
        assert answer.code == 0, answer.err
    return folder / "home"


@pytest.fixture
def home(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which AWE_HOME names."""
    home = tmp_path / "home"
    shutil.copytree(template, home)
    monkeypatch.setenv("AWE_HOME", str(home))
    return home


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """An empty folder for files."""
    folder = tmp_path / "night"
    folder.mkdir()
    return folder


@pytest.fixture
def awe() -> Awe:
    """Run a command of awe in this process."""
    return call
