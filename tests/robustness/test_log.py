"""What a target logs and warns of is on its job row, whoever made it, and does not grow without bounds."""
from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.dataflow import jobs
from awe.dataflow.log import HEAD, TAIL, Log, captured
from awe.errors import MakeError
from tests.robustness.observatory import Moody, get_all


@pytest.mark.parametrize("workers", [0, 1])
def test_log_and_warnings_are_on_the_job_row(sqlite_toy, mood, workers):
    mood.write_text(json.dumps({"e2": ["log", 5000]}))
    instance = sqlite_toy.open()
    report = get_all(Moody, workers=workers)
    assert not report.failed
    log = next(job["log"] for job in jobs.listed(instance.database) if job["request"]["exposure"] == "e2")
    assert log.startswith("INFO tests.science: the first line\nWARNING somebody.else: a library warns\n")
    assert "WARNING UserWarning: a warning of make()" in log and "not to be seen" not in log and "printed" not in log
    assert log.endswith("INFO awe.science: the last line\n") and "characters are left out" in log
    assert len(log) < HEAD + TAIL + 100 <= jobs.LOG_LIMIT
    assert logging.getLogger("tests").level == logging.NOTSET and not logging.getLogger("tests.science").isEnabledFor(logging.INFO)
    instance.close()


def test_an_odd_text_is_stored_on_either_database(toy, mood):
    mood.write_text(json.dumps({"e1": ["refuse", "a NUL \0 and half a character \udce9"]}))
    instance = toy.open()
    with pytest.raises(MakeError, match="half a character"):
        Moody.get(exposure="e1")
    assert "half a character" in jobs.listed(instance.database, state="failed")[0]["reason"]
    instance.close()


@given(st.lists(st.integers(0, 30_000), max_size=12))
def test_a_text_within_its_bounds_is_kept_whole_and_else_its_ends(lengths):
    log, whole = Log(), io.StringIO()
    for number, length in enumerate(lengths):
        text = (f"{number:04d}" * (length // 4 + 1))[:length]
        assert log.write(text) == length
        whole.write(text)
    text = whole.getvalue()
    if len(text) <= HEAD + TAIL:
        assert log.text == text
    else:
        left_out = f"\n... {len(text) - HEAD - TAIL} characters are left out ...\n"
        assert log.text == text[:HEAD] + left_out + text[-TAIL:]


def test_what_was_set_up_before_is_set_up_after():
    before = warnings.filters[:], warnings.showwarning, logging.getLogger().handlers[:]
    with captured("awe", "mine") as log:
        logging.getLogger("mine.deep").info("seen")
        with captured("awe") as inner:
            logging.getLogger("awe").info("both")
    assert log.text == "INFO mine.deep: seen\nINFO awe: both\n" and inner.text == "INFO awe: both\n"
    assert (warnings.filters[:], warnings.showwarning, logging.getLogger().handlers[:]) == before
