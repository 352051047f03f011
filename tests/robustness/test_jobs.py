"""What runs, what failed and why, what is held and what was lost, while it happens and afterwards; cancelled and tried again."""
from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from awe.cli import main
from awe.dataflow.survey import Survey, survey
from awe.persist import session
from awe.persist.edit import edit
from tests.robustness.homes import Home, fsck, started
from tests.robustness.observatory import FRAMES, Moody, get_all


def awe(home: Home, *words: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words), "--home", str(home.path)])
    return code, out.getvalue(), err.getvalue()


def told(home: Home, *words: object) -> dict[str, Any]:
    code, out, err = awe(home, "jobs", *words, "--survey", "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def until(home: Home, test: Callable[[Survey], Any]) -> Any:
    """What `test` finds in the survey, as soon as it finds something."""
    instance = home.open()
    give_up = time.monotonic() + 60
    try:
        while time.monotonic() < give_up:
            found = test(survey(instance.database))
            if found:
                return found
            time.sleep(0.1)
    finally:
        instance.close()
    raise AssertionError("it did not happen within a minute")


def running(exposure: str) -> Callable[[Survey], Any]:
    return lambda found: next((job["id"] for job in found.jobs.get("running", []) if job["request"]["exposure"] == exposure), None)


def test_a_survey_at_one_look(toy: Home, mood) -> None:
    mood.write_text(json.dumps({"e1": ["die", os.getpid()], "e3": ["raise", "a hole"]}))
    instance = toy.open()
    get_all(Moody, workers=2)
    edit(next(iter(Moody.exposure == "e2")), "is_valid", 0, "clouds")
    instance.close()
    found = told(toy, "Moody")
    assert found["counts"] == {"done": FRAMES - 3, "failed": 2, "held": 1}
    reasons = {job["request"]["exposure"]: job["reason"] for job in found["failed"]}
    assert "SIGKILL" in reasons["e1"] and reasons["e3"] == "ValueError: a hole"
    (held,) = found["held"]
    assert held["request"]["exposure"] == "e2" and "was invalidated" in held["reason"]
    assert found["runs"] == [] and found["plan"]["counts"]["held"] == 2 and len(found["plan"]["held"]) == 2
    code, out, _ = awe(toy, "jobs")
    assert code == 0 and "3 done, 2 failed, 1 held" in out and "ValueError: a hole" in out
    number = next(job["id"] for job in found["failed"] if job["request"]["exposure"] == "e3")
    code, out, _ = awe(toy, "jobs", "log", number)
    assert code == 0 and "ValueError: a hole" in out and "about to fail" in out and "Traceback" in out

    mood.unlink()
    code, out, err = awe(toy, "jobs", "retry", number)
    assert code == 0 and "Moody" in out and "1 made" in out, err
    assert told(toy)["counts"] == {"done": FRAMES - 2, "failed": 1, "held": 1}
    code, out, err = awe(toy, "jobs", "retry")
    assert code == 0 and "1 made" in out, err
    code, out, err = awe(toy, "jobs", "retry", held["id"])
    assert code == 0 and "1 made" in out, err
    assert told(toy)["counts"] == {"done": FRAMES}
    fsck(toy)


def test_progress_is_seen_while_it_lasts_and_one_job_is_given_up(toy: Home, mood) -> None:
    mood.write_text(json.dumps({"e4": ["wait", str(mood.parent)]}))
    maker = started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Moody", "1")
    try:
        number = until(toy, running("e4"))
        (run,) = until(toy, lambda found: [run for run in found.runs if run["done"] >= 1])
        assert run["planned"] == FRAMES and run["user"] == "ann" and "Moody cam e0" in run["what"] and run["state"] == "running"
        assert "running  Moody cam e0" in awe(toy, "jobs")[1]
        code, out, err = awe(toy, "jobs", "cancel", number)
        assert code == 0 and "1 jobs are being given up" in out, err
        out, err = maker.communicate(timeout=60)
    finally:
        maker.kill()
    assert "cancelled by ann" in err, "who asked is told"
    found = told(toy)
    assert found["counts"] == {"done": FRAMES - 1, "cancelled": 1} and found["runs"] == []
    assert found["cancelled"][0]["id"] == number and found["cancelled"][0]["reason"] == "cancelled by ann"
    mood.unlink()
    code, out, err = awe(toy, "jobs", "retry", number)
    assert code == 0 and told(toy)["counts"] == {"done": FRAMES}, err
    assert fsck(toy)["unreferred"] == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_log_of_what_runs_can_be_read(toy: Home, mood, workers: str) -> None:
    mood.write_text(json.dumps({"e0": ["talk_and_wait", str(mood.parent)]}))
    maker = started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Moody", workers)
    try:
        number = until(toy, lambda found: next((job["id"] for job in found.jobs.get("running", []) if "half of it" in job["log"]), None))
        code, out, _ = awe(toy, "jobs", "log", number)
        assert code == 0 and "running" in out and "INFO awe.science: half of it is done" in out and "all of it" not in out
        (mood.parent / "go").touch()
        assert maker.wait(60) == 0
    finally:
        maker.kill()
    _, out, _ = awe(toy, "jobs", "log", number)
    assert ": done" in out and "half of it is done" in out and "all of it is done" in out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_whole_run_is_given_up(sqlite_toy: Home, mood, workers: str) -> None:
    """With workers at once; without, when the make() that is under way returns: nothing of it is kept."""
    mood.write_text(json.dumps({"e0": ["wait", str(mood.parent)]}))
    maker = started("-m", "tests.robustness.getting", str(sqlite_toy.path), sqlite_toy.url, "Moody", workers)
    try:
        number = until(sqlite_toy, running("e0"))
        assert awe(sqlite_toy, "jobs", "cancel", number, "--run")[0] == 0
        if workers == "0":
            time.sleep(1.5)
            (mood.parent / "go").touch()
        _, err = maker.communicate(timeout=60)
    finally:
        maker.kill()
    assert maker.returncode != 0 and "cancelled by ann; what was made before is kept" in err
    found = told(sqlite_toy)
    assert found["runs"] == [] and "running" not in found["counts"] and found["counts"]["cancelled"] >= 1
    whole = fsck(sqlite_toy)
    assert whole["dead_pins"] == 0 and whole["unreferred"] == (1 if workers == "0" else 0), "what was put is for gc"


def test_what_died_is_lost_and_can_be_tried_again(toy: Home, mood) -> None:
    mood.write_text(json.dumps({"e2": ["wait", str(mood.parent)]}))
    maker = started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Moody")
    until(toy, running("e2"))
    maker.send_signal(signal.SIGKILL)
    maker.communicate()
    found = told(toy)
    assert found["runs"] == [] and found["counts"]["lost"] == 1 and found["lost"][0]["request"]["exposure"] == "e2"
    mood.unlink()
    assert awe(toy, "jobs", "retry")[0] == 0
    assert "lost" not in told(toy)["counts"]


def test_what_cannot_be_is_refused(toy: Home, mood) -> None:
    instance = toy.open()
    Moody.get(exposure="e0")
    instance.close()
    number = told(toy)["latest"][0]["id"]
    for words, expected in ((["cancel", number], "is over: it is done"), (["cancel", 999], "there is no job 999"),
                            (["log", 999], "there is no job 999"), (["retry", 999], "there is no job 999")):
        code, _, err = awe(toy, "jobs", *words)
        assert code == 2 and expected in err, err


def test_what_others_may_not_see_is_not_there(toy: Home, mood) -> None:
    mood.write_text(json.dumps({"e1": ["raise", "secret"]}))
    instance = toy.open()
    instance.database.act_as(session.Identity(**{**vars(instance.database.identity), "privileges": 1}))
    get_all(Moody)
    assert survey(instance.database).counts["failed"] == 1
    bob = instance.database.find_identity("bob", "default")
    instance.database.act_as(bob)
    theirs = survey(instance.database)
    assert theirs.counts == {} and theirs.jobs == {} and theirs.runs == []
    instance.close()
