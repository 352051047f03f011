"""What an object was made from and what was made from it: one step, or all the way in one recursive statement."""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.persist import batch, tables
from awe.persist.journal import changes_of
from awe.persist.load import by_class, read, read_class
from awe.persist.making import database_of, inputs_of, making_of
from awe.persist.mapping import Mapped, class_of
from awe.persist.session import Database
from awe.persist.value import keys_of

#: SQLite takes the rows of a recursion one by one, and walks over row numbers; PostgreSQL takes a level at a time, and walks
#: over uses, which spares it a second look at each.
CLOSURE = {
    "sqlite": """WITH RECURSIVE closure(oid) AS (SELECT ? UNION SELECT e.{there} FROM closure c JOIN edge e ON e.{here} = c.oid{seen})
SELECT e.target, e.slot, e.pos, e.input FROM closure c CROSS JOIN edge e WHERE e.{here} = c.oid{seen}""",
    "postgresql": """WITH RECURSIVE uses AS (SELECT target, slot, pos, input FROM edge e WHERE {here} = %s{seen}
UNION SELECT e.target, e.slot, e.pos, e.input FROM (SELECT DISTINCT {there} FROM uses) u JOIN edge e ON e.{here} = u.{there}{seen})
SELECT * FROM uses"""}
#: Who sees an object sees all that it was made from (see `sharing`), but not all that was made from it.
SEEN = " AND (SELECT {visible} FROM object o WHERE o.oid = e.{there})"


class Link(NamedTuple):
    """One object used by another, as the database keeps it.

    `depth` counts the steps from where the walk began.
    """

    target: int
    slot: int
    pos: int
    input: int
    depth: int


class Closure:
    """All that an object was made from, or all that was made from it.

    Attributes
    ----------
    links
        every use of one object by another on the way, nearest first
    depths
        row number -> the least number of steps from where the walk began
    """

    def __init__(self, database: Database, start: int, rows: Sequence[Any], *, upwards: bool) -> None:
        self._database, self._start, self._rows = database, start, rows
        self._near, self._far = (0, 3) if upwards else (3, 0)

    @functools.cached_property
    def depths(self) -> dict[int, int]:
        """Row number -> least number of steps, nearest first; the object where the walk began is not in it."""
        near, far = self._near, self._far
        away: dict[int, list[int]] = {}
        for row in self._rows:
            away.setdefault(row[near], []).append(row[far])
        depths, level, depth = {self._start: 0}, [self._start], 0
        while level:
            depth += 1
            reached = dict.fromkeys(oid for here in level for oid in away.get(here, ()) if oid not in depths)
            depths.update(dict.fromkeys(reached, depth))
            level = list(reached)
        del depths[self._start]
        return depths

    @functools.cached_property
    def links(self) -> list[Link]:
        """Every use of one object by another, nearest first."""
        depths = {self._start: 0, **self.depths}
        found = [Link._make((*row, depths[row[self._near]] + 1)) for row in self._rows]
        return sorted(found, key=lambda link: (link.depth, link.target, link.slot, link.pos))

    def __len__(self) -> int:
        return len(self.depths)

    def __repr__(self) -> str:
        return f"<{len(self)} objects in {max(self.depths.values(), default=0)} levels>"

    def objects(self) -> list[Any]:
        """The objects themselves, nearest first, read together."""
        found = read(self._database, list(self.depths))
        batch.remember(found.values())
        return [found[oid] for oid in self.depths if oid in found]

    def of_class(self, cls: type) -> list[Any]:
        """Those that are of `cls` or a class below it; no others are read."""
        return self._chosen(lambda each: issubclass(each, cls))

    def raw(self) -> list[Any]:
        """Those that are raw data."""
        return self._chosen(lambda each: bool(each.raw_data))

    def _chosen(self, test: Callable[[type[Mapped]], bool]) -> list[Any]:
        found: dict[int, Any] = {}
        for number, oids in by_class(self._database, list(self.depths)).items():
            if test(class_of(number)):
                found.update(read_class(self._database, class_of(number), oids))
        batch.remember(found.values())
        return [found[oid] for oid in self.depths if oid in found]


def made_from(obj: Any) -> dict[str, list[Any]]:
    """The visible objects that `obj` used, by the name of the slot, in order."""
    return inputs_of(database_of(obj), {obj.oid: obj})[obj.oid]


def used_by(obj: Any) -> list[Any]:
    """The visible objects that used `obj`, the oldest first."""
    database, edge = database_of(obj), tables.edge.c
    with database.reading() as connection:
        targets = connection.scalars(sa.select(edge.target).where(edge.input == obj.oid).distinct()).all()
    found = read(database, sorted(targets))
    batch.remember(found.values())
    return [found[oid] for oid in sorted(found)]


def ancestors(obj: Any) -> Closure:
    """Everything `obj` was made from, down to the raw data."""
    return _closure(obj, "target", "input")


def descendants(obj: Any) -> Closure:
    """Everything that was made from `obj`, at any distance."""
    return _closure(obj, "input", "target")


def _closure(obj: Any, here: str, there: str) -> Closure:
    database = database_of(obj)
    seen = "" if here == "target" else SEEN.format(visible=database.identity.visible_text("o"), there=there)
    statement = CLOSURE[database.dialect].format(here=here, there=there, seen=seen)
    with database.reading() as connection:
        rows = connection.exec_driver_sql(statement, (obj.oid,)).fetchall()
    return Closure(database, obj.oid, rows, upwards=here == "target")


@dataclass(frozen=True)
class Everything:
    """All that is known of how an object came to be.

    Attributes
    ----------
    obj
        the object
    inputs
        slot -> what it used
    parameters
        name -> value, as it was made with
    code
        version of the class, digest of its source, commit, versions of the libraries that compute
    jobs
        when, where and by whom it was made, and how that ended
    files
        role -> global name, SHA-256 and size
    changes
        the change log: who changed what, when and why
    """

    obj: Any
    inputs: dict[str, list[Any]]
    parameters: dict[str, Any]
    code: dict[str, Any]
    jobs: list[dict[str, Any]]
    files: dict[str, dict[str, Any]]
    changes: list[dict[str, Any]]

    @functools.cached_property
    def ancestors(self) -> Closure:
        """All that it was made from; looked up when it is first asked for."""
        return ancestors(self.obj)

    @property
    def raw(self) -> list[Any]:
        """The raw data at the bottom."""
        return self.ancestors.raw()

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, as JSON has them."""
        return {"object": card(self.obj), "inputs": {slot: [card(each) for each in used] for slot, used in self.inputs.items()},
                "parameters": self.parameters, "code": self.code, "jobs": self.jobs, "files": self.files, "changes": self.changes,
                "ancestors": len(self.ancestors), "raw": [card(each) for each in self.raw]}


def name_of_class(obj: Any) -> str:
    """The name of the class of an object, with its package where that is not installed."""
    return str(obj.class_name) if type(obj).__elsewhere__ else type(obj).__name__


def card(obj: Any) -> dict[str, Any]:
    """What identifies an object, in plain values."""
    keys = keys_of(obj) if not type(obj).__abstract__ else {}
    return {"class": name_of_class(obj), "object_id": obj.object_id, "keys": {name: _plain(value) for name, value in keys.items()},
            "creation_date": obj.creation_date.isoformat(), "creator": obj.creator, "project": obj.project}


def tell_everything(obj: Any) -> Everything:
    """Inputs, parameters, code, jobs, files and changes of one object, down to the raw data."""
    database, made = database_of(obj), making_of([obj])[obj.oid]
    with database.reading() as connection:
        return Everything(obj, made.inputs, made.parameters, made.code, _jobs(connection, obj), made.files,
                          [_plain_row(row) for row in changes_of(connection, obj.oid, database.moment)])


def _jobs(connection: sa.Connection, obj: Any) -> list[dict[str, Any]]:
    job, user = tables.job, tables.user
    columns = (job.c.state, job.c.started, job.c.ended, job.c.host, job.c.pid, user.c.name.label("user"), job.c.reason, job.c.log)
    statement = sa.select(*columns).select_from(job.outerjoin(user, user.c.id == job.c.who)).where(job.c.oid == obj.oid).order_by(job.c.id)
    return [_plain_row(row) for row in connection.execute(statement)]


def _plain_row(row: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
