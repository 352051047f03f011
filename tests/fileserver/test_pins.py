from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from awe.errors import StoreError
from awe.fileserver import Store
from awe.fileserver.owner import Owner
from awe.fileserver.pins import FOREIGN_AGE, Pin

SPAWN = multiprocessing.get_context("spawn")


def put(root: Path, owner: str | None) -> None:
    Store(root, owner=owner).put(b"from a worker")


def in_process(*arguments: object) -> None:
    process = SPAWN.Process(target=put, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_an_owner_is_a_process_with_its_start() -> None:
    mine = Owner.here()
    assert mine.is_alive and not mine.is_gone and mine.is_near
    assert Owner.parse(str(mine)) == mine
    later = Owner(mine.place, mine.pid, mine.started + 1)
    assert later.is_gone, "the same number, but another process"
    foreign = Owner("0" * 8, mine.pid, mine.started)
    assert not foreign.is_alive and not foreign.is_gone and not foreign.is_near
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        owner = Owner(mine.place, child.pid, int(fields[19]))
        assert owner.is_alive
        child.communicate(b"\n")
    assert owner.is_gone
    for text in ("", "x", "12345678-1", "1234567g-1-2", f"{mine}x"):
        assert Owner.parse(text) is None


def test_a_zombie_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])
    owner = Owner(Owner.here().place, child.pid, started)
    assert child.stdin is not None
    child.stdin.close()
    deadline = time.monotonic() + 20
    while owner.is_alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert owner.is_gone
    child.wait()


def test_pins_are_counted(store: Store) -> None:
    sha = store.put(b"abc")
    store.put(b"abc")
    store.unpin([sha])
    (pin,) = store.pins
    assert (pin.sha, pin.count, pin.owner) == (sha, 1, Owner.here())
    assert abs(pin.set_at - time.time()) < 60
    store.unpin([sha])
    assert not list(store.pins)


def test_a_worker_pins_for_its_parent(store: Store) -> None:
    in_process(store.root, store.owner)
    (pin,) = store.pins
    assert pin.owner == Owner.here() and pin.holds(0.0, time.time())
    store.unpin([pin.sha])
    assert not list(store.pins)
    with pytest.raises(StoreError, match="owner"):
        Store(store.root, owner="nobody")


def test_pins_of_a_process_that_ended_hold_for_the_age(store: Store) -> None:
    in_process(store.root, None)
    (pin,) = store.pins
    now = time.time()
    assert pin.owner.is_gone
    assert pin.holds(60.0, now) and not pin.holds(60.0, now + 100)
    assert store.pins.forget_dead(60.0) == 0
    assert store.pins.forget_dead(0.0) == 1
    assert not list(store.pins.folder.iterdir())


def test_pins_from_elsewhere_hold_for_a_week() -> None:
    pin = Pin("0" * 64, Owner("0" * 8, 1, 1), 1, 1000.0)
    assert pin.holds(1.0, 1000.0 + FOREIGN_AGE - 1)
    assert not pin.holds(1.0, 1000.0 + FOREIGN_AGE + 1)


def test_the_journal_of_a_long_life_stays_small(store: Store) -> None:
    kept = store.put(b"kept")
    sha = store.put(b"abc")
    for _ in range(12_000):
        store.pins.add(sha)
    store.unpin([sha] * 12_001)
    (journal,) = store.pins.folder.iterdir()
    assert journal.stat().st_size < 1000
    (pin,) = store.pins
    assert (pin.sha, pin.count) == (kept, 1)


def test_a_line_cut_off_and_a_stranger_are_passed_over(store: Store) -> None:
    sha = store.put(b"abc")
    journal = store.pins.folder / store.owner
    with journal.open("ab") as file:
        file.write(b"+0123")
    store.pins.add(sha)
    (store.pins.folder / "README").write_text("not a journal")
    (pin,) = store.pins
    assert (pin.sha, pin.count) == (sha, 2)


def test_a_fork_has_pins_of_its_own(store: Store) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if Owner.here().pid == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
