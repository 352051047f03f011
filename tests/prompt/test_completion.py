"""Completion of paths, keys and their values; nothing is asked of a database that is not there."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from awe.connection import connect
from awe.persist import session
from awe.prompt.completion import completions
from awe.prompt.namespace import names


@pytest.fixture
def known(home) -> Iterator[dict[str, object]]:
    instance = connect(home)
    yield {**names(), "k": next(iter(names()["RawBiasFrame"].select_all())), "number": 3}
    instance.close()


@pytest.mark.parametrize(("text", "fragment", "found"), [
    ("ReducedScienceFrame.flat.imst", "imst", ["imstat"]),
    ("q = (ReducedScienceFrame.flat.imstat.st", "st", ["stdev"]),
    ("x = [k.imstat.med", "med", ["median"]),
    ("k.chip.na", "na", ["name"]),
    ("RawBiasFrame.select_a", "select_a", ["select_all"]),
    ("HotPixelMap.get(chip='", "", ["ccd50", "ccd53"]),
    ("HotPixelMap.get(date='2024-03-10', chip='ccd5", "ccd5", ["ccd50", "ccd53"]),
    ("HotPixelMap.get(instrument='", "", ["simcam"]),
    ("MasterFlat.get(filter='", "", ["r"]),
    ("ReducedScienceFrame.get(object='F", "F", ["FIELD1"]),
    ("ReducedScienceFrame.get(chip='ccd99', object='", "", []),
    ("HotPixelMap.get(ch", "ch", ["chip="]),
    ("HotPixelMap.get(chip='ccd50', instr", "instr", ["instrument="]),
    ("%plan MasterFlat filter=", "", ["r"]),
    ("%plan MasterFlat chip=ccd50 fi", "fi", ["filter="]),
])
def test_what_follows(known, text: str, fragment: str, found: list[str]) -> None:
    assert completions(text, known) == (fragment, found)


@pytest.mark.parametrize("text", ["number.re", "nothing.at", "print(", "ReducedScienceFrame.nothing.at", "x = 3"])
def test_where_nothing_is_known(known, text: str) -> None:
    assert completions(text, known) is None


def test_without_a_database_there_are_no_values(known) -> None:
    session.current().close()
    assert completions("HotPixelMap.get(chip='", known) == ("", [])


def test_keys_that_are_offered_can_be_asked(known) -> None:
    """Each offered value finds raw data."""
    _, chips = completions("MasterBias.get(chip='", known)  # type: ignore[misc]
    for chip in chips:
        assert known["MasterBias"].requests(chip=chip)  # type: ignore[attr-defined]
