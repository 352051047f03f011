"""The target class of CONTRIBUTING.md is added to a copy of the project, step by step, as it says."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT, STARTED, blocks, shell

PAGE = ROOT / "CONTRIBUTING.md"
PARTS = ("awe", "migrations", "tests/__init__.py", "tests/science/__init__.py", "setup.cfg", "pyproject.toml")


@pytest.fixture
def project(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the project is made of, with the kernels that were compiled of it."""
    copy = place / "project"
    for part in PARTS:
        source, target = ROOT / part, copy / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy(source, target)
    monkeypatch.setenv("PYTHONPATH", str(copy))
    (place / ".venv" / "bin" / "awe").write_text(STARTED.replace(' "$@"', ' -m awe "$@"'))
    return copy


def test_ten_minutes(project: Path) -> None:
    for text in blocks(PAGE, "python"):
        name = re.match(r"# (\S+\.py)( \(added\))?\n", text)
        assert name, f"the first line of a block says where it goes: {text[:60]}"
        path = project / name[1]
        if name[2]:
            path.write_text(path.read_text() + "\n" + text + '\n__all__.append("NightSky")\n')
        else:
            path.write_text(text.split("\n", 1)[1])
    (commands,) = blocks(PAGE, "sh")
    said = shell(commands, project)
    assert "NightSky simcam ccd50" in said and "5 made" in said and "1 passed" in said
    assert shell("awe db check", project) == "the database is as the code wants it\n"


def test_the_five_words_are_those_of_the_makefile() -> None:
    (table,) = [text for text in blocks(PAGE, "text") if text.startswith("make ")]
    words = re.findall(r"^make (\w+)", table, re.MULTILINE)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(words) == 5 and set(words) == set(targets)
    for word in words:
        subprocess.run(["make", "-n", word], cwd=ROOT, check=True, capture_output=True)
