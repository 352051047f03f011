"""The database as it stood at an earlier moment, as a release froze it, or as it would be if something were edited.

What can be edited of an object was, at a moment, what the first later line of the change log about it calls `old`, and else is
what it is now.  With `created` and that, the rows of `candidate` and `object` follow for any moment, for all objects at once;
what is assumed of some objects is put in the same place.  Two things are not brought back: objects that have been deleted since,
and a view of what has been hidden since.
"""
from __future__ import annotations

import contextlib
import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.guard import EDITED
from awe.persist.mapping import OBJECTS
from awe.persist.types import from_microseconds, to_microseconds

#: What objects that were edited later were then: one row each, and their rows of `candidate`.
THEN, LATE = "awe_then", "awe_late"

HISTORY = """INSERT INTO {then} WITH first AS (SELECT c.oid, c.field, min(c.seq) AS seq FROM change c
WHERE c."when" > {at} AND c.field IN ({fields}) GROUP BY c.oid, c.field),
was AS (SELECT f.oid, {olds} FROM first f JOIN change c ON c.seq = f.seq GROUP BY f.oid)
SELECT o.oid, o.class_id, o.anchor, {values} FROM was w JOIN {main}.object o ON o.oid = w.oid WHERE o.creation_date <= {at}"""
#: Hidden since, or shown since: either way it is seen by whoever saw it then and sees it now.
LEAST = """CASE WHEN w.project_id IS NOT NULL AND w.project_id <> o.project_id AND (w.privileges < 3 OR o.privileges < 3) THEN 1
WHEN w.privileges < o.privileges THEN w.privileges ELSE o.privileges END"""
#: A point in time stays one; an interval gets the ends it had, and the bin of their distance.
ROWS = """INSERT INTO {late} SELECT c.sel,
CASE WHEN {point} THEN 0 ELSE (SELECT min(b.span) FROM span b WHERE b.length >= s.t_end - s.t_start) END,
CASE WHEN {point} THEN c.t_start ELSE s.t_start END, c.oid, CASE WHEN {point} THEN c.t_end ELSE s.t_end END, c.created, c.object_id,
CASE WHEN s.is_valid > 0 AND (s.quality_flags & {blocking} = 0 OR s.is_valid = 2) THEN 1 ELSE 0 END,
s.privileges, s.project_id, c.creator_id, c.params_id, c.own, c.value
FROM {then} s {join} {main}.candidate c ON c.oid = s.oid WHERE {there} ON CONFLICT DO NOTHING"""
POINT = "c.span = 0 AND c.t_start = s.anchor AND c.t_end = s.anchor + 1"
UNEDITED = "SELECT * FROM {main}.candidate c WHERE {there} AND {unedited}"
#: Up to so many objects are named in the statement, which PostgreSQL looks up faster than in a table.
NAMED = 10_000
#: The bin of the longest validity that can be assumed; all of time is shorter.
WIDEST = 60
#: What else belongs to a moment: the parameters that had been set, and the jobs that had ended; nothing was being made.
BESIDE = {"parameter_set": 't."when" <= {at}', "job": "t.ended <= {at}", "lease": "1 = 0"}


@dataclass(frozen=True)
class Shadow:
    """What stands before the real tables.

    Attributes
    ----------
    moment
        microseconds since 1970; None for the present
    assumed
        (row number of an object, column of `object`, value) of what is to be taken as edited
    release, name
        the number and the name of the release whose members alone are there
    """

    moment: int | None = None
    assumed: tuple[tuple[int, str, int], ...] = ()
    release: int | None = None
    name: str = ""

    def __bool__(self) -> bool:
        return self != Shadow()

    @property
    def words(self) -> str:
        """What is looked at, in words."""
        if self.release is not None:
            return f"in release {self.name}"
        words = [f"as of {from_microseconds(self.moment):%Y-%m-%d %H:%M:%S} UTC"] if self.moment is not None else []
        return ", ".join([*words, *(["with something assumed"] if self.assumed else [])])

    def there(self, alias: str, created: str, main: str) -> str:
        """The criterion of what is there at all."""
        there = "1 = 1" if self.moment is None else f"{alias}.{created} <= {self.moment}"
        if self.release is None:
            return there
        return there + f" AND EXISTS (SELECT 1 FROM {main}.release_member m WHERE m.release_id = {self.release} AND m.oid = {alias}.oid)"


@dataclass
class Cast:
    """What was put before the real tables of one connection: how many objects are not as they are, and how to take it away."""

    edited: int = 0
    made: list[str] = field(default_factory=list)


def cast(connection: sa.Connection, shadow: Shadow) -> Cast:
    """Put temporary tables and views before the real ones of this connection; `lift` takes them away."""
    done = Cast()
    try:
        if any(column in ("t_start", "t_end") for _, column, _ in shadow.assumed):
            _make_span(connection, done.made)
        done.edited = _make_states(connection, shadow, done.made)
        _make_candidate(connection, shadow, done.made, done.edited)
        _make_object(connection, shadow, done.made)
        if shadow.moment is not None:
            for name, criterion in BESIDE.items():
                text = f"AS SELECT * FROM {_main(connection)}.{name} t WHERE {criterion.format(at=shadow.moment)}"
                _create(connection, done.made, "VIEW", name, text)
        _forget_plans(connection)
    except BaseException:
        with contextlib.suppress(sa.exc.DBAPIError):  # a transaction that has failed takes them away itself
            lift(connection, done)
        raise
    return done


def lift(connection: sa.Connection, done: Cast) -> None:
    """Take away what `cast` has made."""
    for statement in reversed(done.made):
        connection.exec_driver_sql(statement)
    _forget_plans(connection)


@contextlib.contextmanager
def as_of(connection: sa.Connection, moment: datetime.datetime | int) -> Iterator[Cast]:
    """Let `candidate` and `object` be what they were at `moment`, for every statement of this connection in the block.

    Temporary tables and views of these names stand before the real ones, with the same columns, so that the planner's
    statements, and all others, need not know: objects that were made later are not there, and what was edited later is as it
    was.  The cost does not depend on how many statements follow.  On PostgreSQL it goes with the number of later edits; on
    SQLite, where there are any, `candidate` is copied once, half a microsecond a row.

    Parameters
    ----------
    connection
        one to read from, best that of `Database.snapshot()`; nothing may be written through it in the block
    moment
        a time, or microseconds since 1970; an edit at that very microsecond counts

    Notes
    -----
    Privileges are the lower of then and now, so that the usual predicate shows what was seen then and may be seen now.  An
    object appears from its `creation_date` on, which lies a little before the end of the transaction that wrote it.
    """
    done = cast(connection, Shadow(moment if isinstance(moment, int) else to_microseconds(moment)))
    try:
        yield done
    except BaseException:
        with contextlib.suppress(sa.exc.DBAPIError):  # a transaction that has failed takes them away itself
            lift(connection, done)
        raise
    lift(connection, done)


def blocking_of(column: str) -> str:
    """The flags that keep an object of the class in `column` from being used, as SQL; all, where the class is not installed."""
    classes: dict[int, list[int]] = defaultdict(list)
    for number, cls in OBJECTS.items():
        classes[cls.blocking_flags].append(number)
    cases = " ".join(f"WHEN {column} IN ({', '.join(map(str, sorted(numbers)))}) THEN {mask}" for mask, numbers in classes.items())
    return f"CASE {cases} ELSE -1 END"


def _make_states(connection: sa.Connection, shadow: Shadow, made: list[str]) -> int:
    """The states of objects that are not as they are; says how many."""
    columns = [tables.object_.c[name] for name in ("oid", "class_id", "anchor", *EDITED.values())]
    _create(connection, made, "TABLE", THEN, f"({_typed(connection, columns)}, PRIMARY KEY (oid))")
    count = 0
    if shadow.moment is not None:
        olds = ", ".join(f"max(CASE WHEN c.field = '{field}' THEN CAST(c.old AS BIGINT) END) AS {column}"
                         for field, column in EDITED.items())
        values = ", ".join(LEAST if column == "privileges" else f"coalesce(w.{column}, o.{column})" for column in EDITED.values())
        fields = ", ".join(f"'{field}'" for field in EDITED)
        count = connection.exec_driver_sql(HISTORY.format(then=THEN, main=_main(connection), at=shadow.moment, olds=olds, values=values,
                                                          fields=fields)).rowcount
    names = ", ".join(column.name for column in columns)
    for oid, column, value in shadow.assumed:
        there = shadow.there("o", "creation_date", _main(connection))
        count += connection.exec_driver_sql(
            f"INSERT INTO {THEN} SELECT {names} FROM {_main(connection)}.object o WHERE o.oid = {int(oid)} AND {there} "
            "ON CONFLICT DO NOTHING").rowcount
        connection.exec_driver_sql(f"UPDATE {THEN} SET {column} = {int(value)} WHERE oid = {int(oid)}")
    return count


def _make_span(connection: sa.Connection, made: list[str]) -> None:
    """The bins of lengths of validity, with one in which any assumed validity fits."""
    name = tables.span.name
    _create(connection, made, "TABLE", name, f"({_typed(connection, tables.span.columns)}, PRIMARY KEY (span))")
    where = _temporary(connection)
    connection.exec_driver_sql(f"INSERT INTO {where}.{name} SELECT * FROM {_main(connection)}.{name}")
    connection.exec_driver_sql(f"INSERT INTO {where}.{name} VALUES ({WIDEST}, {1 << WIDEST}) ON CONFLICT DO NOTHING")


def _make_candidate(connection: sa.Connection, shadow: Shadow, made: list[str], edited: int) -> None:
    main, name = _main(connection), tables.candidate.name
    there = shadow.there("c", "created", main)
    if not edited:
        _create(connection, made, "VIEW", name, f"AS SELECT * FROM {main}.candidate c WHERE {there}")
        return
    copied = connection.dialect.name == "sqlite"
    rows = ROWS.format(late="{late}", main=main, then=THEN, point=POINT, join="CROSS JOIN" if copied else "JOIN",
                       blocking=f"({blocking_of('s.class_id')})", there=there)
    if copied:
        _copy_candidate(connection, there, made)
        connection.exec_driver_sql(rows.format(late=f"temp.{name}").replace("INSERT INTO", "INSERT OR IGNORE INTO")
                                   .removesuffix(" ON CONFLICT DO NOTHING"))
        return
    _create(connection, made, "TABLE", LATE, f"({_typed(connection, tables.candidate.columns)}, PRIMARY KEY (sel, span, t_start, oid))")
    connection.exec_driver_sql(rows.format(late=LATE))
    connection.exec_driver_sql(f"ANALYZE {LATE}")
    unedited = f"NOT EXISTS (SELECT 1 FROM {THEN} s WHERE s.oid = c.oid)"
    if edited <= NAMED:
        oids = connection.exec_driver_sql(f"SELECT oid FROM {THEN}").scalars()
        unedited = f"c.oid <> ALL ('{{{','.join(map(str, oids))}}}'::bigint[])"
    text = UNEDITED.format(main=main, there=there, unedited=unedited)
    _create(connection, made, "VIEW", name, f"AS {text} UNION ALL SELECT * FROM {LATE}")


def _copy_candidate(connection: sa.Connection, there: str, made: list[str]) -> None:
    """All of `candidate`, into a table of exactly the same words: SQLite then copies its pages without a look at the rows."""
    text = str(connection.exec_driver_sql("SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = 'candidate'").scalar())
    _create(connection, made, "TABLE", tables.candidate.name, text[text.index("("):])
    connection.exec_driver_sql("INSERT INTO temp.candidate SELECT * FROM main.candidate")
    connection.exec_driver_sql(f"DELETE FROM temp.candidate AS c WHERE NOT ({there}) OR c.oid IN (SELECT oid FROM {THEN})")


def _make_object(connection: sa.Connection, shadow: Shadow, made: list[str]) -> None:
    edited, main = set(EDITED.values()), _main(connection)
    names = [column.name for column in tables.object_.columns]
    columns = ", ".join(f"coalesce(s.{name}, o.{name}) AS {name}" if name in edited else f"o.{name}" for name in names)
    source = f"{main}.object o LEFT JOIN {THEN} s ON s.oid = o.oid WHERE {shadow.there('o', 'creation_date', main)}"
    _create(connection, made, "VIEW", tables.object_.name, f"AS SELECT {columns} FROM {source}")


def _typed(connection: sa.Connection, columns: Iterable[sa.Column[Any]]) -> str:
    """Columns with the types that they really have, which statements that are prepared already rely upon."""
    return ", ".join(f'"{column.name}" {column.type.compile(connection.dialect)} NOT NULL' for column in columns)


def _main(connection: sa.Connection) -> str:
    """The schema where the real tables are."""
    return "main" if connection.dialect.name == "sqlite" else f'"{connection.exec_driver_sql("SELECT current_schema()").scalar()}"'


def _temporary(connection: sa.Connection) -> str:
    """The schema where temporary tables are."""
    return "temp" if connection.dialect.name == "sqlite" else "pg_temp"


def _create(connection: sa.Connection, made: list[str], kind: str, name: str, text: str) -> None:
    connection.exec_driver_sql(f'CREATE TEMP {kind} "{name}" {text}')
    made.append(f'DROP {kind} {_temporary(connection)}."{name}"')


def _forget_plans(connection: sa.Connection) -> None:
    """Let prepared statements of PostgreSQL look anew what the names mean."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DISCARD PLANS")
