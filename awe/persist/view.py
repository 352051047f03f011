"""A database as somebody looks at it: as of a moment, inside a release, or with something assumed; nothing is written through it.

A view keeps one connection with its temporary tables, so that they are made once for all questions that are asked in a row.  No
transaction stays open in between: with each question it is looked at whether something was edited since, and if so they are made
anew.  A database keeps the connections of the last `MOST_KEPT` views, and takes back those of older ones.
"""
from __future__ import annotations

import contextlib
import dataclasses
import datetime
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa

from awe.errors import ForbiddenError, QueryError, TransientError
from awe.persist import role
from awe.persist.identity import Identity
from awe.persist.serial import latest
from awe.persist.session import SNAPSHOT, Database, current, using
from awe.persist.shadow import Cast, Shadow, cast, lift
from awe.persist.touched import mark, since
from awe.persist.types import from_microseconds, to_microseconds

T = TypeVar("T")
When = datetime.datetime | datetime.date | str | int

MOST_KEPT = 2
#: How often temporary tables are made anew, while others edit without pause.
TRIES = 5
STAMP = "SELECT (SELECT coalesce(max(seq), 0) FROM change), {touched}"
TOUCHED = "(SELECT count(*) FROM touched WHERE {since})"


class View(Database):
    """A database with other tables before its own; its objects are other Python objects than those of the present.

    Attributes
    ----------
    base
        the database itself
    shadow
        what stands before the real tables
    """

    def __init__(self, base: Database, shadow: Shadow) -> None:
        self._base, self.shadow, self.roles = base, shadow, base.roles
        self.engine, self.names, self.key_sets, self.lock = base.engine, base.names, base.key_sets, base.lock
        self.objects = weakref.WeakValueDictionary()
        self.view, self.kept, self._thread = None, [], base._thread
        self._guard = threading.RLock()
        self._connection: sa.Connection | None = None
        self._cast = Cast()
        self._seen: Any = None
        self._latest = self._mark = 0
        self._depth = 0

    @property
    def base(self) -> Database:
        """The database itself."""
        return self._base

    @property
    def standpoint(self) -> str:
        """From where it is looked at, in words."""
        return self.shadow.words

    @property
    def moment(self) -> int | None:
        """As of when it is looked at; None for the present."""
        return self.shadow.moment

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """Who looks: whoever uses the database."""
        return self._base.identity

    @identity.setter
    def identity(self, identity: Identity) -> None:
        self._base.identity = identity

    # ------------------------------------------------------------------ looking

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection whose statements all see the same; a block within joins in."""
        with self._guard:
            connection = self._ready() if not self._depth else self._connection
            assert connection is not None
            self._depth += 1
            try:
                yield connection
            finally:
                self._depth -= 1
                if not self._depth:
                    connection.rollback()

    reading = snapshot

    def _ready(self) -> sa.Connection:
        """The connection, with temporary tables that are current, in a transaction that reads."""
        for _ in range(TRIES):
            if self._connection is None:
                self._open()
            assert self._connection is not None
            try:
                self._connection.exec_driver_sql(SNAPSHOT[self.dialect])
                if self._stamp(self._connection) == self._seen:
                    return self._connection
                self._connection.rollback()
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            self.let_go()
        raise TransientError(f"others edit faster than the database can be looked at {self.standpoint}; try again")

    def _stamp(self, connection: sa.Connection) -> tuple[Any, ...]:
        """What the temporary tables depend on: edits, who looks, and new objects where these would be seen too."""
        moment = self.shadow.moment
        live = moment is None or moment > self._latest
        new = TOUCHED.format(since=since(connection, self._mark)) if live else "0"
        row = connection.exec_driver_sql(STAMP.format(touched=new)).one()
        return (*row, self.identity.user_id, self.identity.projects)

    def _open(self) -> None:
        connection = self.engine.connect()
        try:
            if self._base.roles:
                role.act(connection, self.identity)
            connection.exec_driver_sql(SNAPSHOT[self.dialect])
            self._latest, self._mark = latest(connection), mark(connection)
            self._seen = self._stamp(connection)
            self._cast = cast(connection, self.shadow)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        self._connection = connection
        self.objects.clear()
        keep(self)

    def let_go(self) -> None:
        """Give the connection back, without its temporary tables."""
        with self._guard:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    lift(connection, self._cast)
                except sa.exc.DBAPIError:
                    connection.invalidate()
                connection.close()

    @property
    def is_busy(self) -> bool:
        """Whether somebody reads just now."""
        return self._depth > 0

    # ------------------------------------------------------------------ what is refused

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Refused: nothing is written from here."""
        self._refuse()
        yield from ()

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Refused: nothing is written from here."""
        self._refuse()
        return work(None)  # type: ignore[arg-type]

    def _refuse(self) -> None:
        raise ForbiddenError(f"the database is looked at {self.standpoint}, where nothing can be made or changed; "
                             "go back to the present first (context.as_of = None, context.release = None, or the end of the block)")

    # ------------------------------------------------------------------ what the database does

    @contextlib.contextmanager
    def seen_by(self, identity: Identity) -> Iterator[Database]:
        """The same view with the eyes of somebody else."""
        with self._base.seen_by(identity) as other:
            view = View(other, self.shadow)
            try:
                with using(view):
                    yield view
            finally:
                view.let_go()

    def find_identity(self, user: str, project: str, privileges: int | None = None) -> Identity:
        """The identity of `user` in `project`."""
        return self._base.find_identity(user, project, privileges)

    def act_as(self, identity: Identity) -> None:
        """Use the database as somebody else, or for another project; the tables are then made anew."""
        self.objects.clear()
        self._base.act_as(identity)

    def close(self) -> None:
        """Close the database itself."""
        self._base.close()

    def __repr__(self) -> str:
        return f"{self._base!r} {self.standpoint}"


_keeping = threading.Lock()


def keep(view: View) -> None:
    """Note that a view has a connection; older ones give theirs back."""
    with _keeping:
        kept: list[Any] = view.base.kept
        kept[:] = [other for other in kept if other is not view] + [view]
        spare = [other for other in kept[:-MOST_KEPT] if not other.is_busy]
        kept[:] = [other for other in kept if other not in spare]
    for other in spare:
        other.let_go()


def view_of(base: Database, shadow: Shadow) -> View:
    """The view of a database with this shadow; the same again while it is kept."""
    for view in list(base.kept):
        if view.shadow == shadow:
            return view  # type: ignore[no-any-return]
    return View(base, shadow)


def shadow_now() -> Shadow:
    """Through which shadow the current database is looked at; an empty one in the present."""
    database = current()
    return database.shadow if isinstance(database, View) else Shadow()


@contextlib.contextmanager
def seen_through(shadow: Shadow) -> Iterator[Database]:
    """Let the current database be seen through a shadow inside the block, for this thread alone; an empty one changes nothing."""
    if not shadow:
        yield current()
        return
    with using(view_of(current().base, shadow)) as database:
        yield database


def look_through(shadow: Shadow) -> None:
    """Let the current database be seen through a shadow from now on; an empty one is the present."""
    base = current().base
    base.view = view_of(base, shadow) if shadow else None


class Moment:
    """`context.as_of`: the moment as of which everything is asked, and how to ask as of another.

    ``with context.as_of("2026-03-01"): ...`` does so for a block, ``context.as_of = "2026-03-01T12:00"`` from now on,
    ``context.as_of = None`` is the present again.
    """

    @property
    def time(self) -> datetime.datetime | None:
        """The moment; None in the present."""
        moment = shadow_now().moment
        return None if moment is None else from_microseconds(moment)

    def __call__(self, when: When) -> contextlib.AbstractContextManager[Database]:
        """A block in which everything is asked as of `when`."""
        return seen_through(shadow_at(when))

    def __bool__(self) -> bool:
        return self.time is not None

    def __repr__(self) -> str:
        return f"<as of {self.time:%Y-%m-%d %H:%M:%S.%f} UTC>" if self.time else "<the present>"


def shadow_at(when: When | None) -> Shadow:
    """The present shadow with another moment; None keeps it as it is."""
    shadow = shadow_now()
    if when is None:
        return shadow
    if shadow.release is not None:
        raise QueryError(f"release {shadow.name} is as of {from_microseconds(shadow.moment or 0):%Y-%m-%d %H:%M:%S} UTC, and of no other "
                         "moment; leave it first (context.release = None)")
    return dataclasses.replace(shadow, moment=instant(when))


def instant(when: When) -> int:
    """A moment in the life of the database, in microseconds: text is ISO, without a zone it is UTC, a date is its first moment."""
    try:
        if isinstance(when, str):
            when = datetime.datetime.fromisoformat(when)
        if not isinstance(when, int | datetime.datetime):
            when = datetime.datetime(when.year, when.month, when.day)
        return when if isinstance(when, int) else to_microseconds(when)
    except (ValueError, AttributeError, OverflowError):
        raise QueryError(f"{when!r} is no moment; write 2026-03-01 or 2026-03-01T12:00, in UTC") from None
