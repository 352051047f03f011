"""The commands as data: each has its function, its help is there at once, and what is mistyped is answered with near names."""
from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from awe.cli.grammar import COMMANDS
from awe.cli.main import parser_of

ISSUED = """init, instrument add, instrument list, instrument check, ingest, ingest-catalog, plan, get, query, show, lineage, retrieve,
jobs, validate, invalidate, fsck, gc, db upgrade, db check, serve files, simulate"""


def test_every_command_that_was_promised_is_there() -> None:
    assert {words.strip() for words in ISSUED.replace("\n", " ").split(",")} <= {command.words for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_command_has_its_function(command) -> None:
    module = importlib.import_module(f"awe.cli.{command.module}")
    assert callable(getattr(module, command.function))
    assert command.summary and not command.summary.endswith(".")
    assert "usage: awe " + command.words in parser_of(command).format_help()


def test_no_two_commands_have_the_same_words() -> None:
    words = [command.words for command in COMMANDS]
    assert len(set(words)) == len(words)


HEAVY = ("numpy", "astropy", "sqlalchemy", "IPython", "numba", "scipy", "rich", "pyarrow", "matplotlib")


@pytest.mark.parametrize("statement", ["import awe", "from awe.cli import main; main(['--help'])",
                                       "from awe.cli import main; main(['get', '--help'])"])
def test_help_imports_nothing_heavy(statement: str) -> None:
    """No clock: what makes it slow is what it imports."""
    script = (f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\n"
              f"sys.stderr.write(','.join(name for name in {HEAVY!r} if name in sys.modules))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stderr == ""


def test_version(awe) -> None:
    assert awe("--version").out.startswith("awe 0.")


@pytest.mark.parametrize(("words", "expected"), [
    (["gett", "MasterBias"], "did you mean 'get'"),
    (["instrument", "ad"], "did you mean 'instrument add'"),
    (["db"], "db upgrade"),
    (["get"], "CLASS"),
    (["ingest"], "PATH"),
    (["invalidate", "abcd"], "--why"),
    (["get", "MasterBias", "--frobnicate"], "--frobnicate"),
    (["--frobnicate"], "--frobnicate"),
    (["no/such/script.py"], "there is no script"),
])
def test_what_is_mistyped_is_one_line(awe, words: list[str], expected: str) -> None:
    answer = awe(*words)
    assert answer.code == 2
    assert expected in answer.complaint


def test_a_fault_is_one_line_and_a_log(awe, home, monkeypatch) -> None:
    monkeypatch.setattr("awe.cli.looking.parse_query", lambda text: 1 / 0)
    answer = awe("query", "RawBiasFrame")
    assert answer.code == 3
    log = Path(answer.complaint.split("the traceback is in ")[1].split(",")[0])
    assert "ZeroDivisionError" in answer.complaint and "Traceback" in log.read_text()


def test_a_fault_shows_its_traceback_where_it_is_asked_for(awe, home, monkeypatch) -> None:
    monkeypatch.setenv("AWE_DEBUG", "1")
    monkeypatch.setattr("awe.cli.looking.parse_query", lambda text: 1 / 0)
    answer = awe("query", "RawBiasFrame")
    assert answer.code == 3 and "Traceback" in answer.err
