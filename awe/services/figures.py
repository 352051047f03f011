"""The figures of the instance: what there is, as far as who asks can see it; counted once a minute for each kind of reader."""
from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.identity import Identity
from awe.persist.session import Database, current
from awe.services.house import House


@dataclass
class Figures:
    """Counts, and when they were made.

    `counts` has the number of objects by the number of their class, `jobs` that of jobs by their state.
    """

    counts: dict[int, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    users: int = 0
    projects: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    when: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    @property
    def objects(self) -> int:
        """All objects."""
        return sum(self.counts.values())


def figures_of(house: House, who: Identity) -> Figures:
    """The figures as `who` sees them, at most a minute old."""
    key = (who.user_id, who.projects, who.is_anonymous)
    found: Figures = house.figures.get(key, lambda: counted(current(), who))
    return found


def counted(database: Database, who: Identity) -> Figures:
    """Count, by five statements."""
    o, f, kept, job = tables.object_, tables.file, tables.object_file, tables.job
    seen = sa.exists().select_from(kept.join(o, o.c.oid == kept.c.oid)).where(kept.c.sha256 == f.c.sha256, who.visible(o))
    theirs = sa.select(job.c.state, job.c.privileges, job.c.project_id, job.c.who.label("creator_id")).subquery()
    with database.reading() as connection:
        def rows(statement: sa.Select[Any]) -> list[Any]:
            return list(connection.execute(statement).all())
        counts = {row[0]: row[1] for row in rows(sa.select(o.c.class_id, sa.func.count()).where(who.visible(o)).group_by(o.c.class_id))}
        files = rows(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(f.c.size), 0)).select_from(f).where(seen))[0]
        by_state = sa.select(theirs.c.state, sa.func.count()).where(who.visible(theirs)).group_by(theirs.c.state)
        jobs = {row[0]: row[1] for row in rows(by_state)}
        users = rows(sa.select(sa.func.count()).select_from(tables.user))[0][0]
        projects = rows(sa.select(sa.func.count()).select_from(tables.project))[0][0]
    return Figures(counts, files[0], int(files[1]), users, projects, jobs)
