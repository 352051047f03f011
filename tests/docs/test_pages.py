"""What the pages say is run: every command and every line of Python of README, tutorial and how-tos."""
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from IPython.core.interactiveshell import InteractiveShell

from awe.dataflow import instance as instances
from awe.face.formatter import show_objects
from awe.prompt import magics
from awe.prompt.namespace import connected
from awe.quickstart.__main__ import free_directory
from tests.docs.conftest import ROOT, blocks, shell

PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
#: Commands that are tests of their own.
APART = re.compile(r"^(scripts/.*|createdb.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands(page: Path, place: Path) -> None:
    for text in blocks(page, "sh"):
        shell(APART.sub("", text), place)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python(page: Path, place: Path) -> None:
    """As it is typed at the prompt."""
    python = InteractiveShell()
    python.push(connected())
    magics.register(python)
    show_objects(python)
    try:
        for text in blocks(page, "python"):
            python.run_cell(text).raise_error()
    finally:
        instances.current().close()


def test_the_five_lines_take_few_statements(place: Path) -> None:
    """The block of the README that is the point of it all."""
    (text,) = [text for text in blocks(ROOT / "README.md", "python") if "pylab.scatter" in text]
    python = InteractiveShell()
    python.push(connected())
    statements: list[str] = []
    engine = instances.current().database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    python.run_cell(text).raise_error()
    x, y = python.user_ns["x"], python.user_ns["y"]
    instances.current().close()
    assert len(x) == len(y) == 5 and len(set(y)) == 1
    assert len(statements) <= 10, statements


def test_every_page_is_reached() -> None:
    """Every page is linked from another one, and every link leads somewhere."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    linked = set()
    for page in pages:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf8")):
            path = (page.parent / target).resolve()
            assert path.exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"
            linked.add(path)
    unreached = {page.resolve() for page in pages} - linked - {(ROOT / "README.md").resolve(), (ROOT / "docs" / "README.md").resolve()}
    assert not unreached, unreached


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()) + [ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_scripts_are_thin_and_can_be_read_by_the_shell(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert len(script.read_text().splitlines()) <= 40
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_the_quickstart_script_runs_what_is_tested_here() -> None:
    assert (ROOT / "scripts" / "quickstart").read_text().rstrip().endswith('-m awe.quickstart "$@"')


@pytest.mark.skipif(not (ROOT / ".venv" / "installed-test").exists(), reason="there is no .venv made by scripts/install")
def test_the_quickstart_script_itself() -> None:
    done = subprocess.run([ROOT / "scripts" / "quickstart", "--help"], capture_output=True, text=True, check=True)
    assert "Simulate an observing run" in done.stdout


def test_what_the_quickstart_says(walked: Path) -> None:
    said = (walked / "said.txt").read_text()
    for expected in ("seed 20240310", "to be made", "lineage", "comparison with the truth", "coadd.png"):
        assert expected in said
    assert " failed" not in said and " held" not in said
    assert (walked / "awe-quickstart" / "coadd.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_quickstart_makes_a_folder_of_its_own(walked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(walked)
    assert free_directory() == Path("awe-quickstart-2")
