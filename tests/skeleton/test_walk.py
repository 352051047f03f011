"""A target class of one's own, from an empty folder to lineage that stays when its package is gone; each step in a fresh process."""
from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from awe.persist.session import open_engine
from awe.simulate import RunConfig, simulate_run
from tests.conftest import new_database, postgresql_server
from tests.forking import run_forked

ROOT = Path(__file__).parents[2]

#: A class as somebody writes it by hand: it asks for raw frames by keys that no class of awe asks by.
BY_HAND = '''"""BiasNight: all bias frames of a night."""
from __future__ import annotations

from awe.persist.declare import attribute, depends_on, depends_on_many
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.raw import RawBiasFrame
from tests.forking import run_forked


class BiasNight(Product):
    """How many bias frames a night has, of all chips."""

    instrument = depends_on(Instrument, "the camera", key=True)
    frames = depends_on_many(RawBiasFrame, "bias frames of one night", same=("instrument",), within="night", at_least=1)
    count = attribute(int, "how many")

    def make(self) -> None:
        self.count = len(self.frames)
'''


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.out + self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Project:
    """The package, and where it is installed."""

    folder: Path
    site: Path

    def environ(self, *, with_package: bool = True) -> dict[str, str]:
        path = [ROOT, *([self.folder, self.site] if with_package else [])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}

    def awe(self, *commands: str, with_package: bool = True) -> list[Said]:
        """Run some commands in one new process."""
        words = ["-m", "tests.skeleton.several", json.dumps([shlex.split(command) for command in commands])]
        said = python(*words, cwd=self.folder, env=self.environ(with_package=with_package))
        return [Said(**one) for one in json.loads(said.splitlines()[-1])]


def python(*words: str, cwd: Path, env: dict[str, str]) -> str:
    done = run_forked(*words, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What the command writes into an empty folder, installed as its last lines say, with a class more that was written by hand."""
    place = tmp_path_factory.mktemp("empty")
    outside = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = python("-m", "awe", "new", "target", "BiasLevel", "--package", "nightly", "--of", "MasterBias", cwd=place, env=outside)
    folder, prefix = place / "nightly", place / "installed"
    assert f"pip install -e {folder}" in said and 'awe db revision nightly "add BiasLevel"' in said
    python("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--prefix", str(prefix),
           "-e", str(folder), cwd=folder, env=outside)
    made = Project(folder, next(prefix.glob("lib/python3*/site-packages")))
    again = python("-m", "awe", "new", "target", "SoftBias", "--package", "nightly", "--base", "MasterBias", "--into", str(folder),
                   cwd=place, env=made.environ())
    assert "pip install" not in again
    (folder / "nightly" / "targets" / "bias_night.py").write_text(BY_HAND)
    with (folder / "nightly" / "targets" / "__init__.py").open("a") as file:
        file.write("from nightly.targets.bias_night import BiasNight as BiasNight\n")
    missing, revision, nothing, write, locked, docs, current = made.awe(
        f"init {place / 'early'} --user ann", "db revision nightly 'first classes'", "db revision nightly", "lock write --package nightly",
        "lock check --package nightly", "docs docs --package nightly", "docs docs --package nightly --check")
    assert missing.code == 0 and revision.out.endswith("0001_first_classes.py; `awe db upgrade` runs it\n"), revision
    assert "nothing is to be written" in nothing.out
    assert write.out == "3 classes locked in targets.lock\n" and locked.code == 0
    assert docs.code == current.code == 0 and "| `pedestal` |" in (folder / "docs" / "targets.md").read_text()
    return made


def test_its_tests_pass(project: Project) -> None:
    said = python("-m", "pytest", "-q", "-x", cwd=project.folder, env=project.environ())
    assert "5 passed" in said


def test_its_lock_notices_what_moves(project: Project) -> None:
    """Its own functions, and the `make` of the class it is made from."""
    science = project.folder / "nightly" / "science" / "soft_bias.py"
    text = science.read_text()
    science.write_text(text.replace("pixels + np", "pixels - np"))
    (moved,) = project.awe("lock check --package nightly")
    science.write_text(text)
    assert moved.code == 1 and "raise `version` of SoftBias" in moved.out and "BiasLevel" not in moved.out
    digests = "from awe.dataflow import source; from awe.targets import MasterBias; from nightly.targets import SoftBias; " \
              "print([name for f in source.reached(SoftBias.make, SoftBias) for name in [f.__qualname__]])"
    assert "MasterBias.make" in python("-c", digests, cwd=project.folder, env=project.environ())


def test_a_version_that_was_not_written_is_told(project: Project, tmp_path: Path) -> None:
    written = next((project.folder / "nightly" / "migrations").glob("0001_*.py"))
    text = written.read_text()
    written.unlink()
    try:
        init, check = project.awe(f"init {tmp_path / 'home'} --user ann", f"db check --home {tmp_path / 'home'}")
    finally:
        written.write_text(text)
    assert init.code == 0 and check.code == 1
    assert "table nightly__soft_bias is missing; `awe db revision nightly` writes the version that says so" in check.out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    return simulate_run(tmp_path_factory.mktemp("run") / "run", seed=3, config=RunConfig.small(exposures=1, biases=4, darks=0, domes=0,
                                                                                               twilights=0))


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    return "sqlite:///awe.db" if request.param == "sqlite" else new_database(postgresql_server())


def test_from_an_instance_that_never_heard_of_it(project: Project, run, address: str, tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("AWE_HOME", str(home))
    first, last = biases(run)
    before = project.awe(f"init {home} --user ann --database {address}", f"instrument add {run.instrument}",
                         f"ingest {' '.join(first)} --commit", with_package=False)
    assert [said.code for said in before] == [0, 0, 0], before

    # the package comes: its tables, and the rows by which its classes find what was there before
    old, told, upgraded, made, soft, night, found = project.awe(
        "db check", "get BiasLevel --all", "db upgrade --json", "get BiasLevel --all",
        "get SoftBias --all --pars SoftBias.pedestal=9 --json", "get BiasNight --all", "query BiasNight --columns count")
    assert old.code == 1 and "version none of nightly, the code at 0001; run `awe db upgrade`" in old.out
    assert told.code == 2 and "awe db upgrade" in told.err
    assert upgraded.json["differences"] == [] and upgraded.json["candidates"]["missing"] == len(first) * 2
    assert "made" in made.out and soft.code == night.code == 0 and found.out.split()[1] == str(len(first) * 2)
    standard, levels, plan, lineage = project.awe(
        "plan MasterBias --json", "query BiasLevel --columns object_id,level,frame.imstat.median --json",
        "query SoftBias --columns object_id,pedestal,imstat.median,chip.name --json", "jobs --limit 5")
    assert standard.code == 0 and "SoftBias" not in standard.out, "what is made in another way takes no one's place"
    assert all(abs(row["level"] - row["frame.imstat.median"]) < 0.5 for row in levels.json)
    assert {row["pedestal"] for row in plan.json} == {9.0}
    assert "nightly:SoftBias" in lineage.out

    # the package goes: what it made is there with its lineage, and nothing else is touched
    ident = plan.json[0]["object_id"]
    listed, tree, shown, whole, garbage, planned, refused, copied, more = project.awe(
        "query UnknownObject --json", f"lineage {ident}", f"show {ident} --json", "fsck --json", "gc --dry-run", "plan MasterBias",
        f"invalidate {ident} --why odd", f"retrieve {ident} -o {tmp_path}", f"ingest {' '.join(last)} --commit", with_package=False)
    assert sorted({row["class_name"] for row in listed.json}) == ["nightly:BiasLevel", "nightly:BiasNight", "nightly:SoftBias"]
    assert "nightly:SoftBias" in tree.out and "raws: RawBiasFrame" in tree.out and "read_noise: ReadNoise" in tree.out
    assert shown.json["code"]["class"] == "nightly:SoftBias" and shown.json["parameters"]["pedestal"] == 9.0
    assert whole.json["missing"] == [] and whole.json["candidates"] == {"missing": 0, "wrong": 0}
    assert garbage.code == 0 and planned.code == 0 and copied.code == 0 and more.code == 0
    assert refused.code == 2 and "before its package is installed" in refused.err

    # the package is back, and finds what came in meanwhile
    whole, check, night, again = project.awe("fsck --json", "db check", "plan BiasNight", "get BiasNight --all")
    assert whole.json["candidates"] == {"missing": 0, "wrong": 0} and check.code == 0
    assert "added" in night.out and again.code == 0, night.out

    newer = open_engine(address.replace("sqlite:///", f"sqlite:///{home}/"))
    with newer.connect() as connection:
        connection.execute(sa.text("UPDATE nightly__alembic_version SET version_num = '0007'"))
    newer.dispose()
    told, upgrade = project.awe("plan MasterBias", "db upgrade")
    assert told.code == upgrade.code == 2
    assert "version 0007 of nightly, which this code does not know" in told.err and "update nightly" in upgrade.err
    (without,) = project.awe("plan MasterBias", with_package=False)
    assert without.code == 0


def biases(run) -> tuple[list[str], list[str]]:
    """The bias frames of a run, but for one, and that one."""
    found = sorted(str(path) for path in run.raw_files)[:4]
    return found[:-1], found[-1:]


@pytest.mark.parametrize(("words", "expected"), [
    ("MasterBias --package of_mine", "there is a class MasterBias already"),
    ("nightSky --package of_mine", "cannot be the name of a class"),
    ("NightSky --package my-own", "cannot be the name of a package"),
    ("NightSky --package numpy", "there is a package 'numpy' already"),
    ("NightSky --package of_mine --base Masterbias", "did you mean 'MasterBias'?"),
    ("NightSky --package of_mine --of SourceList", "is no image"),
    ("NightSky --package of_mine --base MasterBias --of MasterBias", "--of MasterBias says what"),
    ("NightSky --package of_mine --into {full}", "is not empty"),
])
def test_what_cannot_be_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch, awe: Callable, words: str, expected: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    monkeypatch.chdir(tmp_path)
    answer = awe("new", "target", *words.format(full=tmp_path / "full").split())
    assert answer.code == 2 and expected in answer.err
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "thesis.tex"]


def test_a_name_that_exists_is_refused(tmp_path: Path, awe: Callable) -> None:
    folder = tmp_path / "p"
    words = ("new", "target", "FirstOne", "--package", "own_package", "--into", folder)
    assert awe(*words).code == 0
    (folder / "own_package" / "science" / "first_one.py").write_text("# mine\n")
    again = awe(*words)
    assert again.code == 2 and "choose another name for FirstOne" in again.err
    assert (folder / "own_package" / "science" / "first_one.py").read_text() == "# mine\n"


@pytest.mark.parametrize("words", ["--of CoaddFrame", "--base SourceList", "--base CoaddFrame", "--base ReadNoise", "--base ColdPixelMap"])
def test_every_kind_of_base_gives_python_in_good_style(tmp_path: Path, awe: Callable, words: str) -> None:
    folder = tmp_path / "p"
    assert awe("new", "target", "KindOfOwn", "--package", "own_package", "--into", folder, *words.split()).code == 0
    for path in folder.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")
    style = ["check", "--isolated", "--line-length", "140", "--select", "E,F,W"]
    subprocess.run([sys.executable, "-m", "ruff", *style, str(folder)], check=True)


def test_the_prompt_is_no_place_for_a_class() -> None:
    code = ("from awe.targets import MasterBias\n"
            "try:\n    class MyBias(MasterBias):\n        'Mine.'\n"
            "except TypeError as error:\n    print(error)")
    said = python("-c", code, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert "`awe new target MyBias --package PKG` makes one" in said
