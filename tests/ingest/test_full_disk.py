"""A disk that gets full while data come in: one line, nothing half-written, and the rest comes in when there is room."""
from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.ingest.camera import frame, write

FILES = 40


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def resize(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


@pytest.fixture
def raws(night):
    """More than fits: 40 files of 20 KB."""
    for number in range(FILES):
        write(night / f"{number:02d}.fits", frame("BIAS", number))
    return night


def count(awe):
    return len(awe("query", "RawBiasFrame", "--columns", "exposure", "--json", "--limit", 0).json)


def assert_all_comes_in(awe, raws):
    assert awe("fsck", "--contents", "--json").json["half_written"] == 0
    answer = awe("ingest", raws, "--commit", "--json")
    assert answer.code == 0 and sum(answer.json["counts"].values()) == FILES and count(awe) == 2 * FILES
    found = awe("fsck", "--contents", "--json")
    assert found.code == 0 and (found.json["files"], found.json["missing"], found.json["dead_pins"]) == (FILES, [], 0), found.out


def test_a_full_store(awe, home, raws, small_disk):
    shutil.move(home / "store", small_disk / "store")
    (home / "store").symlink_to(small_disk / "store")
    answer = awe("ingest", raws, "--commit")
    assert answer.code == 2 and "there is no room" in answer.complaint and "make room" in answer.complaint
    assert count(awe) == 0, "one batch is one transaction"
    resize(small_disk, "50m")
    assert_all_comes_in(awe, raws)


def test_a_full_database(awe, home, raws, small_disk, monkeypatch):
    """The files lie elsewhere; the database has no room for their rows."""
    resize(small_disk, "50m")
    (small_disk / "home").mkdir()
    for name in ("awe.db", "awe.toml"):
        if (home / name).exists():
            shutil.copy(home / name, small_disk / "home" / name)
    resize(small_disk, f"{(home / 'awe.db').stat().st_size // 1024 + 150}k")
    (small_disk / "home" / "store").symlink_to(home / "store")
    monkeypatch.setenv("AWE_HOME", str(small_disk / "home"))
    answer = awe("ingest", raws, "--commit")
    assert answer.code == 2 and "full" in answer.complaint, answer
    resize(small_disk, "50m")
    assert count(awe) == 0
    assert_all_comes_in(awe, raws)
