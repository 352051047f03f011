"""Completion of attribute paths, of the keys of a request, and of their values.

``ReducedScienceFrame.flat.im<TAB>``, ``k.flat.imstat.<TAB>``, ``HotPixelMap.get(ch<TAB>``, ``HotPixelMap.get(chip='<TAB>``,
``%plan CoaddFrame filter=<TAB>``.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher
from sqlalchemy.exc import SQLAlchemyError

from awe.errors import AweError
from awe.persist.dbobject import DBObject
from awe.persist.declare import Dependency, DependencyList, Part, parameters
from awe.persist.mapping import Mapped
from awe.prompt.keyvalues import key_names, key_values

WALK = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)\.(\w*)$")
CALL = re.compile(r"([A-Z]\w*)\.(?:get|get_all|find|plan|select|request|requests)\(([^()]*)$")
MAGIC = re.compile(r"^\s*%(?:plan|get)\s+([A-Z]\w*)\s+(.*)$")
GIVEN = re.compile(r"(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([\w.+-]+))")
OPEN = re.compile(r"(\w+)\s*=\s*['\"]([^'\"]*)$")
WORDS = ("pars", "retry", "grow", "fresh")

Found = tuple[str, list[str]]


def completions(text: str, namespace: Mapping[str, Any]) -> Found | None:
    """What can follow `text`: the fragment that is typed already and the words that begin with it; None where nothing is known."""
    for pattern, complete in ((CALL, in_call), (MAGIC, in_magic), (WALK, in_walk)):
        match = pattern.search(text)
        found = complete(match, namespace) if match else None
        if found is not None:
            return found
    return None


def in_walk(match: re.Match[str], namespace: Mapping[str, Any]) -> Found | None:
    """Names of attributes and links, from a class or an object on."""
    head, *steps = match[1].split(".")
    start = namespace.get(head)
    cls = start if isinstance(start, type) else type(start)
    if not (isinstance(cls, type) and issubclass(cls, Mapped)):
        return None
    at_start = cls
    for name in steps:
        declared = cls.__mapping__.declared.get(name)
        if not isinstance(declared, Dependency | DependencyList | Part):
            return None
        cls = declared.type
    names = list(cls.__mapping__.names)
    if not steps or isinstance(start, DBObject):
        names += [name for name in dir(at_start if not steps else cls) if not name.startswith("_") and name not in names]
    return match[2], [name for name in names if name.startswith(match[2])]


def in_call(match: re.Match[str], namespace: Mapping[str, Any]) -> Found | None:
    """Keys and their values inside ``Class.get(...)``."""
    cls = namespace.get(match[1])
    if not (isinstance(cls, type) and issubclass(cls, DBObject)):
        return None
    value = OPEN.search(match[2])
    if value:
        return value[2], beginning(value[2], cls, value[1], given(match[2][:value.start()]))
    fragment = match[2].rpartition(",")[2].strip()
    if not re.fullmatch(r"\w*", fragment):
        return None
    more = WORDS if parameters(cls) else WORDS[1:]
    return fragment, [f"{name}=" for name in (*key_names(cls), *more) if name.startswith(fragment)]


def in_magic(match: re.Match[str], namespace: Mapping[str, Any]) -> Found | None:
    """Keys and their values after ``%plan Class``."""
    cls = namespace.get(match[1])
    if not (isinstance(cls, type) and issubclass(cls, DBObject)):
        return None
    before, _, last = match[2].rpartition(" ")
    name, equals, typed = last.partition("=")
    if equals:
        return typed, beginning(typed, cls, name, given(before))
    return last, [f"{each}=" for each in key_names(cls) if each.startswith(last)]


def beginning(fragment: str, cls: type, name: str, others: Mapping[str, Any]) -> list[str]:
    """The values of a key that begin with `fragment`; none where the database cannot tell."""
    try:
        return [value for value in key_values(cls, name, others) if value.startswith(fragment)]
    except (AweError, SQLAlchemyError):
        return []


def given(text: str) -> dict[str, str]:
    """The keys that were given already."""
    return {match[1]: next(value for value in match.groups()[1:] if value is not None) for match in GIVEN.finditer(text)}


def matcher(shell: Any) -> Any:
    """The function that IPython asks."""
    @context_matcher()  # type: ignore[untyped-decorator]
    def awe_matcher(context: Any) -> dict[str, Any]:
        found = completions(context.text_until_cursor.splitlines()[-1] if context.text_until_cursor else "", shell.user_ns)
        if found is None:
            return {"completions": []}
        return {"completions": [SimpleCompletion(text=word, type="awe") for word in found[1]], "matched_fragment": found[0],
                "suppress": bool(found[1]), "ordered": True}
    return awe_matcher
