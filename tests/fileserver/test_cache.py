from __future__ import annotations

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest

from awe.errors import ConfigError, IntegrityError, MissingFileError
from awe.fileserver import Cache

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10_000, keep_seconds=0)


def used_at(cache: Cache, sha: str, when: float) -> None:
    os.utime(cache.objects / sha[:2] / sha[2:], (when, when))


def test_what_comes_in_can_be_got(cache: Cache) -> None:
    sha = cache.put(b"abc")
    path = cache.get(sha)
    assert path is not None and path.read_bytes() == b"abc" and cache.path(sha) == path
    assert cache.has(sha) and cache.size == 3
    with cache.open(sha) as file:
        assert file.read() == b"abc"
    assert cache.get("../../etc/passwd") is None
    assert cache.get("0" * 64) is None and not cache.has("nonsense")
    with pytest.raises(MissingFileError):
        cache.path("nonsense")


def test_what_was_not_used_for_longest_goes_first(cache: Cache) -> None:
    hashes = [cache.put(bytes([n]) * 3000) for n in range(3)]
    for when, sha in enumerate(hashes):
        used_at(cache, sha, 1000.0 + when)
    cache.get(hashes[0])
    newest = cache.put(b"x" * 3000)
    assert [cache.has(sha) for sha in hashes] == [True, False, True]
    assert cache.has(newest) and cache.size <= cache.max_bytes


def test_the_bound_holds(cache: Cache) -> None:
    for number in range(100):
        cache.put(number.to_bytes(2, "big") * 500)
        assert cache.size <= cache.max_bytes


def test_a_file_larger_than_the_bound_is_there_for_its_caller(cache: Cache) -> None:
    sha = cache.put(b"x" * 50_000)
    assert cache.has(sha)
    cache.put(b"small")
    assert not cache.has(sha)


def test_what_was_just_used_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    hashes = [cache.put(bytes([n]) * 900) for n in range(3)]
    assert all(cache.has(sha) for sha in hashes)
    used_at(cache, hashes[0], 1000.0)
    cache.put(b"x" * 900)
    assert [cache.has(sha) for sha in hashes] == [False, True, True]


def test_damage_is_a_miss(cache: Cache) -> None:
    sha = cache.put(b"abc")
    path = cache.path(sha)
    path.chmod(0o644)
    path.write_bytes(b"abd")
    assert cache.get(sha, verify=False) == path
    assert cache.get(sha) is None and not path.exists()


def test_wrong_bytes_are_refused(cache: Cache) -> None:
    with cache.receive() as incoming, pytest.raises(IntegrityError):
        incoming.write(memoryview(b"abc"))
        cache.keep(incoming, expected="0" * 64)
    assert not list(cache.incoming.iterdir()) and cache.size == 0


def test_taken_in_twice_counts_once_when_it_matters(cache: Cache) -> None:
    keep = cache.put(b"keep" * 1000)
    for _ in range(5):
        cache.put(b"same" * 1000)
    assert cache.has(keep) and cache.size == 8000


def test_clear_and_a_lost_count(cache: Cache) -> None:
    cache.put(b"x" * 5000)
    (cache.root / "total").write_text("what?")
    cache.put(b"y" * 4000)
    assert (cache.root / "total").read_text() == "9000"
    cache.clear()
    assert cache.size == 0


def test_a_bound_must_be_a_size(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Cache(tmp_path, -1)


def test_leftovers_of_dead_processes_go_at_the_next_eviction(cache: Cache) -> None:
    process = SPAWN.Process(target=_die_half_written, args=(cache.root,))
    process.start()
    process.join()
    assert len(list(cache.incoming.iterdir())) == 1
    cache.put(b"x" * 9000)
    cache.put(b"y" * 9000)
    assert not list(cache.incoming.iterdir())


def _die_half_written(root: Path) -> None:
    with Cache(root, 10_000).receive() as incoming:
        incoming.write(memoryview(b"half"))
        os._exit(1)


def _fill(root: Path, seed: int) -> None:
    cache = Cache(root, 50_000, keep_seconds=0)
    for number in range(60):
        data = f"{seed % 2}/{number}".encode() * 500
        sha = cache.put(data)
        with cache.receive() as incoming:
            incoming.write(memoryview(data))
            cache.keep(incoming, expected=sha)
        assert sha == hashlib.sha256(data).hexdigest()


def test_several_processes(tmp_path: Path) -> None:
    processes = [SPAWN.Process(target=_fill, args=(tmp_path, seed)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    cache = Cache(tmp_path, 50_000)
    assert 0 < cache.size <= cache.max_bytes
    for path in cache.objects.glob("*/*"):
        assert cache.get(path.parent.name + path.name) == path
