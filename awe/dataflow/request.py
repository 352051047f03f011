"""From what a person says to natural keys: what is left out follows from the raw data, or is asked back."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from awe.dataflow.moment import When, moment
from awe.dataflow.site import Site
from awe.errors import AmbiguousError, NoRawDataError, UnknownNameError, did_you_mean
from awe.persist.declare import Dependency, DependencyList, declarations, natural_key, slots
from awe.persist.types import to_microseconds


class Request(NamedTuple):
    """One target that is asked for: its class, its natural key, and the time it is wanted for."""

    cls: type
    keys: dict[str, Any]
    at: int


class Source(NamedTuple):
    """The raw data a class goes back to, and under which names they know its keys."""

    cls: type
    names: dict[str, str]


def source_of(cls: type) -> Source | None:
    """The raw data that lead `cls`; the first where several may."""
    return next(iter(sources_of(cls)), None)


def sources_of(cls: type) -> list[Source]:
    """Follow what may lead `cls` down to data that cannot be made: the first dependency, and those after it while they are optional."""
    found: list[Source] = []
    for slot in slots(cls).values():
        if isinstance(slot, Dependency) and slot.key:
            continue
        below = slot.member if isinstance(slot, DependencyList) else slot.type
        pairs = {ours: theirs for theirs, ours in slot.same if "." not in ours}
        if isinstance(slot, DependencyList) and slot.one_per is not None and getattr(slot.one_per, "raw_data", False) is False:
            below = slot.type
            pairs.update({ours: theirs for theirs, ours in slot.also if "." not in ours})
        found += sources_through(cls, below, pairs)
        if not slot.optional:
            break
    return found


def sources_through(cls: type, below: type, pairs: dict[str, str]) -> list[Source]:
    """The raw data that `cls` goes back to through a dependency on `below`; `pairs` are what keys of `cls` are called there."""
    if not getattr(below, "can_be_made", False):
        return [Source(below, {**shared_names(cls, below), **pairs})] if getattr(below, "raw_data", False) else []
    return [Source(deeper.cls, {**shared_names(cls, deeper.cls),
                                **{ours: deeper.names[theirs] for ours, theirs in pairs.items() if theirs in deeper.names}})
            for deeper in sources_of(below)]


def shared_names(cls: type, below: type) -> dict[str, str]:
    """The names of the natural key of `cls` that its raw data know by the same name."""
    return {name: name for name in natural_key(cls) if name in declarations(below)}


def requests(cls: type, given: Mapping[str, Any], when: When | None, site: Callable[[str], Site]) -> list[Request]:
    """All targets of `cls` that `given` can mean.

    Raises
    ------
    UnknownNameError
        a name is neither a key of the class nor an attribute of its raw data
    NoRawDataError
        there is no raw data like that
    """
    keys = {name: getattr(value, "name", value) for name, value in given.items() if value is not None}
    natural, sources = natural_key(cls), sources_of(cls)
    known = {*natural, *(name for source in sources for name in declarations(source.cls))}
    for name in keys:
        if name not in known:
            raise UnknownNameError(f"{cls.__name__} has no key {name!r}{did_you_mean(name, known)}")
    found = from_raw(cls, sources, keys) if sources else [(keys, None)]
    asked: dict[tuple[Any, ...], Request] = {}
    for complete, latest in found:
        place = site(str(complete.get("instrument", "")))
        at = moment(when, place) if when is not None else latest
        full = cls.complete(complete, at)  # type: ignore[attr-defined]
        missing = [name for name in natural if name not in full]
        if missing:
            raise AmbiguousError(f"{cls.__name__} needs {' and '.join(missing)} too; "
                                 f"its keys are {', '.join(natural)}, and {', '.join(keys) or 'none'} was given")
        ordered = {name: full[name] for name in natural}
        asked.setdefault(tuple(ordered.values()), Request(cls, ordered, at if at is not None else 0))
    return list(asked.values())


def from_raw(cls: type, sources: list[Source], keys: dict[str, Any]) -> list[tuple[dict[str, Any], int | None]]:
    """Every way to complete `keys` with what the raw data say, each with the time of the latest of them; the first source goes first."""
    fit = [source for source in sources if all(name in natural_key(cls) or name in declarations(source.cls) for name in keys)]
    found = [each for source in fit or sources for each in completed(cls, source, keys)]
    if not found:
        raise NoRawDataError(why_none(cls, (fit or sources)[0], keys))
    return found


def completed(cls: type, source: Source, keys: dict[str, Any]) -> list[tuple[dict[str, Any], int | None]]:
    """Every way to complete `keys` with what raw data of one kind say."""
    missing = [name for name in natural_key(cls) if name not in keys and name in source.names]
    paths = [path_of(source.cls, source.names[name]) for name in missing]
    latest: dict[tuple[Any, ...], int] = {}
    for *values, anchor in raw_query(source, keys).values(*paths, "anchor"):
        time = anchor if isinstance(anchor, int) else to_microseconds(anchor)
        latest[tuple(values)] = max(time, latest.get(tuple(values), time))
    return [({**keys, **dict(zip(missing, values, strict=True))}, time) for values, time in sorted(latest.items(), key=repr)]


def raw_query(source: Source, keys: Mapping[str, Any]) -> Any:
    """The raw data with these keys, as far as they know them."""
    query = source.cls.is_valid > 0  # type: ignore[attr-defined]
    for name, value in keys.items():
        theirs = source.names.get(name, name)
        if theirs in declarations(source.cls):
            query = query & (attribute(source.cls, theirs) == value)
    return query


def attribute(cls: type, name: str) -> Any:
    """The attribute of a class to compare with; a link is compared by its name."""
    found = getattr(cls, name)
    return found.name if isinstance(declarations(cls)[name], Dependency) else found


def path_of(cls: type, name: str) -> str:
    """The path of an attribute; a link goes by its name."""
    return f"{name}.name" if isinstance(declarations(cls).get(name), Dependency) else name


def why_none(cls: type, source: Source, keys: Mapping[str, Any]) -> str:
    """Which of the keys no raw data has, with near names."""
    asked = ", ".join(f"{name}={value!r}" for name, value in keys.items()) or "anything"
    if not len(source.cls.is_valid > 0):  # type: ignore[attr-defined]
        return f"{cls.__name__} is made from {source.cls.__name__}, of which there is none that you can see; `awe ingest` brings them in"
    for name, value in keys.items():
        theirs = source.names.get(name, name)
        if theirs in declarations(source.cls) and not len(raw_query(source, {name: value})):
            there = (source.cls.is_valid > 0).values(path_of(source.cls, theirs))  # type: ignore[attr-defined]
            values = {str(row[0]) for row in there if row[0] is not None}
            return f"no {source.cls.__name__} has {name} {value!r}, so there is no {cls.__name__} with {asked}" + \
                did_you_mean(str(value), values)
    return f"no {source.cls.__name__} has all of {asked}, so there is no such {cls.__name__}; leave one of them out to see what there is"
