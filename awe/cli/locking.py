"""`awe lock`: the digests of the code of all targets, so that no result changes unnoticed.

The lock file is committed.  When the code that a class reaches has moved, either its results changed, and its `version` is raised, or
they did not, and somebody says so.  Digests are of Python's own syntax trees, so they are compared only under the Python that wrote them.
"""
from __future__ import annotations

import platform
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from awe.cli.output import print_json
from awe.dataflow.registry import load_targets, target_classes
from awe.dataflow.source import source_digest
from awe.errors import ConfigError, NotFoundError, UnknownNameError, did_you_mean
from awe.persist.branches import branch_of
from awe.persist.selector import class_name

HEAD = "# Class, version and digest of the code that makes it; written by `awe lock write`, under Python"


class Locked(NamedTuple):
    """One line of the file."""

    version: int
    digest: str


def write(options: Namespace) -> int:
    """Note versions and digests; where a digest moved alone, only with ``--same-results``."""
    path, now = Path(options.file), current(options.package)
    for name in options.same_results:
        if name not in {*now, *(each.split(":")[1] for each in now), "all"}:
            raise UnknownNameError(f"--same-results {name}: there is no such target{did_you_mean(name, [n.split(':')[1] for n in now])}")
    there = read(path) if path.exists() else {}
    same = "all" in options.same_results
    moved = [name for name in moved_alone(there, now) if not same and not {name, name.split(":")[1]} & set(options.same_results)]
    kept = {name: there[name] if name in moved else locked for name, locked in now.items()}
    path.write_text(as_text(kept), encoding="utf8")
    tell(options, [in_words(name) for name in moved], f"{len(now) - len(moved)} classes locked in {path}")
    return 1 if moved else 0


def check(options: Namespace) -> int:
    """Say what is not as the file says."""
    path, now = Path(options.file), current(options.package)
    if not path.exists():
        raise NotFoundError(f"there is no lock file {path}; run this in the folder that has it, or `awe lock write` to make one")
    written = python_of(path)
    if written != this_python():
        tell(options, [], f"{path} was written under Python {written}, and this is {this_python()}: nothing was compared")
        return 0
    there = read(path)
    problems = [in_words(name) for name in moved_alone(there, now)]
    problems += [f"{name} is version {one.version}, and {there[name].version} is locked: `awe lock write` notes it"
                 for name, one in now.items() if name in there and one.version != there[name].version]
    problems += [f"{name} is not locked: `awe lock write` notes it" for name in now if name not in there]
    problems += [f"{name} is locked, and is not there any more: `awe lock write` takes it out" for name in there if name not in now]
    tell(options, problems, f"{len(now)} classes are as {path} says")
    return 1 if problems else 0


def current(package: str) -> dict[str, Locked]:
    """Version and digest of every class of an installed package that can be made, by name."""
    load_targets()
    branch_of(package)  # says in words where there is no such package
    found: list[Any] = [cls for cls in target_classes() if class_name(cls).startswith(f"{package}:")]
    return {class_name(cls): Locked(cls.version, source_digest(cls)) for cls in found}


def moved_alone(there: Mapping[str, Locked], now: Mapping[str, Locked]) -> list[str]:
    """The classes whose code moved while their version did not."""
    return [name for name, one in now.items() if name in there and one.version == there[name].version and one.digest != there[name].digest]


def in_words(name: str) -> str:
    """What is to be done about a class whose code moved."""
    short = name.split(":")[1]
    return (f"the code that makes {name} moved, and its version did not: raise `version` of {short} if results change, "
            f"else say `awe lock write --same-results {short}`")


def read(path: Path) -> dict[str, Locked]:
    """The lines of a lock file."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or not words[1].isdigit():
            raise ConfigError(f"{path}, line {number}: {line!r} is not class, version and digest; remove the file and run `awe lock write`")
        found[words[0]] = Locked(int(words[1]), words[2])
    return found


def python_of(path: Path) -> str:
    """The Python under which a lock file was written."""
    first, *_ = path.read_text(encoding="utf8").splitlines() or [""]
    return first.removeprefix(HEAD).strip()


def this_python() -> str:
    """Major and minor version of this Python."""
    return ".".join(platform.python_version_tuple()[:2])


def as_text(locked: Mapping[str, Locked]) -> str:
    """The lock file."""
    lines = [f"{name} {one.version} {one.digest}" for name, one in sorted(locked.items())]
    return "\n".join([f"{HEAD} {this_python()}", *lines]) + "\n"


def tell(options: Namespace, problems: Iterable[str], otherwise: str) -> None:
    """Print what is wrong, or that nothing is."""
    found = list(problems)
    if options.json:
        print_json({"problems": found})
    else:
        print("\n".join(found) or otherwise)
