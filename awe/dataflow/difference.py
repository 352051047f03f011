"""What differs between two objects, and why: parameters, code, or what they were made from, down to where it began."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from awe.errors import QueryError
from awe.persist import batch
from awe.persist.declare import Parameter
from awe.persist.lineage import card
from awe.persist.making import Making, making_of
from awe.persist.selector import selector_of
from awe.persist.value import keys_of, measured

Pair = tuple[Any, Any]


@dataclass
class InputDifference:
    """What differs in one place among the inputs: something else stands there, is there in one only, or has another value."""

    slot: str
    first: Any = None
    second: Any = None
    below: Difference | None = None

    @property
    def text(self) -> str:
        """In words."""
        if self.first is None or self.second is None:
            only, which = (self.second, "second") if self.first is None else (self.first, "first")
            return f"{self.slot}: only the {which} used {only!r}"
        if self.below is None:
            return f"{self.slot}: {self.first!r} and {self.second!r}"
        return f"{self.slot}: {self.first!r} and {self.second!r} have different values"


@dataclass
class Difference:
    """How two objects differ, and why.

    Attributes
    ----------
    first, second
        the objects
    keys, measured, parameters, code, files
        name -> what the first has and what the second has; only what differs. `measured` holds attributes and parts, `files` SHA-256
    inputs
        what differs among the inputs, each with its own difference below
    """

    first: Any
    second: Any
    keys: dict[str, Pair] = field(default_factory=dict)
    measured: dict[str, Pair] = field(default_factory=dict)
    parameters: dict[str, Pair] = field(default_factory=dict)
    code: dict[str, Pair] = field(default_factory=dict)
    files: dict[str, Pair] = field(default_factory=dict)
    inputs: list[InputDifference] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Whether the two have the same value: the same content, whoever made it when."""
        return self.first.value is not None and self.first.value == self.second.value

    def causes(self) -> list[str]:
        """Where the differences begin, in words: each parameter, version or input that is not explained by one below it."""
        return list(dict.fromkeys(self._causes(set())))

    def _causes(self, seen: set[int]) -> Iterator[str]:
        if id(self) in seen:
            return
        seen.add(id(self))
        name = type(self.first).__name__
        yield from (f"{name}: {what} {one!r} and {other!r}" for what, (one, other) in self.parameters.items())
        if "version" in self.code:
            yield f"{name}: version {self.code['version'][0]} and {self.code['version'][1]} of the class"
        elif "digest" in self.code:
            yield f"{name}: another state of the code ({self.code['digest'][0][:12]} and {self.code['digest'][1][:12]})"
        for each in self.inputs:
            if each.below is None:
                yield f"{name}.{each.text}"
            else:
                yield from each.below._causes(seen)
        if not (self.parameters or self.code or self.inputs) and not self.is_equal:
            yield f"{name}: {self.first!r} and {self.second!r} were not made from anything that differs"

    def lines(self, level: int = 0, seen: set[int] | None = None) -> Iterator[str]:
        """A tree that can be read, a fact a line."""
        seen = set() if seen is None else seen
        pad = "  " * level
        if id(self) in seen:
            yield f"{pad}(shown above)"
            return
        seen.add(id(self))
        for title, pairs in (("key", self.keys), ("measured", self.measured), ("parameter", self.parameters), ("code", self.code),
                             ("file", self.files)):
            yield from (f"{pad}{title} {name}: {shown(one)} | {shown(other)}" for name, (one, other) in pairs.items())
        for each in self.inputs:
            yield f"{pad}{each.text}"
            if each.below is not None:
                yield from each.below.lines(level + 1, seen)

    def __str__(self) -> str:
        head = f"{self.first!r} | {self.second!r}: " + ("the same value" if self.is_equal else "different values")
        why = [f"  {cause}" for cause in self.causes()]
        return "\n".join([head, *(["because of", *why] if why else []), "in detail", *self.lines(1)])

    def as_dict(self) -> dict[str, Any]:
        """In plain values, as JSON has them."""
        pairs = {title: {name: list(pair) for name, pair in getattr(self, title).items()}
                 for title in ("keys", "measured", "parameters", "code", "files")}
        inputs = [{"slot": each.slot, "first": each.first and card(each.first), "second": each.second and card(each.second),
                   "below": each.below and each.below.as_dict()} for each in self.inputs]
        return {"first": card(self.first), "second": card(self.second), "equal": self.is_equal, "causes": self.causes(), **pairs,
                "inputs": inputs}


def difference(first: Any, second: Any) -> Difference:
    """Compare two committed objects of one class, and all they were made from as far as it differs.

    Inputs are matched by their natural keys; those with equal values are equal, and nothing below them is looked at.

    Raises
    ------
    QueryError
        they are not of one class
    """
    return differences([(first, second)])[0]


def differences(pairs: Iterable[Pair]) -> list[Difference]:
    """Compare many pairs: level by level, in a number of statements that depends on how deep they differ and not on how many they are.

    Raises
    ------
    QueryError
        two of a pair are not of one class
    """
    comparison = Comparison()
    found = [comparison.of(*pair) for pair in pairs]
    batch.remember({id(obj): obj for each in found for obj in (each.first, each.second)}.values())
    comparison.run()
    return found


class Comparison:
    """Compares pairs of objects, each pair once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Difference] = {}
        self._new: list[Difference] = []

    def of(self, first: Any, second: Any) -> Difference:
        """How two objects of one class differ, which `run` finds out."""
        if type(first) is not type(second):
            raise QueryError(f"{first!r} and {second!r} are of different classes; only objects of one class can be compared")
        found = self._known.get((first.oid, second.oid))
        if found is None:
            found = self._known[first.oid, second.oid] = Difference(first, second)
            if first.oid != second.oid:
                self._new.append(found)
        return found

    def run(self) -> None:
        """Compare all pairs that were asked for, and then those of their inputs that differ, until there are no more."""
        while self._new:
            level, self._new = self._new, []
            makings = making_of(obj for each in level for obj in (each.first, each.second))
            for each in level:
                self._compare(each, makings[each.first.oid], makings[each.second.oid])

    def _compare(self, found: Difference, one: Making, other: Making) -> None:
        first, second = found.first, found.second
        found.keys = unequal(keys_of(first), keys_of(second))
        found.measured = unequal(all_measured(first), all_measured(second))
        found.parameters = unequal(own_parameters(first, one), own_parameters(second, other))
        found.code = unequal(flat(one.code), flat(other.code))
        found.files = unequal(*({role: file["sha256"] for role, file in each.files.items()} for each in (one, other)))
        found.inputs = list(self._inputs(one.inputs, other.inputs))

    def _inputs(self, ours: dict[str, list[Any]], theirs: dict[str, list[Any]]) -> Iterator[InputDifference]:
        for slot in dict.fromkeys([*ours, *theirs]):
            here, there = numbered(ours.get(slot, [])), numbered(theirs.get(slot, []))
            if len(here) == len(there) == 1 and here.keys() != there.keys():
                yield InputDifference(slot, *here.values(), *there.values())
                continue
            for own in dict.fromkeys([*here, *there]):
                first, second = here.get(own), there.get(own)
                if first is None or second is None:
                    yield InputDifference(slot, first, second)
                elif first.oid != second.oid and (first.value is None or first.value != second.value):
                    yield InputDifference(slot, first, second, self.of(first, second) if type(first) is type(second) else None)


def numbered(objects: list[Any]) -> dict[tuple[bytes, int], Any]:
    """Objects by class and natural key, and the how manieth of that key."""
    found: dict[tuple[bytes, int], Any] = {}
    for one in objects:
        own = selector_of(type(one), keys_of(one)) if not type(one).__abstract__ else one.object_id.encode()
        number = next(number for number in range(len(objects)) if (own, number) not in found)
        found[own, number] = one
    return found


def unequal(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Pair]:
    """What two dicts do not have in common."""
    return {name: (ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)}


def all_measured(obj: Any) -> dict[str, Any]:
    """Attributes, and those of parts as ``part.attribute``."""
    parts = {name: getattr(obj, name) for name in type(obj).__mapping__.parts}
    inner = {f"{name}.{what}": value for name, part in parts.items() if part is not None for what, value in measured(part).items()}
    return {**measured(obj), **inner}


def own_parameters(obj: Any, made: Making) -> dict[str, Any]:
    """The process parameters an object was made with."""
    mapping = type(obj).__mapping__
    return {name: value for name, value in made.parameters.items() if isinstance(mapping.attributes.get(name), Parameter)}


def flat(code: dict[str, Any]) -> dict[str, Any]:
    """Version, digest, commit and libraries on one level."""
    return {**{name: value for name, value in code.items() if name != "libraries"}, **(code.get("libraries") or {})}


def shown(value: Any) -> str:
    """A value, short."""
    text = "-" if value is None else f"{value:.8g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 48 else text[:45] + "..."
