from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awe.errors import InstanceError, IntegrityError, MissingFileError, StoreError, StoreFullError
from awe.fileserver import Store

ABC = hashlib.sha256(b"abc").hexdigest()


def damage(store: Store, sha: str, data: bytes) -> None:
    path = store.path(sha)
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(data=st.binary(max_size=5000))
def test_what_is_put_is_got(store: Store, data: bytes) -> None:
    sha = store.put(data)
    assert sha == hashlib.sha256(data).hexdigest()
    assert store.get(sha) == data
    assert store.size(sha) == len(data)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_files_streams_and_bytes_are_the_same(store: Store, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    with path.open("rb") as stream:
        hashes = {store.put(path), store.put(str(path)), store.put(stream), store.put(io.BytesIO(data)),
                  store.put(data), store.put(bytearray(data)), store.put(memoryview(data))}
    assert hashes == {hashlib.sha256(data).hexdigest()}
    assert list(store.hashes()) == list(hashes)
    assert store.get(hashes.pop()) == data


def test_a_stream_that_only_reads_in_small_pieces(store: Store) -> None:
    class Dribble:
        left = [b"a", b"b", b"c"]

        def read(self, _: int) -> bytes:
            return self.left.pop(0) if self.left else b""

    assert store.put(Dribble()) == ABC  # type: ignore[arg-type]


def test_kept_files_are_read_only_and_no_links(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.write_bytes(b"abc")
    path = store.path(store.put(source))
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert path.stat().st_ino != source.stat().st_ino and path.stat().st_nlink == 1
    source.write_bytes(b"changed")
    assert store.get(ABC) == b"abc"
    assert path == store.root / "objects" / ABC[:2] / ABC[2:]


def test_put_many_keeps_the_order_and_takes_a_generator(store: Store) -> None:
    contents = [bytes([n]) * (n * 1000) for n in range(50)] + [b"", b""]
    hashes = store.put_many(iter(contents), threads=8)
    assert hashes == [hashlib.sha256(data).hexdigest() for data in contents]
    assert [store.get(sha) for sha in hashes] == contents
    assert Counter({pin.sha: pin.count for pin in store.pins}) == Counter(hashes)
    assert store.put_many([]) == []


def test_put_many_is_all_or_no_pin(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        store.put_many([b"one", b"two", tmp_path / "nowhere", b"three"], threads=2)
    assert not list(store.pins)
    assert not list(store.incoming.iterdir())


def test_threads_that_put_the_same(store: Store) -> None:
    threads = [threading.Thread(target=store.put, args=(b"abc",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (pin,) = store.pins
    assert pin.count == 16 and store.get(ABC) == b"abc"
    store.unpin([ABC] * 16)
    assert not list(store.pins)


def test_put_syncs_file_then_name_before_it_answers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(descriptor: int) -> None:
        events.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def noted_rename(source: str, target: str) -> None:
        rename(source, target)
        events.append(("rename", str(target)))

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    store.put(b"abc")
    target = store.root.resolve() / "objects" / ABC[:2] / ABC[2:]
    assert [kind for kind, _ in events][:2] == ["fsync", "rename"]
    assert Path(events[0][1]).parent == store.incoming.resolve()
    assert {path for kind, path in events[2:] if kind == "fsync"} == {str(target.parent), str(target.parent.parent)}
    events.clear()
    store.put(b"abc")
    assert events == [("fsync", str(target.parent))], "a hit waits for the name that somebody else may just have set"


def test_reading(store: Store) -> None:
    sha = store.put(b"0123456789")
    assert store.read_range(sha, 2, 5) == b"234"
    assert store.read_range(sha, 8, 50) == b"89"
    assert store.read_range(sha, 4, 4) == b""
    with store.open(sha) as file:
        file.seek(3)
        assert file.read() == b"3456789"
    with pytest.raises(StoreError):
        store.read_range(sha, 5, 2)


@pytest.mark.parametrize("name", ["0" * 64, ABC.upper(), "", "../../etc/passwd", ABC + "\n", ABC[:-1], "é" * 64])
def test_what_is_not_there(store: Store, name: str) -> None:
    store.put(b"abc")
    assert not store.has(name)
    for ask in (store.path, store.open, store.get, store.size, store.check):
        with pytest.raises(MissingFileError) as caught:
            ask(name)
        assert "\n" not in str(caught.value)


def test_damage_is_found_by_get_and_check_and_healed_by_put(store: Store) -> None:
    sha = store.put(b"abc")
    damage(store, sha, b"abd")
    with pytest.raises(IntegrityError, match=sha):
        store.get(sha)
    with pytest.raises(IntegrityError, match=sha):
        store.check(sha)
    assert store.get(sha, verify=False) == b"abd"
    assert store.put(b"abc") == sha
    store.check(sha)


@pytest.mark.parametrize("make", ["missing", "folder", "fifo"])
def test_what_cannot_be_put(store: Store, tmp_path: Path, make: str) -> None:
    path = tmp_path / make
    if make == "folder":
        path.mkdir()
    elif make == "fifo":
        os.mkfifo(path)
    with pytest.raises(StoreError, match=make):
        store.put(path)
    assert not list(store.incoming.iterdir()) and not list(store.hashes())


def test_places_that_are_no_store(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="awe init"):
        Store(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InstanceError):
        Store(tmp_path / "file")
    with pytest.raises(InstanceError, match="something else"):
        Store.create(tmp_path)
    store = Store.create(tmp_path / "new" / "store")
    store.put(b"abc")
    assert Store.create(store.root).get(ABC) == b"abc"
    (store.root / "STORE").write_text("awe file store 99\n")
    with pytest.raises(InstanceError, match="99"):
        Store(store.root)


# ---- a full disk


def assert_nothing_half_written(store: Store) -> None:
    assert not list(store.incoming.iterdir())
    assert not list(store.pins)
    for sha in store.hashes():
        store.check(sha)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("seam", ["write", "fsync"])
def test_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch, code: int, seam: str) -> None:
    kept = store.put(b"before")
    store.unpin([kept])
    real = getattr(os, seam)

    def full(descriptor: int, *rest: object) -> object:
        if "incoming" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(code, os.strerror(code))
        return real(descriptor, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, seam, full)
        with pytest.raises(StoreFullError, match="no room"):
            store.put(b"abc")
        with pytest.raises(StoreFullError, match="no room"):
            store.put_many([b"one", b"two", b"three"])
    assert_nothing_half_written(store)
    assert list(store.hashes()) == [kept]
    store.put(b"abc")


def test_a_write_that_is_cut_short_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:7])))
    data = os.urandom(100)
    assert store.get(store.put(data)) == data


def test_a_limit_of_the_operating_system(tmp_path: Path) -> None:
    """A real refusal by the kernel, in a process that may write no file of more than 64 KiB."""
    store = Store.create(tmp_path / "store")
    program = textwrap.dedent(f"""
        import resource, sys
        from awe.errors import StoreFullError
        from awe.fileserver import Store
        store = Store({str(store.root)!r})
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            store.put(bytes(200_000))
        except StoreFullError as error:
            print("full:", error)
        print(store.put(b"abc"))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.stdout.startswith("full:") and done.stdout.endswith(ABC + "\n")
    assert list(store.hashes()) == [ABC] and not list(store.incoming.iterdir())


def test_a_small_file_system_that_fills_up(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "awe-test", str(small)], capture_output=True).returncode:
        pytest.skip("only root may mount a small file system here")
    try:
        store = Store.create(small / "store")
        first = store.put(os.urandom(1 << 20))
        with pytest.raises(StoreFullError):
            store.put_many(os.urandom(1 << 20) for _ in range(8))
        assert not list(store.incoming.iterdir())
        assert Counter({pin.sha: pin.count for pin in store.pins}) == Counter([first])
        for sha in store.hashes():
            store.check(sha)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_store_that_may_not_be_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: object, *rest: int) -> int:
        if "incoming" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        store.put(b"abc")


def test_a_disk_too_full_to_unpin(store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The rows are committed by then: it is said, and not an error."""
    sha = store.put(b"abc")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        store.unpin([sha])
    assert "could not be taken away" in caplog.text
    assert [pin.sha for pin in store.pins] == [sha]


def test_a_disk_that_cannot_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = store.put(b"abc")
    path = store.path(sha)
    path.unlink()
    path.mkdir()
    for ask in (store.open, store.get, store.check):
        with pytest.raises(StoreError, match="Is a directory"):
            ask(sha)
