"""Raising and lowering privileges: of some objects and, where asked, of all that they were made from.

Everybody who sees an object sees what it was made from.  So who publishes a coadd publishes its frames, their flats and the
raw data below, all in one transaction, or nothing; and what others use keeps the readers that they have.
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.identity import ASTROWISE, LEVELS, MYDB, PROJECT, WORLD, all_readers_see, level_of
from awe.persist.journal import Line, note_changes
from awe.persist.load import ROOT
from awe.persist.mapping import class_of
from awe.persist.project import managed_by, membership
from awe.persist.release import released
from awe.persist.session import Database, current
from awe.persist.touched import touch
from awe.persist.user import somebody

#: From the objects down to what its readers at the new level could not see; there it ends, since those see all below.
CLOSURE = """WITH RECURSIVE reached(oid, project_id) AS (
SELECT o.oid, o.project_id FROM object o WHERE o.oid IN (SELECT {each})
UNION SELECT i.oid, r.project_id FROM reached r JOIN edge e ON e.target = r.oid JOIN object i ON i.oid = e.input WHERE NOT ({seen}))
SELECT r.project_id, o.oid, o.object_id, o.class_id, o.privileges, o.project_id, o.creator_id
FROM reached r JOIN object o ON o.oid = r.oid ORDER BY o.oid"""
EACH = {"sqlite": "value FROM json_each(?)", "postgresql": "unnest(%s::bigint[])"}
SHOWN = 6
#: Why an input refuses to be used where the closure is not raised.
HIDDEN = "has fewer readers than what is made from it would have"


@dataclass(frozen=True)
class Step:
    """What happens to one object; `refused` says why it cannot."""

    oid: int
    object_id: str
    class_id: int
    privileges: int
    project_id: int
    creator_id: int
    was: int
    refused: str = ""

    @property
    def name(self) -> str:
        """The object in two words."""
        return f"{class_of(self.class_id).__name__} {self.object_id[:8]}"


@dataclass(frozen=True)
class Publication:
    """What is, or would be, done.

    Attributes
    ----------
    privileges
        the new privileges
    steps
        the objects whose privileges change
    files
        how many files they have
    refused
        those of them, or of what they were made from, that stand in the way, each with its reason
    """

    privileges: int
    steps: tuple[Step, ...]
    files: int = 0
    refused: tuple[Step, ...] = field(default=(), repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each class."""
        return dict(Counter(class_of(step.class_id).__name__ for step in self.steps))

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, as JSON has them."""
        def rows(steps: Iterable[Step]) -> list[dict[str, Any]]:
            return [{"object_id": step.object_id, "class": class_of(step.class_id).__name__, "was": step.was,
                     **({"refused": step.refused} if step.refused else {})} for step in steps]
        return {"privileges": self.privileges, "objects": rows(self.steps), "files": self.files, "counts": self.counts,
                "refused": rows(self.refused)}

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items()) or "nothing"
        return f"{counts} to {LEVELS[self.privileges]} ({self.privileges}), with {self.files} files"


def publish(objects: Iterable[Any], privileges: int, why: str = "", *, closure: bool = False, dry_run: bool = False,
            undo_of: Mapping[int, int] | None = None) -> Publication:
    """Give objects other privileges.

    Parameters
    ----------
    objects
        committed objects
    privileges
        1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO
    why
        the reason, kept in the change log
    closure
        whether what they were made from is raised too, as far as their new readers could not see it
    dry_run
        whether it is only told what would be done, and what stands in the way
    undo_of
        which lines of the change log are taken back, by the row numbers of objects

    Raises
    ------
    ForbiddenError
        something is not theirs to raise or lower, would use what its readers cannot see, or is used by what has more readers;
        nothing has been changed then
    """
    database = current()
    level_of(privileges)
    somebody(database)
    roots = []
    for obj in objects:
        if "_row" not in obj.__dict__:
            raise QueryError(f"{obj!r} is not committed; set privileges as an attribute")
        roots.append(obj.oid)
    return database.write(lambda connection: _publish(database, connection, roots, privileges, why, closure, dry_run, undo_of or {}))


def _publish(database: Database, connection: sa.Connection, roots: list[int], privileges: int, why: str, closure: bool,
             dry_run: bool, undo_of: Mapping[int, int]) -> Publication:
    found = _looked_at(database, connection, roots, privileges)
    asked = set(roots)
    changing = [step for step in found if (step.oid in asked or closure) and step.was != step.privileges]
    refused = _not_theirs(database, connection, changing)
    if not closure:
        refused += [replace(step, refused=HIDDEN) for step in found if step.oid not in asked]
    refused += [step for step in found if step.refused and (closure or step.oid in asked)]
    refused += _blinded(database, connection, {step.oid: step for step in changing})
    refused += _released(database, connection, changing)
    told = Publication(privileges, tuple(changing), _files(database, connection, changing), tuple(refused))
    if dry_run:
        return told
    if refused:
        raise ForbiddenError(_in_words(told))
    sels = connection.scalars(sa.select(tables.candidate.c.sel).distinct().where(among(tables.candidate.c.oid, database.dialect)),
                              numbers([step.oid for step in changing], database.dialect)).all()
    note_changes(connection, [Line(step.oid, "privileges", step.was, privileges, undo_of.get(step.oid)) for step in changing],
                 database.identity.user_id, why or f"published as {LEVELS[privileges]}")
    touch(connection, {bytes(sel) for sel in sels})
    database.after_commit(lambda: _refresh(database, changing))
    return told


def _looked_at(database: Database, connection: sa.Connection, roots: list[int], privileges: int) -> list[Step]:
    """The objects, and what they were made from as far as it would have to be raised."""
    seen = f"i.privileges >= {min(privileges, WORLD)}"
    if privileges < ASTROWISE:
        seen = f"i.privileges >= {ASTROWISE} OR i.privileges >= {privileges} AND i.project_id = r.project_id"
    statement = CLOSURE.format(each=EACH[database.dialect], seen=seen)
    given = json.dumps(roots) if database.dialect == "sqlite" else roots
    rows = connection.exec_driver_sql(statement, (given,)).fetchall()
    missing = set(roots) - {row[1] for row in rows if database.identity.sees(*row[4:])}
    if missing:
        raise NotFoundError(f"{len(missing)} of {len(roots)} objects are not there any more, or cannot be seen")
    steps: dict[int, Step] = {}
    for project, oid, object_id, class_id, was, project_id, creator_id in rows:
        step = Step(oid, bytes(object_id).hex(), class_id, privileges, project_id, creator_id, was)
        if privileges == PROJECT and project != project_id and was < ASTROWISE:
            step = replace(step, refused=f"belongs to {_project(database, connection, step)}, and members of "
                                         f"{database.names.name(connection, tables.project, project)} see it from {ASTROWISE} on only")
        elif privileges == MYDB and oid not in roots:
            step = replace(step, refused="is somebody else's alone")
        if oid not in steps or step.refused:
            steps[oid] = step
    return list(steps.values())


def _not_theirs(database: Database, connection: sa.Connection, changing: Sequence[Step]) -> list[Step]:
    who = database.identity
    manages, member_of = managed_by(connection, who), membership(connection, who)
    refused = []
    for step in changing:
        if max(step.was, step.privileges) >= ASTROWISE:
            if step.project_id not in manages:
                refused.append(replace(step, refused=f"only managers of {_project(database, connection, step)} change "
                                                     f"privileges from {ASTROWISE} on"))
        elif step.creator_id != who.user_id and step.project_id not in member_of:
            refused.append(replace(step, refused=f"was made by somebody else for {_project(database, connection, step)}, of which "
                                                 f"{who.user} is no member"))
    return refused


def _blinded(database: Database, connection: sa.Connection, changing: dict[int, Step]) -> list[Step]:
    """What is lowered and has users whose readers could no longer see it."""
    lowered = [step.oid for step in changing.values() if step.was > step.privileges]
    if not lowered:
        return []
    root, edge = tables.object_.c, tables.edge.c
    users = sa.select(edge.input, root.oid, root.object_id, root.class_id, root.privileges, root.project_id, root.creator_id).join(
        tables.edge, edge.target == root.oid).where(among(edge.input, database.dialect))
    blind: dict[int, list[Any]] = {}
    for row in connection.execute(users, numbers(lowered, database.dialect)):
        if not all_readers_see(changing.get(row.oid, row), changing[row.input]):
            blind.setdefault(row.input, []).append(row)
    said = []
    for oid, theirs in blind.items():
        seen = [f"{class_of(row.class_id).__name__} {row.object_id[:8]}" for row in theirs
                if database.identity.sees(row.privileges, row.project_id, row.creator_id)]
        users_of = f"{len(seen)} objects with more readers, such as {', '.join(seen[:SHOWN])}" if seen else "what has more readers"
        said.append(replace(changing[oid], refused=f"is used by {users_of}; its privileges cannot be lowered to "
                                                   f"{changing[oid].privileges}"))
    return said


def _released(database: Database, connection: sa.Connection, changing: Iterable[Step]) -> list[Step]:
    """What is lowered and belongs to a release whose readers could no longer see it."""
    lowered = {step.oid: step for step in changing if step.was > step.privileges}
    kept = released(connection, lowered, database.dialect) if lowered else {}
    return [replace(lowered[oid], refused="belongs to a release that has more readers") for oid, rows in kept.items()
            if not all(all_readers_see(row, lowered[oid]) for row in rows)]


def _files(database: Database, connection: sa.Connection, steps: Sequence[Step]) -> int:
    kept = tables.object_file.c
    counted = sa.select(sa.func.count()).where(among(kept.oid, database.dialect))
    return int(connection.scalar(counted, numbers([step.oid for step in steps], database.dialect)) or 0)


def _project(database: Database, connection: sa.Connection, step: Step) -> str:
    return database.names.name(connection, tables.project, step.project_id)


def _in_words(told: Publication) -> str:
    """All that stands in the way, in one line."""
    groups: dict[str, list[Step]] = {}
    for step in told.refused:
        groups.setdefault(step.refused, []).append(step)
    listed = []
    for reason, steps in groups.items():
        names = ", ".join(f"{step.name} (privileges {step.was})" for step in steps[:SHOWN])
        more = f" and {len(steps) - SHOWN} more" if len(steps) > SHOWN else ""
        if reason == HIDDEN:
            listed.append(f"it would use {len(steps)} objects with fewer readers, such as a {names}{more}; "
                          "publish those first, or with the closure")
        else:
            listed.append(f"{names}{more}: {reason}")
    return f"privileges {told.privileges} ({LEVELS[told.privileges]}) are refused: {'; '.join(listed)}; a dry run lists all"


def _refresh(database: Database, steps: Iterable[Step]) -> None:
    """Let the objects that Python holds know."""
    at = ROOT.index("privileges")
    for step in steps:
        held = database.objects.get(step.oid)
        if held is not None:
            row = held.__dict__["_row"]
            held.__dict__["_row"] = (*row[:at], step.privileges, *row[at + 1:])
