"""No result changes unnoticed: the code of a class may not move while its version stays."""
from __future__ import annotations

from pathlib import Path

import pytest

from awe.cli import locking
from awe.targets import MasterBias


@pytest.fixture
def lock(awe, tmp_path: Path) -> Path:
    path = tmp_path / "targets.lock"
    assert awe("lock", "write", "--file", path).code == 0
    return path


def moved(monkeypatch: pytest.MonkeyPatch) -> None:
    real = locking.source_digest
    monkeypatch.setattr(locking, "source_digest", lambda cls: "0" * 32 if cls is MasterBias else real(cls))


def test_every_target_is_locked(awe, lock: Path) -> None:
    assert awe("lock", "check", "--file", lock).code == 0
    assert f"awe:MasterBias {MasterBias.version} " in lock.read_text()


def test_code_that_moves_alone_is_found(awe, lock: Path, monkeypatch) -> None:
    moved(monkeypatch)
    answer = awe("lock", "check", "--file", lock, "--json")
    assert answer.code == 1
    assert answer.json["problems"] == [locking.in_words("awe:MasterBias")]
    before = lock.read_text()
    assert awe("lock", "write", "--file", lock).code == 1 and lock.read_text() == before


def test_same_results_are_said_by_name(awe, lock: Path, monkeypatch) -> None:
    moved(monkeypatch)
    assert awe("lock", "write", "--file", lock, "--same-results", "MasterBais").code == 2
    assert awe("lock", "write", "--file", lock, "--same-results", "MasterBias").code == 0
    assert awe("lock", "check", "--file", lock).code == 0


def test_a_version_that_is_raised_is_noted(awe, lock: Path, monkeypatch) -> None:
    moved(monkeypatch)
    monkeypatch.setattr(MasterBias, "version", MasterBias.version + 1)
    assert awe("lock", "check", "--file", lock).code == 1
    assert awe("lock", "write", "--file", lock).code == 0
    assert awe("lock", "check", "--file", lock).code == 0


def test_a_new_class_and_one_that_is_gone(awe, lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if "MasterBias" not in line]
    lock.write_text("\n".join([*lines, "awe:Gone 1 00"]) + "\n")
    said = awe("lock", "check", "--file", lock).out
    assert "awe:MasterBias is not locked" in said and "awe:Gone is locked, and is not there" in said


def test_another_python_compares_nothing(awe, lock: Path) -> None:
    text = lock.read_text().replace(f"Python {locking.this_python()}", "Python 9.9")
    lock.write_text(text.replace("awe:MasterBias 1", "awe:MasterBias 7"))
    answer = awe("lock", "check", "--file", lock)
    assert answer.code == 0 and "nothing was compared" in answer.out


def test_a_file_that_is_not_there_or_not_a_lock(awe, lock: Path, tmp_path: Path) -> None:
    assert "awe lock write" in awe("lock", "check", "--file", tmp_path / "none").complaint
    lock.write_text(lock.read_text() + "what is this\n")
    assert "what is this" in awe("lock", "check", "--file", lock).complaint
