"""Several processes bring in the same folder at the same time: every file comes in once."""
from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import call
from tests.conftest import new_database, postgresql_server
from tests.forking import Forked
from tests.ingest.camera import TOML, frame, write

PROCESSES, FILES = 4, 60


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_file_comes_in_once(tmp_path: Path, night: Path, kind: str) -> None:
    home, database = tmp_path / "home", ["--database", new_database(postgresql_server())] if kind == "postgresql" else []
    (tmp_path / "mini.toml").write_text(TOML)
    assert call("init", home, "--user", "ann", *database).code == 0
    assert call("instrument", "add", tmp_path / "mini.toml", "--home", home).code == 0
    for number in range(FILES):
        write(night / f"{number:02d}.fits", frame("BIAS", number))
    command = ["-m", "awe", "ingest", night, "--commit", "--home", home]
    running = [Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    answers = [one.communicate(timeout=300) for one in running]
    assert [one.returncode for one in running] == [0] * PROCESSES, answers
    told = Counter(line.split()[0] for out, _ in answers for line in out.splitlines() if ".fits: " in line)
    assert told == {"ingested": FILES, "known": FILES * (PROCESSES - 1)}
    rows = call("query", "RawBiasFrame", "--columns", "exposure,chip.name", "--json", "--limit", 0, "--home", home).json
    assert len(rows) == len({(row["exposure"], row["chip.name"]) for row in rows}) == 2 * FILES
    found = call("fsck", "--contents", "--json", "--home", home)
    assert found.code == 0 and (found.json["files"], found.json["unreferred"], found.json["dead_pins"]) == (FILES, 0, 0), found.out


def test_a_process_that_is_killed_is_told(awe, home: Path, night: Path, tmp_path: Path) -> None:
    """One worker of two dies of a file: one line, and the same again without workers takes everything."""
    for number in range(8):
        write(night / f"{number:02d}.fits", frame("BIAS", number))
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'spawn_main' in ' '.join(sys.argv) or '--multiprocessing-fork' in sys.argv:\n"
        "    import awe.ingest.look as page, os, signal\n"
        "    real = page.hash_of\n"
        "    page.hash_of = lambda path: os.kill(os.getpid(), signal.SIGKILL) if path.name == '05.fits' else real(path)\n")
    command = [sys.executable, "-m", "awe", "ingest", str(night), "--commit", "--workers", "2"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, timeout=120)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "was killed" in done.stderr, done
    assert awe("ingest", night, "--commit").code == 0
    assert len(awe("query", "RawBiasFrame", "--columns", "exposure", "--json").json) == 16
