"""The database in use: `connect` opens one, `current` is the one all statements go to, `transaction` writes.

Reading needs no transaction: every statement sees the database as it is, and none stays open while the user's own code runs.
Writing is one short transaction from its first statement on; on SQLite it begins with BEGIN IMMEDIATE.
"""
from __future__ import annotations

import contextlib
import contextvars
import math
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa

from awe.errors import ForbiddenError, InstanceError, NotFoundError, SchemaError, TransientError
from awe.persist import filesystem, guard, keysets, names, role, tables
from awe.persist.branches import refuse_newer
from awe.persist.failure import explain, is_busy
from awe.persist.identity import Identity

T = TypeVar("T")

BUSY_SECONDS = 30.0
#: A connection that was not used for so long is asked whether its server still answers before it is used again.
REST_SECONDS = 0.1
#: How much of the file of an SQLite database is read as memory, which spares copying its pages.
MAPPED = 1 << 30
SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ"}
WRITE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}

_default: Database | None = None
_current: contextvars.ContextVar[Database | None] = contextvars.ContextVar("awe_database", default=None)


class Database:
    """An open database, and who uses it.

    Attributes
    ----------
    engine
        the engine; its connections are in autocommit mode
    identity
        user, project and privileges
    roles
        whether the user is a role of PostgreSQL, for whom its policies hold
    objects
        the persistent objects that Python holds, by their row number: one row is one object
    key_sets
        the keys by which classes ask that were there at the last upgrade, also those that are not installed here
    view
        what stands in its place while it is looked at as of another moment; see `awe.persist.view`
    kept
        the views that have a connection
    """

    def __init__(self, engine: sa.Engine, identity: Identity, *, roles: bool = False) -> None:
        self.engine, self.identity, self.roles = engine, identity, roles
        self.objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.names = names.NameBook()
        self.key_sets = keysets.HERE
        self.lock = threading.Lock()
        self.view: Database | None = None
        self.kept: list[Any] = []
        self._thread = threading.local()

    @property
    def base(self) -> Database:
        """The database of the present; itself, unless it is a view of another."""
        return self

    @property
    def standpoint(self) -> str:
        """From where it is looked at, in words; empty for the present."""
        return ""

    @property
    def moment(self) -> int | None:
        """As of when it is looked at; None for the present."""
        return None

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read from; inside `transaction`, the one that writes."""
        open_one: sa.Connection | None = getattr(self._thread, "connection", None)
        if open_one is not None:
            yield open_one
            return
        with self._connected() as connection:
            yield connection

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection that sees and writes what this user may."""
        with self.engine.connect() as connection:
            if self.roles:
                role.act(connection, self.identity)
            yield connection

    def need_owner(self, what: str) -> None:
        """Raise ForbiddenError where the database shows only what a user sees, and the whole of it has to be looked at."""
        if self.roles:
            raise ForbiddenError(f"{what} looks at the whole database, of which {self.identity.user or 'anonymous'} sees a part; "
                                 "connect as the owner of its tables")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection whose statements all see the database as it was at the first of them."""
        if getattr(self._thread, "connection", None) is not None:
            raise TransientError("a snapshot was asked for inside a transaction, which sees its own writes; ask before it begins")
        with self._connected() as connection:
            connection.exec_driver_sql(SNAPSHOT[self.dialect])
            yield connection
            connection.rollback()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection whose statements are all done at the end of the block, or none of them; a block within joins in."""
        outer: sa.Connection | None = getattr(self._thread, "connection", None)
        if outer is not None:
            yield outer
            return
        with self._connected() as connection:
            connection.exec_driver_sql(WRITE[self.dialect])
            self._thread.connection, self._thread.after = connection, []
            try:
                yield connection
                connection.commit()
            except BaseException:
                self.names.forget()
                connection.rollback()
                raise
            else:
                self.names.keep()
                after = self._thread.after
            finally:
                self._thread.connection, self._thread.after = None, []
        for action in after:
            action()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do `action` when the transaction of this thread has been committed; never if it is rolled back."""
        self._thread.after.append(action)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction; when the database is busy, the whole of it is done again."""
        if getattr(self._thread, "connection", None) is not None:
            return work(self._thread.connection)
        give_up = time.monotonic() + 2 * BUSY_SECONDS
        while True:
            try:
                with self.transaction() as connection:
                    return work(connection)
            except sa.exc.OperationalError as error:
                if not is_busy(error):
                    raise
                if time.monotonic() > give_up:
                    raise TransientError(f"the database stayed busy for {2 * BUSY_SECONDS:.0f} seconds: {error.orig}; "
                                         "try again when the others are done") from error
                time.sleep(random.uniform(0.01, 0.1))

    def find_identity(self, user: str, project: str, privileges: int | None = None) -> Identity:
        """The identity of `user` in `project`; both are written down when they are new."""
        with self.reading() as connection:
            found = names.find_identity(connection, user, project, privileges)
        while found is None:
            if self.roles and not self._is_user(user):
                raise NotFoundError(f"{user!r} is no user of this database; its owner adds users with `awe user add`")
            self.write(lambda connection: names.make_identity(connection, user, project))
            with self.reading() as connection:
                found = names.find_identity(connection, user, project, privileges)
        return found

    def _is_user(self, user: str) -> bool:
        with self.reading() as connection:
            return connection.scalar(sa.select(tables.user.c.id).where(tables.user.c.name == user)) is not None

    def act_as(self, identity: Identity) -> None:
        """Use the database as somebody else, or for another project; who sees other things reads everything anew."""
        if self.roles:
            with self.engine.connect() as connection:
                role.act(connection, identity)
        if (identity.user_id, identity.projects) != (self.identity.user_id, self.identity.projects):
            self.objects.clear()
        self.identity = identity

    @contextlib.contextmanager
    def seen_by(self, identity: Identity) -> Iterator[Database]:
        """The same database with the eyes of somebody else, and with objects of its own, as the current one of this thread."""
        other = Database(self.engine, identity, roles=self.roles)
        other.names, other.key_sets, other._thread = self.names, self.key_sets, self._thread
        try:
            with using(other):
                yield other
        finally:
            other.let_views_go()

    def let_views_go(self) -> None:
        """Look at the present, and give back the connections of views."""
        self.view = None
        while self.kept:
            self.kept.pop().let_go()

    def close(self) -> None:
        """Give all connections back.

        SQLite then measures its indexes anew where that is due, unless others are writing, or the database is gone.
        """
        global _default
        self.let_views_go()
        if self.dialect == "sqlite":
            with contextlib.suppress(sa.exc.DBAPIError, InstanceError), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout=0")
                connection.exec_driver_sql("PRAGMA optimize")
        self.engine.dispose()
        if _default is self:
            _default = None

    def __repr__(self) -> str:
        who = self.identity
        return f"<{self.engine.url.render_as_string()} as {who.user or 'anonymous'} for {who.project}>"


def connect(url: str, *, user: str = "", project: str = "default", privileges: int | None = None,
            durable: bool = False, create: bool = False, roles: bool | None = None) -> Database:
    """Open a database and make it the current one.

    Parameters
    ----------
    url
        ``sqlite:////path/to/file.db`` or ``postgresql://user@host/name``
    user
        who uses it; nobody is anonymous, and reads only what the world may see
    project
        the project that new objects belong to; made when it does not exist
    privileges
        of new objects, 1 to 5; by default those of the project
    durable
        whether SQLite waits for the disk at every commit
    create
        whether missing tables are made, for tests and for trying out; otherwise ``awe db upgrade`` makes them
    roles
        whether the database itself is to hold the user to what they may; by default for who does not come as the owner of
        the tables.  A server that works for many comes as a role that may become each of them, or as the owner, and says True

    Raises
    ------
    InstanceError
        the database is not there, or lies on a network file system
    SchemaError
        it has no tables, or is newer than the code
    """
    global _default
    engine = open_engine(url, durable=durable, create=create)
    database = Database(engine, Identity(user, 0, project, 0, privileges or 0))
    try:
        if create:
            tables.metadata.create_all(engine)
            database.write(guard.install)
        if not sa.inspect(engine).has_table(tables.object_.name):
            raise SchemaError(f"{engine.url.render_as_string()} has no tables; `awe db upgrade` makes them")
        with database.reading() as connection:
            refuse_newer(connection)
            database.key_sets = keysets.stored(connection)
        database.roles = engine.dialect.name == "postgresql" and (not _comes_as_owner(engine) if roles is None else roles)
        database.act_as(database.find_identity(user, project, privileges))
    except sa.exc.OperationalError as error:
        engine.dispose()
        raise InstanceError(f"cannot open {engine.url.render_as_string()}: {' '.join(str(error.orig).split())}; "
                            "see that the database is there and runs") from error
    except BaseException:
        engine.dispose()
        raise
    _default = database
    return database


def _comes_as_owner(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return role.is_trusted(connection)


def current() -> Database:
    """The database that all statements go to."""
    database = _current.get() or _default
    if database is None:
        raise InstanceError("no database is open; connect(url) opens one, and so does the prompt")
    return database if database.view is None else database.view


def seen(database: Database) -> Database:
    """How `database` is looked at just now: itself, or the view that stands in its place."""
    found = _current.get()
    if found is not None and found.base is database:
        database = found
    return database if database.view is None else database.view


@contextlib.contextmanager
def using(database: Database) -> Iterator[Database]:
    """Let `database` be the current one inside the block, for this thread alone."""
    token = _current.set(database)
    try:
        yield database
    finally:
        _current.reset(token)


@contextlib.contextmanager
def transaction() -> Iterator[sa.Connection]:
    """A transaction on the current database."""
    with current().transaction() as connection:
        yield connection


def open_engine(url: str, *, durable: bool = False, create: bool = True) -> sa.Engine:
    """An engine with the habits described at the top of this page."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise InstanceError(f"{url!r} is no address of a database; "
                            "write sqlite:////path/to/file.db or postgresql://user@host/name") from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in WRITE:
        raise InstanceError(f"{parsed.render_as_string()}: only SQLite and PostgreSQL are supported")
    if parsed.get_backend_name() == "postgresql":
        options = {} if "options" in parsed.query else {"options": "-c jit=off"}  # to compile costs more than short statements take
        server = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", connect_args=options)
        sa.event.listen(server, "handle_error", explain)
        sa.event.listen(server, "checkin", note_rest)
        sa.event.listen(server, "checkout", see_that_it_lives)
        return server
    filesystem.check_sqlite_path(parsed.database, create=create)
    engine = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", connect_args={"timeout": BUSY_SECONDS, "cached_statements": 512})

    sa.event.listen(engine, "handle_error", explain)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", f"synchronous={'FULL' if durable else 'NORMAL'}", "foreign_keys=ON",
                       f"busy_timeout={int(BUSY_SECONDS * 1000)}", "cache_size=-65536", f"mmap_size={MAPPED}", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
    return engine


def note_rest(_: Any, record: Any) -> None:
    """Note since when a connection is not used."""
    record.info["awe_rests"] = time.monotonic()


def see_that_it_lives(driver: Any, record: Any, _: Any) -> None:
    """Ask a connection that was not used for a while whether its server still answers; otherwise another is opened."""
    if time.monotonic() - record.info.get("awe_rests", math.inf) > REST_SECONDS:
        try:
            driver.execute("")
        except Exception as error:
            raise sa.exc.InvalidatePoolError from error
