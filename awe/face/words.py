"""What a person types, in the types that the declarations say: classes, ``key=value``, ``CLASS.name=value``."""
from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from awe.dataflow.registry import target_classes
from awe.dataflow.request import source_of
from awe.dataflow.target import ProcessTarget
from awe.errors import QueryError, UnknownNameError, did_you_mean
from awe.persist.declare import Attribute, declarations, parameters

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
TIMES = ("date", "time")


def target_named(name: str) -> type[ProcessTarget]:
    """The class of targets of that name."""
    known = {cls.__name__: cls for cls in target_classes() if issubclass(cls, ProcessTarget)}
    if name not in known:
        raise UnknownNameError(f"{name!r} is no class of targets{did_you_mean(name, known, listed=30)}")
    return known[name]


def keys_given(cls: type[ProcessTarget], words: Iterable[str]) -> dict[str, Any]:
    """The keys in ``key=value ...``, each in the type that `cls`, or the raw data it is made from, declares."""
    source = source_of(cls)
    raw = declarations(source.cls) if source is not None else {}
    names = source.names if source is not None else {}
    declared = {**raw, **{ours: raw[theirs] for ours, theirs in names.items() if theirs in raw}, **declarations(cls)}
    found: dict[str, Any] = {}
    for word in words:
        name, value = split(word, "key=value, as in filter=r")
        if name in found:
            raise QueryError(f"{name} was given twice: {found[name]!r} and {value!r}; give it once")
        one = declared.get(name)
        found[name] = value if name in TIMES or not isinstance(one, Attribute) else in_type(name, value, one.type)
    return found


def parameters_given(words: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The parameters in ``CLASS.name=value ...``, by class."""
    found: dict[str, dict[str, Any]] = {}
    for word in words:
        path, value = split(word, "CLASS.name=value, as in MasterBias.sigma_clip=5")
        class_name, dot, name = path.partition(".")
        if not dot:
            raise QueryError(f"{word!r} does not say whose parameter it is; write CLASS.name=value, as in MasterBias.sigma_clip=5")
        declared = parameters(target_named(class_name))
        if name not in declared:
            raise UnknownNameError(f"{class_name} has no parameter {name!r}{did_you_mean(name, declared)}")
        found.setdefault(class_name, {})[name] = in_type(path, value, declared[name].type)
    return found


def edit_given(text: str) -> tuple[str, str, Any]:
    """Object, field and value of ``ID field=value``."""
    name, _, edit = text.strip().partition(" ")
    return name, *field_given(edit, "'ID field=value', as in '3f2a is_valid=0'")


def field_given(text: str, form: str = "FIELD=VALUE, as in is_valid=0") -> tuple[str, Any]:
    """Field and value of ``field=value``."""
    field, value = split(text.strip(), form)
    return field, value if field.startswith("timestamp") else in_type(field, value, int)


def split(word: str, form: str) -> tuple[str, str]:
    """Name and value of ``name=value``."""
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise QueryError(f"{word!r} is not understood; write {form}")
    return name, value


def in_type(name: str, text: str, wanted: type) -> Any:
    """A value that was typed, in the type that is wanted."""
    try:
        if wanted is bool:
            return TRUTH[text.lower()]
        if wanted is datetime.datetime:
            return datetime.datetime.fromisoformat(text)
        return wanted(text)
    except (KeyError, ValueError):
        raise QueryError(f"{name}={text} was given, but a {wanted.__name__} is wanted") from None
