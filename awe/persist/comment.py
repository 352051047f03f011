"""What people say of objects: comments, reviews with a rating, announcements; lines of the change log that change nothing."""
from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError, did_you_mean
from awe.persist import tables
from awe.persist.guard import SAID
from awe.persist.journal import Change, Line, lines, note_change
from awe.persist.session import current
from awe.persist.types import from_microseconds

LONGEST = 2000
RATINGS = range(1, 6)


@dataclass(frozen=True)
class Comment:
    """What somebody said of an object.

    Attributes
    ----------
    seq
        its number in the change log, by which it can be taken back
    kind
        ``comment``, ``review`` or ``announcement``
    text, rating
        what was said; 1 (poor) to 5 (excellent), None without a rating
    who, when
        the user and the moment
    """

    seq: int
    kind: str
    text: str
    rating: int | None
    who: str
    when: datetime.datetime

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, as JSON has them."""
        return {**asdict(self), "when": self.when.isoformat()}

    def __str__(self) -> str:
        rated = f" ({self.rating} of {RATINGS[-1]})" if self.rating else ""
        return f"{self.seq}: {self.kind}{rated} by {self.who} at {self.when:%Y-%m-%d %H:%M:%S}: {self.text}"


def comment(obj: Any, text: str, *, rating: int | None = None, kind: str = "comment") -> None:
    """Say something of a committed object; whoever sees it may, and all who see it read it.

    Raises
    ------
    QueryError
        nothing is said, or too much, or it is of no known kind; a rating is not 1 to 5, or not part of a review
    NotFoundError, ForbiddenError
        the object cannot be seen; nobody in particular says nothing
    """
    database = current()
    who, said = database.identity, text.strip()
    if who.is_anonymous:
        raise ForbiddenError("nobody in particular cannot say anything of an object; connect with a user")
    if "_row" not in obj.__dict__:
        raise QueryError(f"{obj!r} is not committed; commit it before something is said of it")
    if kind not in SAID:
        raise QueryError(f"{kind!r} was given; what is said is one of {', '.join(SAID)}{did_you_mean(kind, SAID)}")
    if not 0 < len(said) <= LONGEST:
        raise QueryError(f"a {kind} has 1 to {LONGEST} characters, not {len(said)}")
    if rating is not None and (rating not in RATINGS or kind != "review"):
        raise QueryError(f"rating {rating} of a {kind} was given; a review has one from {RATINGS[0]} to {RATINGS[-1]}")

    def work(connection: sa.Connection) -> None:
        table = tables.object_
        if connection.execute(sa.select(table.c.oid).where(table.c.oid == obj.oid, who.visible(table))).first() is None:
            raise NotFoundError(f"{obj!r} is not there any more, or cannot be seen")
        note_change(connection, Line(obj.oid, kind, None, rating), who.user_id, said)
    database.write(work)


def take_back(connection: sa.Connection, line: Change, why: str) -> None:
    """Take back what one said oneself; it stays in the change log, with a line that says so.

    Raises ForbiddenError where somebody else said it, or it was taken back before.
    """
    who = current().identity
    if line.who != who.user:
        raise ForbiddenError(f"{line.field} {line.seq} is by {line.who}, who alone can take it back")
    if line.undo_of is not None or lines(connection, tables.change.c.undo_of == line.seq):
        raise ForbiddenError(f"{line.field} {line.seq} was taken back; say it again")
    note_change(connection, Line(line.oid, line.field, line.new, None, line.seq), who.user_id, why)


def standing(found: Iterable[Change]) -> list[Comment]:
    """What was said, and not taken back, among lines of the change log."""
    said = [line for line in found if line.field in SAID]
    gone = {line.undo_of for line in said}
    return [Comment(line.seq, line.field, line.why, int(line.new) if line.new else None, line.who, line.when)
            for line in said if line.seq not in gone and line.undo_of is None]


def lines_about(obj: Any) -> list[Change]:
    """All lines about an object that can be seen, up to the moment as of which the database is looked at; the oldest first."""
    database = obj.__dict__["_database"]
    seen = sa.exists().where(tables.object_.c.oid == obj.oid, database.identity.visible(tables.object_))
    until = [] if database.moment is None else [tables.change.c.when <= from_microseconds(database.moment)]
    with database.reading() as connection:
        return lines(connection, tables.change.c.oid == obj.oid, seen, *until)
