"""The same bits whoever makes them: in other processes, with one or two workers, on either database, whatever the clock says."""
from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.forking import Forked, run_forked
from tests.targets import walk


def made_elsewhere(home, workers: int, url: str = "sqlite:///awe.db", **environ: str) -> dict[str, list[str]]:
    """Make the source list in another process; return the fingerprints of all targets."""
    answer = run_forked("-m", "tests.targets.walk", home, url, workers, env={**os.environ, **environ})
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.splitlines()[-1])


def test_two_workers_make_the_same_bits_as_one_process(ingested, made, tmp_path):
    shutil.copytree(ingested, tmp_path / "home")
    instance = walk.reopen(made)
    here = walk.fingerprints(instance)
    instance.close()
    there = made_elsewhere(tmp_path / "home", 2, NUMBA_NUM_THREADS="1", TZ="Asia/Tokyo", LANG="C")
    assert len(here) > 30
    assert there == here


@pytest.mark.parametrize("processes", [3])
def test_processes_that_want_the_same_share_the_work(ingested, tmp_path, processes):
    """Several `get` of the same thing at once all end well, and every target is made once."""
    home = tmp_path / "home"
    shutil.copytree(ingested, home)
    command = ["-m", "tests.targets.walk", home, "sqlite:///awe.db", "0"]
    running = [Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(processes)]
    answers = [process.communicate(timeout=280) for process in running]
    assert [process.returncode for process in running] == [0] * processes, answers
    prints = [json.loads(out.splitlines()[-1]) for out, _ in answers]
    assert all(one == prints[0] for one in prints)
    counts = {err.splitlines()[-1] for _, err in answers}
    instance = walk.reopen(home)
    targets = len(walk.made())
    instance.close()
    assert targets == len(prints[0]), f"something was made twice: {counts}"
