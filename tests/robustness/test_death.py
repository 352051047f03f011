"""A process that dies at any moment leaves what `awe fsck` finds whole, and what the next `get` goes on from at once."""
from __future__ import annotations

import datetime
import json
import os
import random
import signal
import subprocess
import time

import pytest
import sqlalchemy as sa

from awe import faults
from awe.dataflow import jobs
from awe.dataflow.instance import Instance
from awe.errors import ConfigError
from awe.persist import schema, session, tables
from awe.targets import SourceList
from tests.robustness.conftest import opened
from tests.robustness.homes import Home, fsck, started
from tests.robustness.observatory import FRAMES, MADE, Heap, Stacked, fingerprints
from tests.soak import KILLS
from tests.targets import walk

SEED = random.SystemRandom().randrange(10**6)
TARGETS = {"Stacked": Stacked, "Heap": Heap}


@pytest.fixture(scope="module")
def whole(toys, tmp_path_factory) -> dict[str, list[str]]:
    """What an undisturbed run makes of the toys."""
    instance = toys["sqlite"].copy(tmp_path_factory.mktemp("whole") / "home").open()
    Stacked.get(field="F")
    Heap.get(field="F")
    prints = fingerprints()
    instance.close()
    return prints


def killed_at(home: Home, fault: str, name: str, workers: int = 0) -> None:
    """Let a process get targets until it comes to a point where it dies."""
    process = started("-m", "tests.robustness.getting", str(home.path), home.url, name, str(workers), AWE_FAULT=fault)
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, out + err


def state(instance: Instance) -> tuple[dict[str, int], list[datetime.datetime]]:
    """How many jobs are in which state, and when the leases end that are still there."""
    with instance.database.reading() as connection:
        counted = sa.select(tables.job.c.state, sa.func.count()).group_by(tables.job.c.state)
        return {row[0]: row[1] for row in connection.execute(counted)}, list(connection.scalars(sa.select(tables.lease.c.expires)))


def committed_values(instance: Instance) -> set[tuple[int, bytes]]:
    with instance.database.reading() as connection:
        o = tables.object_.c
        return {(row.oid, row.value) for row in connection.execute(sa.select(o.oid, o.value))}


def goes_on(home: Home, name: str, whole: dict[str, list[str]]) -> None:
    """The next `get` takes over what the dead left, keeps what they committed, and ends as if nobody had died."""
    found = fsck(home)
    assert not found["missing"] and not found["corrupted"] and not found["of_another_size"], found
    instance = home.open()
    before, (counts, ends) = committed_values(instance), state(instance)
    assert "running" not in counts, "the job of a process that is gone still runs"
    TARGETS[name].get(field="F")
    counts, left = state(instance)
    assert all(end > datetime.datetime.now(datetime.UTC) for end in ends), "a lease of the dead was waited for until it ended"
    assert not left and "running" not in counts
    assert before <= committed_values(instance)
    prints = fingerprints()
    assert prints == {key: value for key, value in whole.items() if key in prints} and len(prints) > 1
    instance.close()
    fsck(home)


@pytest.mark.parametrize("fault", [*(point for point in faults.MAKING if point not in faults.STORING),
                                   "leased:3", "put:4", "written:5", "committed:6"])
def test_at_a_fault_point(toy, whole, fault):
    killed_at(toy, fault, "Heap")
    goes_on(toy, "Heap", whole)


@pytest.mark.parametrize("fault", [*faults.STORING, "renamed:4"])
def test_on_the_way_into_the_store(sqlite_toy, whole, fault):
    killed_at(sqlite_toy, fault, "Heap")
    goes_on(sqlite_toy, "Heap", whole)


def test_while_garbage_is_collected(toy, whole):
    """What was moved to the trash is put again by whoever wants it, or deleted by the next collection."""
    killed_at(toy, "written", "Heap")
    collector = ("import sys; from pathlib import Path; from tests.robustness.homes import Home; "
                 "from tests.robustness.test_gc import collected; collected(Home(Path(sys.argv[1]), sys.argv[2]).open())")
    process = started("-c", collector, str(toy.path), toy.url, AWE_FAULT="trashed")
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, out + err
    assert any((toy.path / "store" / "trash").iterdir())
    goes_on(toy, "Heap", whole)
    assert fsck(toy)["unreferred"] == 0


def test_while_tables_are_brought_up_to_date(database_url):
    """Nothing of the upgrade is there, and the next one does it."""
    upgrading = "import sys; import awe.targets; from awe.persist.schema import upgrade; upgrade(sys.argv[1])"
    process = started("-c", upgrading, database_url, AWE_FAULT="migrated")
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, out + err
    engine = session.open_engine(database_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    schema.upgrade(database_url)
    assert schema.check(database_url) == []


def test_what_the_dead_were_doing_is_said(sqlite_toy, whole):
    killed_at(sqlite_toy, "made", "Stacked")
    instance = sqlite_toy.open()
    counts, ends = state(instance)
    assert counts == {"running": 1} and len(ends) == 1
    assert jobs.bury_the_lost(instance.database) == 1
    (job,) = jobs.listed(instance.database)
    assert job["state"] == "lost" and "process is gone" in job["reason"] and not job["permanent"]
    instance.close()


def test_files_of_the_dead_are_garbage_and_no_more(sqlite_toy, whole):
    killed_at(sqlite_toy, "written", "Heap")
    found = fsck(sqlite_toy)
    assert found["unreferred"] == 1 and found["dead_pins"] == 1 and found["lost_jobs"] == 1
    goes_on(sqlite_toy, "Heap", whole)
    assert fsck(sqlite_toy)["unreferred"] == 0, "the same content was put again"


@pytest.mark.parametrize("point", ["leased", "returned", "written", "committed"])
def test_the_parent_of_a_pool(sqlite_toy, whole, point):
    killed_at(sqlite_toy, f"{point}:3", "Heap", workers=2)
    goes_on(sqlite_toy, "Heap", whole)


def test_at_random_moments(toys, whole, tmp_path):
    """Spread over the time that making takes when nobody disturbs it; the seed is new at each run."""
    dice = random.Random(SEED)
    span = {kind: seconds_of_making(toys[kind].copy(tmp_path / f"undisturbed-{kind}")) for kind in ("sqlite", "postgresql")}
    for number in range(KILLS):
        kind = dice.choice(["sqlite", "postgresql"])
        home = toys[kind].copy(tmp_path / f"home{number}")
        process = making(home)
        time.sleep(dice.uniform(0.0, span[kind]))
        process.kill()
        process.communicate()
        goes_on(home, "Heap", whole)


def making(home: Home) -> subprocess.Popen[str]:
    """A process that makes something, as soon as it has begun."""
    process = started("-m", "tests.robustness.getting", str(home.path), home.url, "Heap")
    while not begun(home) and process.poll() is None:
        time.sleep(0.01)
    return process


def seconds_of_making(home: Home) -> float:
    """How long it takes from then on."""
    process = making(home)
    start = time.monotonic()
    process.communicate()
    assert process.returncode == 0
    return time.monotonic() - start


def begun(home: Home) -> bool:
    """Whether a pin shows that something was put."""
    return any((home.path / "store" / "pins").iterdir())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", ["put:17", "written:30", ""])
def test_the_real_chain(ingested, undisturbed, tmp_path, fault):
    """Killed at two points, and at a moment of its own choosing with two workers."""
    home = ingested["postgresql" if fault == "put:17" else "sqlite"].copy(tmp_path / "home")
    words = ["-m", "awe", "get", "SourceList", f"object={walk.FIELD}", *([] if fault else ["--workers", "2"])]
    process = started(*words, AWE_HOME=str(home.path), AWE_FAULT=fault)
    if not fault:
        while len(list((home.path / "store" / "objects").glob("*/*"))) < 25:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
    out, err = process.communicate(timeout=280)
    assert process.returncode == -signal.SIGKILL, out + err
    fsck(home)
    instance = opened(home)
    before = committed_values(instance)
    SourceList.get(object=walk.FIELD)
    assert before <= committed_values(instance)
    assert walk.fingerprints(instance) == undisturbed
    assert sum(len(cls.select_all()) for cls in walk.made_classes()) == len(undisturbed), "something was made twice"
    instance.close()
    fsck(home)


def test_a_holder_who_was_stopped_finds_another_in_its_place(toy, mood, tmp_path):
    """It is stopped until its lease has ended, and somebody else has made it: it takes what that one made."""
    mood.write_text(json.dumps({f"e{number}": ["wait", str(tmp_path)] for number in range(FRAMES)}))
    process = started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Moody")
    while not list(tmp_path.glob("begun-*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    mood.unlink()
    instance = toy.open()
    ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    instance.database.write(lambda connection: connection.execute(sa.update(tables.lease).values(expires=ended)))
    Heap.get(field="F")
    values = fingerprints()
    (tmp_path / "go").touch()
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert fingerprints() == values
    counts, left = state(instance)
    assert counts.pop("lost") == 1 and set(counts) == {"done"} and not left
    instance.close()
    fsck(toy)


def test_no_such_point(monkeypatch):
    monkeypatch.setenv(faults.VARIABLE, "writen")
    faults.asked_for.cache_clear()
    with pytest.raises(ConfigError, match="did you mean 'written'"):
        faults.reach("made")
    monkeypatch.setenv(faults.VARIABLE, "made:soon")
    with pytest.raises(ConfigError, match="made:3"):
        faults.reach("made")
    monkeypatch.delenv(faults.VARIABLE)
    faults.asked_for.cache_clear()
    faults.reach("made")
    assert os.getpid() and MADE
