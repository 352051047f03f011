"""Many processes on one instance: all end well, nothing is made twice, and who waits gets what the others made."""
from __future__ import annotations

import json
import threading
import time

import pytest
import sqlalchemy as sa

from awe.dataflow import lease as leases
from awe.dataflow.planner import Planner
from awe.errors import MakeError
from awe.persist import tables
from awe.targets import RawScienceFrame
from tests.robustness.conftest import opened
from tests.robustness.homes import Home, fsck, started
from tests.robustness.observatory import FRAMES, Heap, Moody, fingerprints
from tests.targets import walk

SOURCES, COADD = ["SourceList", f"object={walk.FIELD}"], ["CoaddFrame", f"object={walk.FIELD}", "filter=r"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_commands_that_want_overlapping_targets_of_the_real_chain(ingested, undisturbed, tmp_path, kind):
    home = ingested[kind].copy(tmp_path / "home")
    instance = opened(home)
    first, last = (sorted({raw.exposure for raw in RawScienceFrame.select_all()})[n] for n in (0, -1))
    instance.close()
    asked = [SOURCES, [*SOURCES, "--workers", "2"], COADD, [*COADD, "--workers", "2"],
             ["ReducedScienceFrame", f"exposure={first}", "chip=ccd50"], ["ReducedScienceFrame", f"exposure={last}", "--all"],
             ["MasterFlat", "--all"], ["HotPixelMap", "--all"]]
    processes = [started("-m", "awe", "get", *words, "--json", AWE_HOME=str(home.path)) for words in asked]
    answers = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, [err for _, err in answers]
    told = [json.loads(out)["report"] for out, _ in answers]
    assert not any(report["failed"] or report["held"] for report in told)
    instance = opened(home)
    made = walk.fingerprints(instance)
    assert {name: made[name] for name in undisturbed} == undisturbed
    assert sum(report["made"] for report in told) == len(made), "something was computed twice"
    assert_made_once(instance)
    instance.close()
    assert fsck(home)["unreferred"] == 0


def assert_made_once(instance) -> None:
    """No derivation has two rows, all jobs are done, nobody holds a lease."""
    o, job = tables.object_.c, tables.job.c
    with instance.database.reading() as connection:
        twice = sa.select(o.derivation).where(o.derivation.is_not(None)).group_by(o.derivation).having(sa.func.count() > 1)
        assert not connection.execute(twice).all()
        assert set(connection.scalars(sa.select(job.state).distinct())) == {"done"}
        assert not connection.scalar(sa.select(sa.func.count()).select_from(tables.lease))


def test_pools_do_not_wait_for_one_another(toy):
    """Two pools that want the same hold several leases each; none is kept while waiting for one of the other's."""
    processes = [started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Heap", "2") for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
    instance = toy.open()
    assert len(fingerprints()) == FRAMES + 1
    assert_made_once(instance)
    instance.close()


def wait_for_one_who(home: Home, mood, tmp_path, what: str):
    """Start a process that makes frames in the mood `what`; return it, and which frame it has begun with."""
    mood.write_text(json.dumps({f"e{number}": [what, str(tmp_path)] for number in range(FRAMES)}))
    process = started("-m", "tests.robustness.getting", str(home.path), home.url, "Moody")
    while not (begun := list(tmp_path.glob("begun-*"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    mood.write_text("{}")
    return process, begun[0].name.removeprefix("begun-")


def test_who_waits_gets_what_the_other_made_and_meanwhile_makes_the_rest(toy, mood, tmp_path):
    process, begun = wait_for_one_who(toy, mood, tmp_path, "wait")
    instance = toy.open()
    words: list[str] = []

    def progress(word: str, node, done: int, planned: int) -> None:
        words.append(f"{word} {node.name.split()[-1]}")
        if done == FRAMES - 1:
            (tmp_path / "go").touch()

    planner = Planner()
    report = planner.carry_out(planner.plan(Heap.requests(field="F")), progress=progress)
    assert words.count(f"waiting for {begun}") == 1 and words[-3] == f"made by somebody else {begun}"
    assert len(report.made) == FRAMES and len(report.shared) == 1
    assert process.wait(30) == 0
    assert_made_once(instance)
    instance.close()


def test_who_waits_gets_the_failure_of_the_other(toy, mood, tmp_path):
    process, begun = wait_for_one_who(toy, mood, tmp_path, "wait_and_refuse")
    instance = toy.open()
    threading.Timer(0.5, (tmp_path / "go").touch).start()
    with pytest.raises(MakeError, match="the one who was first could not do it"):
        Moody.get(exposure=begun)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "the one who was first could not do it" in err, out + err
    instance.close()


def test_a_lease_is_given_to_one_of_many(toy):
    instance = toy.open()
    keeper, barrier, got = leases.Keeper(instance.database), threading.Barrier(8), []

    def take() -> None:
        wanted = keeper.intend(b"d" * 16, "everyone")
        barrier.wait()
        got.append(instance.database.write(lambda connection: leases.take(connection, wanted)))

    for _ in range(5):
        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(got) == 1 and len(got) == 8
        got.clear()
        instance.database.write(lambda connection: connection.execute(sa.delete(tables.lease)))
    instance.close()


def test_a_run_that_ended_without_a_word_leaves_nothing_to_wait_for(sqlite_toy):
    """The lease of a run of this very process, as a prompt leaves it behind when its database goes away."""
    instance = sqlite_toy.open()
    with leases.Keeper(instance.database) as keeper:
        lease = keeper.intend(b"d" * 16, "everyone")
        assert instance.database.write(lambda connection: leases.take(connection, lease))
        with instance.database.reading() as connection:
            assert "pid" in leases.holder(connection, b"d" * 16, "everyone")
    with instance.database.reading() as connection:
        assert leases.holder(connection, b"d" * 16, "everyone") == ""
    again = leases.Keeper(instance.database).intend(b"d" * 16, "everyone")
    assert instance.database.write(lambda connection: leases.take(connection, again))
    assert not instance.database.write(lambda connection: leases.give_back(connection, lease))
    instance.close()
