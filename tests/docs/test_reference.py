"""The documentation is complete: a command, setting, class, parameter, limit, flag or error that it does not know fails here."""
from __future__ import annotations

import dataclasses
import re
import tomllib
from configparser import ConfigParser

import pytest
from packaging.requirements import Requirement

from awe import errors
from awe.cli.grammar import COMMANDS
from awe.config import Config
from awe.dataflow.state import State
from awe.instruments import shipped
from awe.persist.declare import declarations
from awe.reference.pages import PAGES, stale
from awe.reference.targets import classes
from awe.science.mask import Bit
from awe.targets.flags import Flag
from tests.docs.conftest import ROOT

REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf8")


def test_the_pages_are_as_the_code_says() -> None:
    assert stale(REFERENCE) == [], "run `awe docs`"


def test_there_are_no_other_pages() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == set(PAGES)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_commands(command) -> None:
    (section,) = re.findall(rf"^### awe {command.words}$(.*?)(?=^#|\Z)", page("commands.md"), re.MULTILINE | re.DOTALL)
    for argument in command.arguments:
        if argument.flags[0].startswith("-"):
            assert f"`{argument.flags[0]}" in section
        assert str(argument.settings.get("help", "")) in section


@pytest.mark.parametrize("field", dataclasses.fields(Config), ids=lambda field: field.name)
def test_settings(field) -> None:
    if field.name != "home":
        assert f"| `{field.name}` | `AWE_{field.name.upper()}` |" in page("settings.md")


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_classes_parameters_and_limits(cls) -> None:
    (section,) = re.findall(rf"^## {cls.__name__}$(.*?)(?=^## |\Z)", page("targets.md"), re.MULTILINE | re.DOTALL)
    for name, declared in declarations(cls).items():
        assert f"| `{name}` |" in section
        assert declared.doc.replace("|", "\\|") in section
    for limit in getattr(cls, "limits", ()):
        assert limit.text in section and limit.flag.name in section


@pytest.mark.parametrize("word", [*(flag.name for flag in Flag), *(bit.name for bit in Bit), *(state.value for state in State)])
def test_flags_bits_and_states(word: str) -> None:
    assert re.search(rf"^\| `?{re.escape(word)}`? \| .*[a-z]", page("flags.md"), re.MULTILINE)


def test_errors() -> None:
    for name, cls in vars(errors).items():
        if isinstance(cls, type) and issubclass(cls, errors.AweError):
            assert re.search(rf"^\| `{name}` \| \S", page("errors.md"), re.MULTILINE)
            assert page("errors.md").count(name) >= 2, f"{name} is not in the tree at the top of awe/errors.py"


def test_the_how_to_knows_how_many_cameras_come_with_awe() -> None:
    words = {13: "Thirteen", 14: "Fourteen", 15: "Fifteen", 16: "Sixteen", 17: "Seventeen", 18: "Eighteen"}
    word = words[len(shipped())]
    assert f"{word} come with awe" in (ROOT / "docs" / "howto" / "camera.md").read_text()
    assert f"{word.lower()} come with it" in (ROOT / "README.md").read_text()


def test_every_requirement_is_locked() -> None:
    """What setup.cfg asks for is in requirements.lock, in a version that will do; and the lock names no host."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "@" not in text
    locked = {name.lower().replace("_", "-"): version for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", text, re.MULTILINE)}
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split("\n") + [
        line for extra in config["options.extras_require"].values() for line in extra.split("\n")]
    for requirement in (Requirement(line) for line in lines if line and not line.startswith("awe[")):
        version = locked.get(requirement.name.lower().replace("_", "-"))
        assert version is not None and version in requirement.specifier, f"{requirement} is locked at {version}"


def test_the_layers_are_written_down() -> None:
    """Every package below `awe` stands in some contract of import-linter, or looks at everything from above."""
    above = {"cli", "prompt", "face", "quickstart", "reference", "targets", "ingest", "services"}
    contracts = (ROOT / "setup.cfg").read_text()
    for package in sorted(path.name for path in (ROOT / "awe").iterdir() if (path / "__init__.py").exists()):
        assert package in above or f"awe.{package}" in contracts, package
    tomllib.loads((ROOT / "pyproject.toml").read_text())
