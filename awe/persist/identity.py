"""Who asks, on behalf of which project: what they may see is one criterion, put into every statement."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import sqlalchemy as sa

from awe.errors import ForbiddenError, QueryError

MYDB, PROJECT, ASTROWISE, WORLD, VO = 1, 2, 3, 4, 5
LEVELS = {MYDB: "MyDB", PROJECT: "Project", ASTROWISE: "Astro-WISE", WORLD: "World", VO: "VO"}


def level_of(privileges: int) -> int:
    """The privileges, where there are such; raises QueryError."""
    if privileges not in LEVELS or isinstance(privileges, bool):
        raise QueryError(f"privileges are {', '.join(f'{n} {name}' for n, name in LEVELS.items())}, not {privileges!r}")
    return privileges


@dataclass(frozen=True)
class Identity:
    """A user, the project they work for and the privileges that new objects get.

    An anonymous user has no name and the number 0, sees what the world may see, and writes nothing.  `highest` are the
    privileges up to which they make objects: managers any, others those that are usual in the project.
    """

    user: str
    user_id: int
    project: str
    project_id: int
    privileges: int
    member_of: frozenset[int] = frozenset()
    highest: int = VO

    def with_privileges(self, privileges: int) -> Self:
        """The same with other privileges for new objects; raises ForbiddenError where only managers give those."""
        self.check_level(level_of(privileges))
        return replace(self, privileges=privileges)

    def check_level(self, privileges: int) -> None:
        """Raise ForbiddenError where new objects cannot have these privileges."""
        if privileges > self.highest:
            raise ForbiddenError(f"{self.user} is no manager of {self.project}, and makes objects up to {LEVELS[self.highest]} "
                                 f"({self.highest}) there, not {LEVELS[privileges]} ({privileges}); "
                                 "let a manager publish them, or set_privileges lower")

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody in particular asks."""
        return self.user_id == 0

    @property
    def lowest(self) -> int:
        """The privileges from which on everything is visible."""
        return WORLD if self.is_anonymous else ASTROWISE

    @property
    def projects(self) -> tuple[int, ...]:
        """The projects whose objects are visible: those one is a member of and the current one, which may be public."""
        return () if self.is_anonymous else tuple(sorted(self.member_of | {self.project_id}))

    @property
    def kind(self) -> str:
        """Whose statements have the same text."""
        return "anonymous" if self.is_anonymous else "user"

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the parameters in `visible`, for a statement that somebody of the same `kind` has built."""
        return {} if self.is_anonymous else {"awe_user": self.user_id, "awe_projects": self.projects}

    def visible(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """The criterion on `table`, which is `object`, `candidate` or an alias of one of them."""
        levels = table.c.privileges
        if self.is_anonymous:
            return levels >= sa.literal_column(str(WORLD))
        return sa.or_(levels >= sa.literal_column(str(ASTROWISE)),
                      sa.and_(levels == sa.literal_column(str(PROJECT)),
                              table.c.project_id.in_(sa.bindparam("awe_projects", self.projects, sa.Integer, expanding=True))),
                      sa.and_(levels == sa.literal_column(str(MYDB)),
                              table.c.creator_id == sa.bindparam("awe_user", self.user_id, sa.Integer)))

    def visible_text(self, alias: str) -> str:
        """The same criterion as text, for statements that are written by hand."""
        if self.is_anonymous:
            return f"{alias}.privileges>={self.lowest}"
        projects = ",".join(map(str, self.projects))
        return (f"({alias}.privileges>={self.lowest} or {alias}.privileges={PROJECT} and {alias}.project_id in ({projects}) "
                f"or {alias}.privileges={MYDB} and {alias}.creator_id={self.user_id})")

    def sees(self, privileges: int, project_id: int, creator_id: int) -> bool:
        """The same criterion for one object at hand."""
        return bool(privileges >= self.lowest or (privileges == PROJECT and project_id in self.projects)
                    or (privileges == MYDB and not self.is_anonymous and creator_id == self.user_id))


class _Everybody(Identity):
    """Sees everything: for checks of the database itself, never for a user."""

    @property
    def kind(self) -> str:
        """No one in particular."""
        return "everybody"

    def visible(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """No criterion."""
        return sa.true()

    def visible_text(self, alias: str) -> str:
        """No criterion."""
        return "1=1"

    def sees(self, privileges: int, project_id: int, creator_id: int) -> bool:
        """Everything."""
        return True


EVERYBODY = _Everybody("", 0, "", 0, 0)


def all_readers_see(reader: Any, thing: Any) -> bool:
    """Whether everybody who sees `reader` sees `thing`; both have privileges, project_id and creator_id."""
    if thing.privileges >= min(reader.privileges, WORLD) and thing.privileges >= ASTROWISE:
        return True
    if thing.privileges == PROJECT:
        return bool(reader.privileges <= PROJECT and reader.project_id == thing.project_id)
    return bool(thing.privileges == MYDB and reader.privileges == MYDB and reader.creator_id == thing.creator_id)
