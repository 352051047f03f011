"""Which process parameters are wanted: call, then project, filter, chip, instrument, then the declared default."""
from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.errors import ConfigError, UnknownNameError, did_you_mean
from awe.persist import tables
from awe.persist.canonical import canonical, digest16
from awe.persist.declare import Parameter, natural_key, number_of, parameters, slots
from awe.persist.selector import class_name
from awe.persist.types import FOREVER

#: Instrument, chip and filter; empty where a class has no such key.
Scope = tuple[str, str, str]
NOWHERE: Scope = ("", "", "")

LEVELS = {"instrument": 1, "chip": 2, "filter": 3, "project": 4}


def coerce(cls: type, name: str, value: Any) -> Any:
    """Return `value` in the declared type of the parameter `name` of `cls`, within its limits."""
    declared = parameters(cls)
    if name not in declared:
        raise UnknownNameError(f"{cls.__name__} has no parameter {name!r}{did_you_mean(name, declared)}")
    parameter = declared[name]
    problem = f"{cls.__name__}.{name} = {value!r}: "
    if isinstance(value, bool) != (parameter.type is bool) or (isinstance(value, str) != (parameter.type is str)):
        raise ConfigError(f"{problem}a {parameter.type.__name__} is wanted ({parameter.doc})")
    if parameter.type is int and isinstance(value, float) and not value.is_integer():
        raise ConfigError(f"{problem}a whole number is wanted ({parameter.doc})")
    try:
        value = parameter.type(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{problem}a {parameter.type.__name__} is wanted ({parameter.doc})") from None
    return _within_limits(parameter, value, problem)


def _within_limits(parameter: Parameter[Any], value: Any, problem: str) -> Any:
    if parameter.choices and value not in parameter.choices:
        raise ConfigError(f"{problem}it is one of {', '.join(map(repr, parameter.choices))}")
    if parameter.at_least is not None and not value >= parameter.at_least:
        raise ConfigError(f"{problem}it is at least {parameter.at_least} {parameter.unit}".rstrip())
    if parameter.at_most is not None and not value <= parameter.at_most:
        raise ConfigError(f"{problem}it is at most {parameter.at_most} {parameter.unit}".rstrip())
    return value


@dataclass
class Wanted:
    """The parameters one target should have.

    Attributes
    ----------
    values
        its own, by name
    ids
        the rows of `parameters` that say the same; 0, which stands for none, where what was ingested will do
    below
        values given with the call for targets that it stands on, as ``Class.name``: what is made with them is found again only by
        a call with the same
    """

    values: dict[str, Any]
    ids: tuple[int, ...] = ()
    below: dict[str, Any] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, Any]:
        """What is written down with an object."""
        return {**self.values, **self.below}


NOTHING_WANTED = Wanted({}, (0,))


@dataclass
class ParameterBook:
    """Looks up wanted parameters for one plan: two statements in all, however many targets there are.

    `call` maps a class name to the values given with the call; unknown classes and names are refused at once.
    """

    connection: sa.Connection
    project_id: int
    call: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _sets: dict[int, list[Any]] | None = None
    _rows: dict[int, str] | None = None
    _ids: dict[bytes, int] = field(default_factory=dict)
    _below: dict[type, dict[str, Any]] = field(default_factory=dict)
    _wanted: dict[tuple[type, Scope, int], Wanted] = field(default_factory=dict)

    def wanted(self, cls: type, scope: Scope, at: int) -> Wanted:
        """The values wanted of `cls` for an instrument, chip and filter at time `at`."""
        declared, below = parameters(cls), self.below(cls)
        if not declared and not below:
            return NOTHING_WANTED
        sets = self.sets_of(cls)
        if not sets:
            scope, at = NOWHERE, 0
        elif not any(is_limited(row) for row in sets):
            at = 0
        key = (cls, scope, at)
        if key not in self._wanted:
            values = {name: parameter.default for name, parameter in declared.items()}
            for _, stored in in_force(sets, scope, at):
                values.update({name: coerce(cls, name, stored[name]) for name in stored if name in declared})
            values.update({name: coerce(cls, name, value) for name, value in self.call.get(cls.__name__, {}).items()})
            self._wanted[key] = Wanted(values, self.ids_of(cls, values, below), below)
        return self._wanted[key]

    def uniform(self, cls: type) -> tuple[int, ...] | None:
        """The rows that mean what is wanted of every object of `cls`; None where that depends on which and when."""
        return None if self.sets_of(cls) else self.wanted(cls, NOWHERE, 0).ids

    def depends_on_time(self, cls: type) -> bool:
        """Whether what is wanted of `cls` is not the same at all times."""
        return any(is_limited(row) for row in self.sets_of(cls))

    def below(self, cls: type) -> dict[str, Any]:
        """What the call says of targets that `cls` stands on, other than what they are made with anyway."""
        if not self.call:
            return {}
        if cls not in self._below:
            self._below[cls] = {
                f"{other.__name__}.{name}": coerced for other in sorted(stood_on(cls), key=lambda each: each.__name__)
                for name, value in self.call.get(other.__name__, {}).items()
                if (coerced := coerce(other, name, value)) != parameters(other)[name].default or self.sets_of(other)}
        return self._below[cls]

    def sets_of(self, cls: type) -> list[Any]:
        """The stored sets of `cls`, those that weigh most last."""
        if self._sets is None:
            self._sets = {}
            table = tables.parameter_set
            statement = sa.select(table).where((table.c.project_id == 0) | (table.c.project_id == self.project_id))
            for row in self.connection.execute(statement.order_by(table.c.level, table.c.id)):
                self._sets.setdefault(row.class_id, []).append(row)
        return self._sets.get(number_of(class_name(cls)), []) if self._sets else []

    def ids_of(self, cls: type, values: Mapping[str, Any], below: Mapping[str, Any]) -> tuple[int, ...]:
        """The rows of `parameters` that mean `values`; a parameter added later may be absent where it was the same.

        Of a class that has parameters, what has none recorded was ingested, and serves whatever is wanted.
        """
        self._read()
        later = [name for name, p in parameters(cls).items() if p.was is not None and p.was == values[name]]
        absent = itertools.chain.from_iterable(itertools.combinations(later, n) for n in range(len(later) + 1))
        same = ({**{name: value for name, value in values.items() if name not in leave}, **below} for leave in absent)
        digests = [digest16(each) for each in same if each]
        ingested = (0,) if values else ()
        return (*(self._ids[digest] for digest in digests if digest in self._ids), *ingested)

    def values_of(self, params_id: int) -> dict[str, Any]:
        """The values behind one row of `parameters`."""
        text = self._read().get(params_id)
        return json.loads(text) if text else {}

    def _read(self) -> dict[int, str]:
        if self._rows is None:
            self._rows = {}
            table = tables.parameters.c
            for id_, digest, text in self.connection.execute(sa.select(table.id, table.digest, table.json)):
                self._rows[id_], self._ids[bytes(digest)] = text, id_
        return self._rows


@functools.cache
def stood_on(cls: type) -> frozenset[type]:
    """The classes of everything that objects of `cls` are made from, and what that is made from, and so on."""
    found: set[type] = set()
    below = [cls]
    for each in below:
        new = {slot.type for slot in slots(each).values()} - found
        found |= new
        below.extend(new)
    return frozenset(found - {cls})


def is_limited(row: Any) -> bool:
    """Whether a stored set is meant for some time only."""
    return bool(row.t_start > FOREVER[0] or row.t_end < FOREVER[1])


def in_force(sets: Iterable[Any], scope: Scope, at: int) -> list[tuple[Any, dict[str, Any]]]:
    """The values that count for a scope at a time, place by place, those that weigh most last, each with its newest row.

    Rows of one place are changes, one after the other; a value that is null takes back what was said before.
    """
    places: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
    for row in sorted(sets, key=lambda row: row.id):
        if applies(row, scope, at):
            place = (row.level, row.project_id, row.instrument, row.chip, row.filter)
            merged = {**places.get(place, (row, {}))[1], **json.loads(row.values)}
            places[place] = (row, {name: value for name, value in merged.items() if value is not None})
    return sorted(places.values(), key=lambda one: (one[0].level, *weight(one[0])))


def weight(row: Any) -> tuple[int, int]:
    """What weighs more among sets of one level: what is meant for less, then the newer."""
    return sum(map(bool, (row.instrument, row.chip, row.filter))), row.id


def applies(row: Any, scope: Scope, at: int) -> bool:
    """Whether a stored set is meant for this instrument, chip and filter at this time."""
    named = (row.instrument, row.chip, row.filter)
    return row.t_start <= at < row.t_end and all(not name or name == ours for name, ours in zip(named, scope, strict=True))


def scope_of(cls: type, keys: Mapping[str, Any]) -> Scope:
    """Instrument, chip and filter among the natural keys of an object of `cls`."""
    known = natural_key(cls)
    instrument, chip, filter_ = (str(keys.get(name) or "") if name in known else "" for name in cls.scope_names)  # type: ignore[attr-defined]
    return instrument, chip, filter_


def scope_of_keys(keys: Mapping[str, Any]) -> Scope:
    """Instrument, chip and filter among natural keys."""
    return str(keys.get("instrument") or ""), str(keys.get("chip") or ""), str(keys.get("filter") or "")


def scope_of_names(cls: type, names: Scope) -> Scope:
    """Of the instrument, chip and filter that an object of `cls` belongs to, those that are among its natural keys."""
    known = natural_key(cls)
    instrument, chip, filter_ = (name if ours in known else "" for ours, name in zip(cls.scope_names, names, strict=True))  # type: ignore[attr-defined]
    return instrument, chip, filter_


def check_call(call: Mapping[str, Mapping[str, Any]], classes: Iterable[type]) -> None:
    """Refuse parameters given for classes or names that do not exist."""
    known = {cls.__name__: cls for cls in classes}
    for name, values in call.items():
        if name not in known:
            raise UnknownNameError(f"parameters given for {name!r}, which is no target{did_you_mean(name, known)}")
        for parameter, value in values.items():
            coerce(known[name], parameter, value)


def as_json(values: Mapping[str, Any]) -> str:
    """The canonical text of a parameter set."""
    return canonical(dict(values))
