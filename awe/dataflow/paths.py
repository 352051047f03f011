"""What a slot asks for: the keys of something else, read off the node that depends on it."""
from __future__ import annotations

from typing import Any

from awe.dataflow.node import Ask, Node
from awe.errors import DeclarationError
from awe.persist.declare import Dependency, DependencyList, declarations, natural_key


class NotYet(Exception):
    """A path leads through something that has not been looked up yet."""


def asked_keys(node: Node, slot: Dependency[Any] | DependencyList[Any]) -> dict[str, Any] | None:
    """The keys that `slot` of `node` asks for; None where one of them does not exist; raises NotYet."""
    keys = {theirs: value_at(node, ours) for theirs, ours in slot.same}
    return None if any(value is None for value in keys.values()) else keys


def value_at(node: Node, path: str) -> Any:
    """The value of a dotted path of `node`: a key, a parameter, or an attribute of something it depends on."""
    first, _, rest = path.partition(".")
    if not rest and node.keys and first in node.keys:
        return node.keys[first]
    if not rest and first in node.parameters:
        return node.parameters[first] if node.parameters[first] != "" else None
    if not rest and hasattr(node.cls, f"key_{first}"):
        return getattr(node.cls, f"key_{first}")(node.keys or {}, node.parameters)
    if node.obj is not None and not node.restarted:
        return value_of_object(node.obj, path)
    declared = declarations(node.cls).get(first)
    if declared is None:
        raise DeclarationError(f"{node.cls.__name__} has no {first!r}, which one of its dependencies asks for")
    if isinstance(declared, Dependency):
        return through(node, first, rest)
    raise DeclarationError(f"{node.cls.__name__}.{first} is not known before it is made; dependencies cannot ask for it")


def through(node: Node, slot: str, rest: str) -> Any:
    """The value of `rest` at the other end of a single slot of `node`."""
    asked = node.inputs.get(slot)
    if asked is None:
        if slot in node.pending:
            raise NotYet(slot)
        return None
    assert isinstance(asked, Ask)
    if not rest:
        return key_name(asked.keys)
    if asked.keys and rest in asked.keys:
        return asked.keys[rest]
    if asked.node is None:
        raise NotYet(slot)
    child = asked.node
    if child.winner is None:
        return None if child.state.is_blocked else value_at(child, rest)
    if child.obj is None:
        raise NotYet(slot)
    return value_of_object(child.obj, rest)


def key_name(keys: dict[str, Any] | None) -> Any:
    """What a key link counts by: the name in its keys."""
    return None if keys is None else keys.get("name")


def value_of_object(obj: Any, path: str) -> Any:
    """The value of a dotted path of a persistent object; a link at its end counts by its name."""
    for name in path.split("."):
        if obj is None:
            return None
        obj = getattr(obj, name)
    return getattr(obj, "name", obj) if hasattr(type(obj), "__declared__") else obj


def keys_of_object(obj: Any, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The natural key of a persistent object, or the given attributes of it."""
    return {name: value_of_object(obj, name) for name in names or natural_key(type(obj))}
