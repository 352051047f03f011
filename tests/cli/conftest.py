from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from awe.cli import main
from awe.simulate import Run, RunConfig, simulate_run
from tests.once import once


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Awe = Callable[..., Answer]


def call(*words: object) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return Answer(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Raw frames of one night, enough for flats and two reduced frames of each chip."""
    config = RunConfig.small(exposures=2, biases=3, darks=3, domes=3, twilights=3)
    return simulate_run(tmp_path_factory.mktemp("simulated") / "run", seed=11, config=config)


@pytest.fixture(scope="session")
def ingested(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance that has the run; copy it to change it."""
    def make(folder: Path) -> None:
        home = folder / "home"
        for words in (["init", home, "--user", "ann", "--project", "survey"], ["instrument", "add", run.instrument, "--home", home],
                      ["ingest", run.directory / "raw", "--commit", "--home", home]):
            answer = call(*words)
            assert answer.code == 0, answer.err
    return once(tmp_path_factory, "ingested", make) / "home"


@pytest.fixture
def empty(run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance that knows the camera, and has no data yet."""
    home = tmp_path_factory.mktemp("empty") / "home"
    for words in (["init", home, "--user", "ann"], ["instrument", "add", run.instrument, "--home", home]):
        answer = call(*words)
        assert answer.code == 0, answer.err
    monkeypatch.setenv("AWE_HOME", str(home))
    return home


@pytest.fixture
def home(ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance with the run in it, to be changed at will; AWE_HOME points at it."""
    copy = tmp_path / "home"
    shutil.copytree(ingested, copy)
    monkeypatch.setenv("AWE_HOME", str(copy))
    return copy


@pytest.fixture
def awe() -> Awe:
    """Run a command of awe in this process."""
    return call
