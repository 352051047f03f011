"""The files of a package with one more target class; nothing that is there is overwritten."""
from __future__ import annotations

import importlib.util
import keyword
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from awe.errors import ConfigError, DeclarationError
from awe.skeleton.kinds import Kind, kind_of, known_names, snake

TEMPLATES = resources.files("awe.skeleton") / "templates"
#: Files that all classes of a package share; they are written with the first.
SHARED = {"pyproject.toml": "pyproject.toml", "README.md": "README.md", "{package}/__init__.py": "package.py",
          "{package}/science/__init__.py": "science_package.py", "{package}/targets/__init__.py": "targets_package.py",
          "{package}/migrations/README.md": "migrations.md", "tests/conftest.py": "conftest.py"}
#: Files of one class.
OWN = {"{package}/science/{module}.py": "{kind}_science.py", "{package}/targets/{module}.py": "{kind}_target.py",
       "tests/test_{module}.py": "{kind}_test.py", "docs/{module}.md": "page.md"}


@dataclass(frozen=True)
class Written:
    """What was written, and what is to be done next, as commands."""

    folder: Path
    files: list[Path]
    next: list[str]


def write_target(name: str, package: str, base: str, of: str | None, into: Path | None) -> Written:
    """Write a target class into the project of a package, and the project where there is none.

    Raises
    ------
    DeclarationError
        a name cannot be used, or is taken
    ConfigError
        the folder holds something else
    """
    folder = (into or Path(package)).absolute()
    check_names(name, package, folder)
    kind = kind_of(base, of)
    texts = {folder / place: text for place, text in texts_of(name, package, kind).items()}
    new_project = not (folder / package).exists()
    if new_project and folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty and holds no package {package}; name an empty or a new folder with --into")
    shared = {folder / place for place in filled(SHARED, package, snake(name), kind)}
    taken = [path for path in texts if path.exists() and path not in shared]
    if taken:
        raise DeclarationError(f"{package} has a {snake(name)} already: {taken[0]} is there; choose another name for {name}")
    written = [path for path in texts if not path.exists()]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf8")
    listing = folder / package / "targets" / "__init__.py"
    with listing.open("a", encoding="utf8") as file:
        file.write(f"from {package}.targets.{snake(name)} import {name} as {name}\n")
    return Written(folder, written, steps(name, package, folder, new_project))


def check_names(name: str, package: str, folder: Path) -> None:
    """Refuse names that cannot be used, or that mean something already."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) or keyword.iskeyword(snake(name)):
        raise DeclarationError(f"{name!r} cannot be the name of a class; write it like NightSky")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", package) or keyword.iskeyword(package):
        raise DeclarationError(f"{package!r} cannot be the name of a package; write it like nightsky or night_sky")
    if name in known_names():
        raise DeclarationError(f"there is a class {name} already, so at the prompt and in queries nobody could say which is meant; "
                               "choose another name")
    spec = importlib.util.find_spec(package)
    here = folder / package
    if spec is not None and spec.origin is not None and here not in {Path(place) for place in spec.submodule_search_locations or []}:
        raise DeclarationError(f"there is a package {package!r} already ({spec.origin}); choose another name, "
                               "or say with --into where its project is")


def texts_of(name: str, package: str, kind: Kind) -> dict[str, str]:
    """The text of every file of the project, by its place."""
    words = {"name": name, "package": package, "module": snake(name), **kind.words}
    if words.get("complete"):
        words["complete"] = filled_in("complete", words)
    function = f"from {package}.science.{snake(name)} import {snake(name)}"
    words["imports"] = "\n".join(sorted([*kind.words["imports"].splitlines(), function]))
    places = {**filled(SHARED, package, snake(name), kind), **filled(OWN, package, snake(name), kind)}
    return {place: filled_in(template, words) for place, template in places.items()}


def filled(places: dict[str, str], package: str, module: str, kind: Kind) -> dict[str, str]:
    """Places and templates with their names in them."""
    return {place.format(package=package, module=module): template.format(kind=kind.template) for place, template in places.items()}


def filled_in(template: str, words: dict[str, str]) -> str:
    """A template with its words in it."""
    return Template((TEMPLATES / f"{template}.tmpl").read_text(encoding="utf8")).substitute(words)


def steps(name: str, package: str, folder: Path, new_project: bool) -> list[str]:
    """What is to be done next."""
    install = [f"pip install -e {folder}"] if new_project else []
    return [*install, f'awe db revision {package} "add {name}"', f"cd {folder}", f"awe lock write --package {package}",
            f"awe docs docs --package {package}", "python -m pytest -q", "awe db upgrade", f"awe get {name} --all"]
