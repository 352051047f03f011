"""``%plan``, ``%get``, ``%lineage`` and ``%tell``."""
from __future__ import annotations

import shlex
from typing import Any

from awe.dataflow import instance as instances
from awe.dataflow.plan import Plan
from awe.errors import QueryError
from awe.face import lineage_tree, tell
from awe.face.named import object_named
from awe.face.words import keys_given, target_named
from awe.persist.dbobject import DBObject


def register(shell: Any) -> None:
    """Let the IPython `shell` know the magics."""
    for name, magic in (("plan", plan), ("get", get), ("lineage", lineage), ("tell", everything)):
        shell.register_magic_function(bound(magic, shell), "line", name)


def bound(magic: Any, shell: Any) -> Any:
    """The magic with the names of `shell`, and its own docstring for ``%plan?``."""
    def run(line: str) -> Any:
        return magic(line, shell.user_ns)
    run.__doc__ = magic.__doc__
    return run


def plan(line: str, names: dict[str, Any]) -> Plan:
    """Show what would be made, and why: ``%plan CoaddFrame object=M13 filter=g``."""
    cls, keys = request(line, "%plan")
    found: Plan = cls.plan(**keys)
    return found


def get(line: str, names: dict[str, Any]) -> Any:
    """Find a target, or make it: ``%get CoaddFrame object=M13 filter=g``."""
    cls, keys = request(line, "%get")
    return cls.get(**keys)


def lineage(line: str, names: dict[str, Any]) -> None:
    """Show what an object was made from, or with ``--down`` what was made from it: ``%lineage obj``, ``%lineage 7f3a91 --down``."""
    words = [word for word in line.split() if word != "--down"]
    print(lineage_tree(meant(" ".join(words), names, "%lineage"), down="--down" in line.split()))


def everything(line: str, names: dict[str, Any]) -> None:
    """Tell everything about an object: ``%tell obj``, ``%tell 7f3a91``."""
    print(tell(meant(line.strip(), names, "%tell")))


def request(line: str, magic: str) -> tuple[Any, dict[str, Any]]:
    """The class and the keys of a line."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise QueryError(f"{line!r} cannot be read: {error}; write {magic} CoaddFrame object=M13 filter=g") from None
    if not words:
        raise QueryError(f"{magic} takes a class and keys, as in {magic} CoaddFrame object=M13 filter=g")
    cls = target_named(words[0])
    return cls, keys_given(cls, words[1:])


def meant(text: str, names: dict[str, Any], magic: str) -> Any:
    """The object that is called `text` at the prompt, or begins with it, or whose file it names."""
    if not text:
        raise QueryError(f"{magic} takes an object, or the beginning of its object_id")
    here = names.get(text)
    if isinstance(here, DBObject):
        return here
    if here is not None:
        raise QueryError(f"{text} is a {type(here).__name__} and no object of the database; give one, or the beginning of its object_id")
    return object_named(instances.current(), text)
