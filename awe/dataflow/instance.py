"""An open instance: a database, a file store, and the person who uses them."""
from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from awe import fileserver
from awe.config import Config, load
from awe.dataflow import outage
from awe.dataflow.memory import Memory
from awe.dataflow.select import Sight
from awe.dataflow.site import Site
from awe.errors import InstanceError, IntegrityError, MissingFileError
from awe.fileserver import Cache, Store
from awe.fileserver.verified import Verified
from awe.persist import session
from awe.persist.identity import Identity
from awe.persist.session import Database

if TYPE_CHECKING:
    from awe.fileserver import Client


class Instance:
    """A database and a file store that belong together.

    `site` says, for the name of an instrument, where it stands and what habits its calibrators have; the layer that knows
    instruments sets it.
    """

    site: Callable[[str], Site] = staticmethod(lambda instrument: Site())

    def __init__(self, config: Config, database: Database, store: Store, client: Client | None = None) -> None:
        self.config, self._database, self.store, self.client = config, database, store, client
        self.lock = threading.Lock()
        self.verified = Verified()
        self.memory = Memory()

    @property
    def database(self) -> Database:
        """The database; where it is looked at as of another moment, as it stood then."""
        return session.seen(self._database)

    def path_of(self, sha256: str) -> Path:
        """Where the bytes of a file are on this machine; they are fetched where only a server has them whole.

        Raises
        ------
        IntegrityError
            what the store has is not what its name says, and no file server has it either
        MissingFileError
            neither the store nor the file server has it
        """
        damaged = False
        if self.store.has(sha256):
            path = self.store.path(sha256)
            damaged = not self.verified.is_whole(path, sha256)
            if not damaged:
                return path
        if self.client is None:
            if damaged:
                raise IntegrityError(f"file {sha256[:12]} in the store {self.store.root} is not what its name says: "
                                     "its bytes were damaged; `awe fsck --contents` lists what is, put good copies again")
            raise MissingFileError(f"file {sha256[:12]} is not in the store {self.store.root}, and no file server is configured; "
                                   "`awe fsck` lists what is missing")
        return self.client.get(sha256)

    def sight(self) -> Sight:
        """Whose eyes look."""
        who = self.database.identity
        return Sight(who.user_id, tuple(who.projects), who.lowest)

    def eyes(self) -> Sight:
        """What new objects may be made from: what everybody sees who will see them."""
        who = self.database.identity
        if who.is_anonymous or who.privileges > 2:
            return Sight(None, (), max(who.lowest, min(who.privileges, 4)))
        return Sight(who.user_id if who.privileges == 1 else None, (who.project_id,), who.lowest)

    @contextlib.contextmanager
    def seen_by(self, identity: Identity, memory: Memory | None = None) -> Iterator[Instance]:
        """The same instance with the eyes of somebody else, as the current one of this thread; `memory` holds plans of theirs alone."""
        config = dataclasses.replace(self.config, user=identity.user or "anonymous", project=identity.project)
        with self.database.seen_by(identity) as database:
            other = Instance(config, database, self.store, self.client)
            other.verified, other.site, other.memory = self.verified, self.site, memory or other.memory
            token = _here.set(other)
            try:
                yield other
            finally:
                _here.reset(token)

    def close(self) -> None:
        """Give the connections back."""
        global _current
        self.database.close()
        if _current is self:
            _current = None

    def __repr__(self) -> str:
        return f"<instance {self.config.home} as {self.config.user} for {self.config.project}>"


_current: Instance | None = None
_here: contextvars.ContextVar[Instance | None] = contextvars.ContextVar("awe_instance", default=None)


def open_instance(config: Config | Path | None = None, *, roles: bool | None = None) -> Instance:
    """Open an instance and make it the current one; without an argument the one that AWE_HOME names.

    `roles` says whether the database itself holds each user to what they may, as `session.connect` has it.
    """
    global _current
    settings = config if isinstance(config, Config) else load(config)
    database = session.connect(settings.url, user=settings.user, project=settings.project, privileges=settings.privileges,
                               durable=settings.durable, roles=roles)
    outage.watch(database.engine)
    client = None
    if settings.fileserver:
        cache = Cache(settings.home / "cache", settings.cache_bytes)
        client = fileserver.Client(settings.fileserver, token=settings.token or None, cache=cache)
    _current = Instance(settings, database, Store(settings.store_path), client)
    return _current


def current() -> Instance:
    """The instance in use."""
    found = _here.get() or _current
    if found is None:
        raise InstanceError("no instance is open; `awe.connect()` opens the one that AWE_HOME names, and `awe init` makes one")
    return found
