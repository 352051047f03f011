from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from awe.errors import StoreError
from awe.fileserver import Store
from awe.fileserver.gc import collect
from awe.fileserver.lock import exclusive

SPAWN = multiprocessing.get_context("spawn")


def age(store: Store, *hashes: str, days: float = 2.0) -> None:
    for sha in hashes:
        os.utime(store.path(sha), (time.time() - days * 86400,) * 2)


def kept(store: Store, data: bytes) -> str:
    sha = store.put(data)
    store.unpin([sha])
    age(store, sha)
    return sha


def test_only_old_unpinned_and_unreferred_files_go(store: Store) -> None:
    garbage, referred = kept(store, b"garbage"), kept(store, b"referred")
    young = store.put(b"young")
    store.unpin([young])
    pinned = store.put(b"pinned")
    age(store, pinned)
    report = collect(store, {referred})
    assert (report.looked_at, report.trashed, report.deleted, report.restored) == (4, 1, 0, 0)
    assert set(store.hashes()) == {referred, young, pinned}
    assert [path.stem for path in store.trash.iterdir()] == [garbage]
    assert "1 moved to the trash" in str(report)


def test_what_is_asked_for_is_never_the_pinned_or_young(store: Store) -> None:
    asked: list[str] = []

    def referred(hashes: Collection[str]) -> set[str]:
        asked.extend(hashes)
        return set()

    store.put(b"pinned")
    old = kept(store, b"old")
    collect(store, referred)
    assert asked == [old, old], "once before it is moved and once after"


def test_the_trash_is_emptied_later(store: Store) -> None:
    kept(store, b"garbage")
    collect(store, set())
    report = collect(store, set())
    assert report.deleted == 0 and len(list(store.trash.iterdir())) == 1
    report = collect(store, set(), trash_age=0)
    assert report.deleted == 1 and report.freed_bytes == 7 and not list(store.trash.iterdir())


def test_what_was_referred_to_meanwhile_comes_back(store: Store) -> None:
    """A row is committed between the collector's first and second look."""
    sha, answers = kept(store, b"abc"), iter([set(), None])

    def referred(hashes: Collection[str]) -> set[str]:
        answer = next(answers)
        if answer is None:
            assert not store.has(sha), "the second look comes after the move"
            return {sha}
        return answer

    report = collect(store, referred)
    assert (report.trashed, report.restored) == (0, 1)
    assert store.get(sha) == b"abc" and not list(store.trash.iterdir())


def test_what_was_put_meanwhile_stays(store: Store) -> None:
    """A content is put, on a hit, between the collector's look and its move: the pin is seen under the lock."""
    sha = kept(store, b"abc")

    def referred(hashes: Collection[str]) -> set[str]:
        store.put(b"abc")
        age(store, sha)
        return set()

    report = collect(store, referred)
    assert (report.trashed, report.restored) == (0, 0)
    assert store.has(sha)


def test_a_hit_makes_a_file_young_again(store: Store) -> None:
    sha = kept(store, b"abc")
    store.unpin([store.put(b"abc")])
    assert collect(store, set()).trashed == 0 and store.has(sha)


def test_a_collector_that_died_after_the_move_is_made_good(store: Store) -> None:
    sha = kept(store, b"abc")
    store.path(sha).rename(store.trash / f"{sha}.{int(time.time()) - 10 * 86400}")
    report = collect(store, {sha})
    assert report.restored == 1 and report.deleted == 0 and store.get(sha) == b"abc"


def test_what_was_put_again_beside_its_trash(store: Store) -> None:
    sha = kept(store, b"abc")
    collect(store, set())
    assert not store.has(sha)
    assert store.put(b"abc") == sha
    report = collect(store, {sha}, trash_age=0)
    assert report.deleted == 0 and store.get(sha) == b"abc" and not list(store.trash.iterdir())


def test_dry_run_changes_nothing(store: Store) -> None:
    sha = kept(store, b"abc")
    assert collect(store, set(), dry_run=True).trashed == 1
    assert store.has(sha)


def test_one_collector_at_a_time(store: Store) -> None:
    with exclusive(store.gc_lock), pytest.raises(StoreError, match="another process"):
        collect(store, set())


def test_pins_of_dead_processes_do_not_hold(store: Store) -> None:
    process = SPAWN.Process(target=_put_and_die, args=(store.root,))
    process.start()
    process.join()
    (sha,) = store.hashes()
    age(store, sha)
    assert collect(store, set()).trashed == 0, "its pin is younger than a day"
    report = collect(store, set(), min_age=0)
    assert report.trashed == 1 and report.dead_pins == 1


def _put_and_die(root: Path) -> None:
    Store(root).put(b"abc")
    os._exit(1)


# ---- eight putters of the same contents against a collector that finds everything old at once

CONTENTS = [bytes([n]) * 3000 for n in range(12)]


def _put_and_look(root: Path, rounds: int, failures: multiprocessing.Queue[str]) -> None:
    store = Store(root)
    for number in range(rounds):
        data = CONTENTS[number % len(CONTENTS)]
        sha = store.put(data)
        for _ in range(3):
            try:
                if store.get(sha) != data:
                    failures.put(f"{sha} is damaged")
            except Exception as error:  # noqa: BLE001  (whatever it is, the parent shows it)
                failures.put(repr(error))
        store.unpin([sha])


def test_collector_against_eight_putters(store: Store) -> None:
    failures: multiprocessing.Queue[str] = SPAWN.Queue()
    putters = [SPAWN.Process(target=_put_and_look, args=(store.root, 120, failures)) for _ in range(8)]
    for putter in putters:
        putter.start()
    trashed = 0
    while any(putter.is_alive() for putter in putters):
        trashed += collect(store, set(), min_age=0, trash_age=0).trashed
    for putter in putters:
        putter.join()
        assert putter.exitcode == 0
    assert failures.empty(), failures.get()
    assert trashed > 0, "the collector never had anything to do: the test shows nothing"
    assert not list(store.incoming.iterdir())
