"""The prompt as a user meets it: a real IPython in a process of its own, on a terminal and on a pipe."""
from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

PROGRAM = [sys.executable, "-c", "import sys; from awe.cli import main; sys.exit(main())"]


def typed(home, *lines: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AWE_HOME": str(home), "MPLBACKEND": "Agg", "IPYTHONDIR": str(home / "ipython"), "NO_COLOR": "1"}
    return subprocess.run(PROGRAM, input="\n".join(lines) + "\n", capture_output=True, text=True, env=environment, timeout=200)


@pytest.fixture(scope="module")
def session(ingested, tmp_path_factory) -> subprocess.CompletedProcess[str]:
    """One session in which everything is typed once."""
    home = tmp_path_factory.mktemp("prompt") / "home"
    shutil.copytree(ingested, home)
    return typed(
        home, "bias = MasterBias.get(chip='ccd50')", "bias", "print('one', len(MasterBias.select_all()))",
        "MasterBias.get(chip='ccd50') is bias", "print('upto', bias.is_up_to_date())",
        "q = (RawBiasFrame.chip.name == 'ccd53') & (RawBiasFrame.instrument.name == 'simcam')",
        "x = [k.imstat.stdev for k in q]", "y = [k.imstat.median for k in q]", "pylab.scatter(x, y)",
        "MasterBias.get(chip='ccd99')", "RawBiasFrame.chip.nme", "%plan MasterBias chip=ccd53", "%lineage bias", "%tell nonsense",
        "context", "RawBiasFrame.info()", "1/0", "print('still here')")


@pytest.mark.parametrize("expected", [
    "Awe> ", "MasterBias ", "state       OK", "sigma_clip = ", "one 1", "True", "upto True", "PathCollection",
    "to be made: none has been made", "read_noise: ReadNoise", "<context: ann for survey", "zero-second exposure", "still here",
])
def test_it_answers(session, expected: str) -> None:
    assert expected in session.stdout


def test_errors_of_awe_are_one_line(session) -> None:
    kinds = [line.split(":")[0] for line in session.stderr.splitlines() if "Error" in line]
    assert kinds == ["NoRawDataError", "UnknownNameError", "NotFoundError"], session.stderr
    assert "did you mean 'name'" in session.stderr
    assert "Traceback" not in session.stdout.split("ZeroDivisionError")[0]


def test_other_errors_keep_their_traceback(session) -> None:
    assert "ZeroDivisionError" in session.stdout


def test_a_database_that_is_not_there_ends_the_prompt(ingested, tmp_path) -> None:
    shutil.copytree(ingested, tmp_path / "home")
    (tmp_path / "home" / "awe.db").unlink()
    done = typed(tmp_path / "home", "print('never')")
    assert "there is no database" in done.stderr and "never" not in done.stdout


def test_tab_on_a_terminal(ingested) -> None:
    """What a person sees after <TAB>, on a pseudo-terminal."""
    environment = {**os.environ, "AWE_HOME": str(ingested), "TERM": "xterm"}
    child, screen = pty.fork()
    if child == 0:
        os.execve(sys.executable, PROGRAM, environment)
    seen = read_until(screen, b"Awe> ", 60)
    os.write(screen, b"MasterBias.get(chip='\t")
    seen += read_until(screen, b"ccd53", 60)
    os.close(screen)
    os.waitpid(child, 0)
    assert b"ccd50" in seen and b"ccd53" in seen


def read_until(screen: int, wanted: bytes, seconds: float) -> bytes:
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < end:
        if select.select([screen], [], [], 0.2)[0]:
            seen += os.read(screen, 65536)
            if b"\x1b[6n" in seen:
                os.write(screen, b"\x1b[1;1R")
                seen = seen.replace(b"\x1b[6n", b"")
    return seen
