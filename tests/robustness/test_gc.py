"""The garbage collector among processes that put the same contents: nothing that is referred to is lost, all else goes."""
from __future__ import annotations

import signal

import sqlalchemy as sa

from awe.cli.upkeep import referred_to
from awe.dataflow.commit import share
from awe.dataflow.instance import Instance
from awe.dataflow.prepare import prepare
from awe.dataflow.recipe import Earlier
from awe.fileserver.gc import Collected, collect
from awe.persist import guard, tables
from tests.robustness.homes import Home, fsck, started
from tests.robustness.observatory import Device, Heap, Moody, Shot, commit, get_all

SHOTS, CONTENTS = 40, 5


def collected(instance: Instance) -> Collected:
    """Take away everything that nobody needs at this moment, however young."""
    return collect(instance.store, lambda hashes: referred_to(instance, hashes), min_age=0.0, trash_age=0.0)


def referred(instance: Instance) -> set[str]:
    with instance.database.reading() as connection:
        return {bytes(sha).hex() for sha in connection.scalars(sa.select(tables.object_file.c.sha256).distinct())}


def add_shots(home: Home) -> None:
    """Many more shots with few different numbers."""
    instance = home.open()
    device = Device.select_all()[0]
    for number in range(SHOTS):
        commit(Shot(device=device, exposure=f"more{number}", number=float(number % CONTENTS), field="G"), 30 + number)
    instance.close()


def test_among_getters(toy):
    """Three processes make the same, and files of the same contents, while files are collected without a pause."""
    add_shots(toy)
    instance = toy.open()
    getters = [started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Moody") for _ in range(3)]
    rounds = 0
    while any(process.poll() is None for process in getters):
        collected(instance)
        rounds += 1
    answers = [process.communicate() for process in getters]
    assert [process.returncode for process in getters] == [0, 0, 0], answers
    assert rounds > 5 and len(Moody.select_all()) == SHOTS + 6
    collected(instance)
    assert set(instance.store.hashes()) == referred(instance)
    instance.close()
    assert fsck(toy)["unreferred"] == 0


def test_after_kills(toy):
    """What the dead left is taken away, what they committed stays."""
    for fault in ("put:2", "written:3", "committed:2", "put:1"):
        process = started("-m", "tests.robustness.getting", str(toy.path), toy.url, "Heap", AWE_FAULT=fault)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    instance = toy.open()
    wanted = referred(instance)
    assert wanted <= set(instance.store.hashes())
    done = collected(instance)
    assert set(instance.store.hashes()) == wanted and done.trashed >= 1
    collected(instance)
    assert not any(instance.store.trash.iterdir()), "what is in the trash is deleted by the next collection"
    Heap.get(field="F")
    instance.close()
    found = fsck(toy)
    assert found["unreferred"] == 0 and found["half_written"] == 0


def test_sharing_pins_what_it_shares(sqlite_toy):
    """A result that is shared sets its own pins, and where its files are gone it is made anew."""
    instance = sqlite_toy.open()
    first = Moody.get(exposure="e0")
    sha = first.files()["image"]

    def forget(connection):
        guard.lift(connection)
        connection.execute(sa.update(tables.object_).values(derivation=None))
        guard.install(connection)
    instance.database.write(forget)
    node = Moody.plan(exposure="e1").tops[0]
    found = prepare(instance, node, node.parameters)
    assert found.earlier is None
    assert not list(instance.store.pins), "all pins were taken away after the commits"
    assert instance.store.put(b"something else") and len(list(instance.store.pins)) == 1
    found.earlier = Earlier(first.oid, first.object_id, 1, 0)
    instance.store.path(sha).unlink()
    assert share(instance, found) is None
    assert len(list(instance.store.pins)) == 1 and all(pin.count == 1 for pin in instance.store.pins)
    instance.close()


def test_half_an_object_is_found(sqlite_toy):
    instance = sqlite_toy.open()
    get_all(Moody)
    frame = Moody.select_all()[0]
    table = Moody.__mapping__.table

    def damage(connection):
        guard.lift(connection)
        connection.execute(sa.delete(table).where(table.c.oid == frame.oid))
        guard.install(connection)
    instance.database.write(damage)
    instance.close()
    try:
        fsck(sqlite_toy)
    except AssertionError as error:
        assert f"Moody {frame.object_id} has no row in {table.name}" in str(error)
    else:
        raise AssertionError("half an object was taken for a whole one")
