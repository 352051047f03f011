"""A pool of workers: one that dies takes with it what it was making and nothing else; one that raises leaves reason and log."""
from __future__ import annotations

import contextlib
import io
import json
import os

import pytest

from awe.cli import main
from awe.dataflow import jobs
from awe.dataflow.maker import Failure, Product, Spec
from awe.dataflow.workers import Workers
from awe.errors import DeclarationError, HeldError, MakeError
from tests.robustness.homes import fsck
from tests.robustness.observatory import FRAMES, Heap, Moody, get_all


def job_of(instance, exposure: str) -> dict:
    """The last job for a frame."""
    return next(job for job in jobs.listed(instance.database) if job["request"].get("exposure") == exposure)


def test_one_that_is_killed_and_one_that_raises(sqlite_toy, mood):
    mood.write_text(json.dumps({"e1": ["die", os.getpid()], "e3": ["raise", "a frame with\na hole"]}))
    instance = sqlite_toy.open()
    report = get_all(Moody, workers=2)
    assert len(report.made) == FRAMES - 2, "the rest of the plan goes on"
    assert {node.keys["exposure"]: why for node, why in report.failed.items()} == {
        "e1": "the worker process that made it was killed (SIGKILL); ask again", "e3": "ValueError: a frame with a hole"}
    killed, raised = job_of(instance, "e1"), job_of(instance, "e3")
    assert (killed["state"], killed["permanent"]) == ("failed", False) and "SIGKILL" in killed["reason"]
    assert (raised["state"], raised["permanent"]) == ("failed", True)
    assert "about to fail" in raised["log"] and "RuntimeWarning: this will not end well" in raised["log"]
    assert "Traceback" in raised["log"] and "_raise" in raised["log"]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main(["jobs", "--failed", "--home", str(sqlite_toy.path)]) == 0
    assert "SIGKILL" in shown.getvalue() and "a frame with a hole" in shown.getvalue() and "about to fail" in shown.getvalue()
    mood.unlink()
    instance = sqlite_toy.open()
    with pytest.raises(HeldError, match="a hole"):
        Moody.get(exposure="e3", workers=2)
    assert Moody.get(exposure="e3", retry=True).number == 103.0
    assert len(get_all(Moody, workers=2).made) == 1, "what was killed is made by the next who asks"
    assert Heap.get(field="F").number == sum(100.0 + number for number in range(FRAMES))
    instance.close()
    assert fsck(sqlite_toy)["unreferred"] == 0


def test_a_failure_says_what_to_do(sqlite_toy, mood):
    """An open set is made without what cannot be had, but waits for what the next attempt may give."""
    mood.write_text(json.dumps({"e1": ["die", os.getpid()], "e2": ["refuse", "clouds"]}))
    instance = sqlite_toy.open()
    with pytest.raises(MakeError, match=r"^Moody cam e1 could not be made: the worker process .* was killed \(SIGKILL\); ask again"):
        Moody.get_all(workers=2)
    with pytest.raises(MakeError, match=r"Heap cam F could not be made, as Moody cam e1: the worker process .* was killed"):
        Heap.get(field="F", workers=2)
    mood.unlink()
    assert len(Heap.get(field="F").frames) == FRAMES - 1, "clouds do not pass"
    instance.close()


def test_a_pool_goes_on_after_it_lost_a_worker(sqlite_toy, mood):
    instance = sqlite_toy.open()
    raws = Moody.plan().nodes
    specs = [Spec("tests:Moody", dict(node.keys), f"{place:032x}", node.anchor, 0, 1, {}, {
        "device": node.inputs["device"].node.winner.oid, "raw": node.inputs["raw"].node.winner.oid})
        for place, node in enumerate(one for one in raws if one.cls is Moody)]
    mood.write_text(json.dumps({specs[0].keys["exposure"]: ["die", os.getpid()]}))
    with Workers(instance, 1, ["tests.robustness.observatory"]) as pool:
        first, second = (pool.submit(spec).result(60) for spec in specs[:2])
        assert isinstance(first, Failure) and not first.permanent
        assert isinstance(second, Product) and second.attributes["number"] > 100
    instance.close()


def test_a_worker_that_cannot_start(sqlite_toy):
    instance = sqlite_toy.open()
    with Workers(instance, 1, ["no.such.module"]) as pool:
        failure = pool.submit(Spec("tests:Moody", {}, "0" * 32, 0, 0, 1, {}, {})).result(60)
    assert isinstance(failure, Failure) and "No module named 'no'" in failure.reason and not failure.permanent
    with pytest.raises(DeclarationError, match="module of its own"):
        Workers(instance, 1, ["__main__"])
    instance.close()
