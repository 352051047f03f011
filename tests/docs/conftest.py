from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forking import run_forked, stand_in
from tests.once import once

#: A script that starts Python anew.
STARTED = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language, in order."""
    return [text for word, text in BLOCK.findall(page.read_text(encoding="utf8")) if word == language]


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the quickstart was run, as its script does; copy it to change it."""
    def make(folder: Path) -> None:
        done = run_forked("-m", "awe.quickstart", "--small", "--seed", "20240310", "--json", "figures.json", cwd=folder)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        (folder / "said.txt").write_text(done.stdout)
    return once(tmp_path_factory, "walked", make)


@pytest.fixture
def place(walked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as a new user has it after the quickstart: its instance, and `awe` and `python` on the path."""
    folder = tmp_path / "place"
    shutil.copytree(walked, folder)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, script in (("awe", stand_in("-m awe")), ("python", STARTED)):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AWE_HOME", str(folder / "awe-quickstart" / "instance"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(folder)
    yield folder


def shell(text: str, folder: Path) -> str:
    """Run the lines of a block as a user would, and stop at the first that fails."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=280)
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout
