from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.fileserver.ranges import matches, parse_ranges


@pytest.mark.parametrize(("header", "parts"), [
    ("bytes=0-0", [(0, 1)]),
    ("bytes=0-499", [(0, 100)]),
    ("bytes=10-", [(10, 100)]),
    ("bytes=-10", [(90, 100)]),
    ("bytes=-1000", [(0, 100)]),
    ("BYTES=5-6", [(5, 7)]),
    ("bytes=50-59, 0-9", [(50, 60), (0, 10)]),
    ("bytes=0-9,5-19,40-49", [(0, 20), (40, 50)]),
    ("bytes=0-9,10-19", [(0, 20)]),
    ("bytes=,0-9 ,, 200-300", [(0, 10)]),
    ("bytes=100-", []),
    ("bytes=-0", []),
    ("bytes=100-100,200-", []),
    (None, None), ("", None), ("bytes=", None), ("bytes=-", None), ("bytes=9-5", None), ("lines=0-1", None),
    ("bytes=a-b", None), ("bytes=0-1;", None), ("bytes=--5", None), ("bytes=٣-٤", None), ("bytes=" + "9" * 40 + "-", None),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(65)), None),
])
def test_range_headers(header: str | None, parts: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(header, 100) == parts


def test_an_empty_file_has_no_parts() -> None:
    assert parse_ranges("bytes=0-", 0) == [] and parse_ranges("bytes=-5", 0) == []


@given(st.text(max_size=60), st.integers(0, 200))
def test_any_text_gives_parts_in_the_file(text: str, size: int) -> None:
    for header in (text, "bytes=" + text):
        for start, stop in parse_ranges(header, size) or []:
            assert 0 <= start < stop <= size


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted), min_size=1, max_size=10))
def test_the_parts_cover_what_was_asked_once(asked: list[list[int]]) -> None:
    parts = parse_ranges("bytes=" + ",".join(f"{a}-{b}" for a, b in asked), 100)
    assert parts is not None
    sent = [byte for start, stop in parts for byte in range(start, stop)]
    assert len(sent) == len(set(sent))
    assert set(sent) == {byte for a, b in asked for byte in range(a, b + 1)}


@pytest.mark.parametrize(("header", "weak", "expected"), [
    ('"x"', False, True), ('"y", "x"', False, True), ("*", False, True), ('W/"x"', True, True), ('W/"x"', False, False),
    ('"y"', True, False), ("x", True, False), ("", True, False),
])
def test_entity_tags(header: str, weak: bool, expected: bool) -> None:
    assert matches(header, '"x"', weak=weak) is expected
