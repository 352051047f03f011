"""Which process parameters are wanted: call, then project, filter, chip, instrument, then the declared default."""
from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.errors import ConfigError, UnknownNameError, did_you_mean
from awe.persist import tables
from awe.persist.canonical import canonical, digest16
from awe.persist.declare import Parameter, number_of, parameters
from awe.persist.selector import class_name

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
    """The parameters one target should have, and the rows that say the same."""

    values: dict[str, Any]
    ids: tuple[int, ...] = ()


@dataclass
class ParameterBook:
    """Looks up wanted parameters for one plan: two statements in all, however many targets there are.

    `call` maps a class name to the values given with the call; unknown classes and names are refused at once.
    """

    connection: sa.Connection
    project_id: int
    call: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _sets: dict[int, list[Any]] | None = None
    _ids: dict[bytes, int] | None = None
    _wanted: dict[tuple[type, Scope, int], Wanted] = field(default_factory=dict)

    def wanted(self, cls: type, scope: Scope, at: int) -> Wanted:
        """The values wanted of `cls` for an instrument, chip and filter at time `at`."""
        declared = parameters(cls)
        if not declared:
            return NOTHING_WANTED
        sets = self.sets_of(cls)
        key = (cls, scope, at) if sets else (cls, NOWHERE, 0)
        if key not in self._wanted:
            values = {name: parameter.default for name, parameter in declared.items()}
            for row in sets:
                if applies(row, scope, at):
                    stored = json.loads(row.values)
                    values.update({name: coerce(cls, name, stored[name]) for name in stored if name in declared})
            values.update({name: coerce(cls, name, value) for name, value in self.call.get(cls.__name__, {}).items()})
            self._wanted[key] = Wanted(values, self.ids_of(cls, values))
        return self._wanted[key]

    def sets_of(self, cls: type) -> list[Any]:
        """The stored sets of `cls`, those that weigh most last."""
        if self._sets is None:
            self._sets = {}
            table = tables.parameter_set
            statement = sa.select(table).where((table.c.project_id == 0) | (table.c.project_id == self.project_id))
            for row in self.connection.execute(statement.order_by(table.c.level, table.c.id)):
                self._sets.setdefault(row.class_id, []).append(row)
        return self._sets.get(number_of(class_name(cls)), [])

    def ids_of(self, cls: type, values: Mapping[str, Any]) -> tuple[int, ...]:
        """The rows of `parameters` that mean `values`; a parameter added later may be absent where it was the same."""
        if self._ids is None:
            rows = self.connection.execute(sa.select(tables.parameters.c.digest, tables.parameters.c.id))
            self._ids = {bytes(digest): id_ for digest, id_ in rows}
        later = [name for name, p in parameters(cls).items() if p.was is not None and p.was == values[name]]
        absent = itertools.chain.from_iterable(itertools.combinations(later, n) for n in range(len(later) + 1))
        same = ({name: value for name, value in values.items() if name not in leave} for leave in absent)
        digests = [digest16(each) for each in same]
        return tuple(self._ids[digest] for digest in digests if digest in self._ids)

    def values_of(self, params_id: int) -> dict[str, Any]:
        """The values behind one row of `parameters`."""
        text = self.connection.scalar(sa.select(tables.parameters.c.json).where(tables.parameters.c.id == params_id))
        return json.loads(text) if text else {}


NOTHING_WANTED = Wanted({}, (0,))


def applies(row: Any, scope: Scope, at: int) -> bool:
    """Whether a stored set is meant for this instrument, chip and filter at this time."""
    named = (row.instrument, row.chip, row.filter)
    return row.t_start <= at < row.t_end and all(not name or name == ours for name, ours in zip(named, scope, strict=True))


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
