from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from awe.fileserver import Store
from awe.fileserver.fsck import check
from awe.fileserver.gc import collect


def test_a_whole_store(store: Store) -> None:
    hashes = store.put_many([b"a", b"b"])
    store.unpin(hashes)
    report = check(store, hashes, verify_contents=True)
    assert report.is_whole and report.files == 2 and not report.unreferred
    assert str(report).startswith("2 files: 0 missing, 0 corrupted")


def test_errors_and_garbage_are_told_apart(store: Store) -> None:
    good, bad, garbage, _ = store.put_many([b"good", b"bad", b"garbage", b"pinned"])
    store.unpin([good, bad, garbage])
    store.path(bad).chmod(0o644)
    store.path(bad).write_bytes(b"bax")
    (store.objects / "zz").mkdir()
    (store.objects / "zz" / "stranger").write_text("?")
    missing = "0" * 64
    report = check(store, [good, bad, missing])
    assert report.missing == [missing] and report.corrupted == [] and not report.is_whole
    assert report.unreferred == [garbage]
    assert report.strangers == [store.objects / "zz" / "stranger"]
    assert check(store, [good, bad], verify_contents=True).corrupted == [bad]


def test_a_killed_process_leaves_what_fsck_finds_whole(store: Store) -> None:
    program = ("import sys, time\nfrom awe.fileserver import Store\nstore = Store(sys.argv[1])\nstore.put(b'done')\n"
               "class Slow:\n    def read(self, n):\n        print('reading', flush=True)\n        time.sleep(60)\n"
               "store.put(Slow())\n")
    with subprocess.Popen([sys.executable, "-c", program, str(store.root)], stdout=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as process:
        assert process.stdout is not None and process.stdout.readline() == b"reading\n"
        report = check(store, [])
        assert report.leftovers == [] and report.dead_pins == 0, "it still runs"
        process.send_signal(signal.SIGKILL)
    (sha,) = store.hashes()
    report = check(store, [sha], verify_contents=True)
    assert report.is_whole and len(report.leftovers) == 1 and report.dead_pins == 1
    assert len(list(store.incoming.iterdir())) == 1, "nothing is cleaned unasked"
    report = check(store, [sha], repair=True)
    assert report.repaired == 1 and not list(store.incoming.iterdir())


def test_repair_brings_back_from_the_trash(store: Store) -> None:
    sha = store.put(b"abc")
    store.unpin([sha])
    collect(store, set(), min_age=0)
    report = check(store, [sha])
    assert report.missing == [sha] and report.trashed == 1
    report = check(store, [sha], repair=True)
    assert report.is_whole and report.repaired == 1 and store.get(sha) == b"abc"


def test_half_written_by_another_machine(store: Store) -> None:
    foreign: Path = store.incoming / "00000000-1-1.abc"
    foreign.write_bytes(b"x")
    assert check(store, []).leftovers == []
    os.utime(foreign, (time.time() - 8 * 86400,) * 2)
    assert check(store, []).leftovers == [foreign]
