from __future__ import annotations

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe.fileserver.remote_file import BLOCK, KEPT, LARGEST, RemoteFile

DATA = os.urandom(BLOCK * 9 + 17)


class Far:
    def __init__(self, data: bytes = DATA) -> None:
        self.data, self.asked = data, []
        self.file = RemoteFile(self.fetch, len(data), "far")

    def fetch(self, start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= len(self.data)
        self.asked.append((start, stop))
        return self.data[start:stop]


STEPS = st.lists(st.one_of(
    st.tuples(st.just("seek"), st.integers(0, len(DATA) + 10)),
    st.tuples(st.just("read"), st.integers(-1, BLOCK * 3)),
    st.tuples(st.just("into"), st.integers(0, BLOCK * 3))), max_size=12)


@settings(deadline=None)
@given(STEPS)
def test_it_reads_as_a_file_here_does(steps: list[tuple[str, int]]) -> None:
    far, near = Far().file, io.BytesIO(DATA)
    for what, number in steps:
        if what == "seek":
            assert far.seek(number) == near.seek(number)
        elif what == "read":
            assert far.read(number) == near.read(number)
        else:
            mine, theirs = bytearray(number), bytearray(number)
            assert far.readinto(mine) == near.readinto(theirs) and mine == theirs
        assert far.tell() == near.tell()


def test_only_what_is_touched_is_fetched_and_once() -> None:
    far = Far()
    far.file.seek(BLOCK * 5 + 100)
    assert far.file.read(50) == DATA[BLOCK * 5 + 100: BLOCK * 5 + 150]
    far.file.seek(-50, os.SEEK_CUR)
    far.file.read(50)
    assert far.asked == [(BLOCK * 5, BLOCK * 6)]


def test_reading_on_fetches_longer_and_longer() -> None:
    far = Far(bytes(20 << 20))
    while far.file.read(100_000):
        pass
    sizes = [stop - start for start, stop in far.asked]
    assert sizes[0] == BLOCK and max(sizes) == LARGEST and len(sizes) < 15
    assert sum(sizes) == 20 << 20


def test_a_large_read_is_one_request_and_keeps_little() -> None:
    far = Far(os.urandom(KEPT * 2))
    far.file.seek(10)
    assert far.file.read(KEPT + 5 * BLOCK) == far.data[10: 10 + KEPT + 5 * BLOCK]
    assert len(far.asked) == 1
    far.file.seek(0)
    assert far.file.readall() == far.data
    assert sum(map(len, far.file._blocks.values())) <= KEPT


def test_ends_and_errors() -> None:
    file = Far().file
    assert file.readable() and file.seekable() and not file.writable()
    assert file.seek(0, os.SEEK_END) == len(DATA) and file.read() == b""
    assert file.seek(5, os.SEEK_END) and file.read(10) == b""
    with pytest.raises(ValueError):
        file.seek(-1)
    with pytest.raises(ValueError):
        file.seek(0, 9)
    assert io.BufferedReader(Far().file).read(100) == DATA[:100]
    assert Far(b"").file.read() == b""
