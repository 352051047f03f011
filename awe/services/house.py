"""The instance that is served: seen by each who asks with their own eyes, and with nothing of anybody else."""
from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.connection import connect
from awe.dataflow.instance import Instance
from awe.dataflow.memory import Memory
from awe.errors import ForbiddenError
from awe.persist import names, role, tables
from awe.persist.identity import WORLD, Identity
from awe.services import patience
from awe.services.accounts import Accounts
from awe.services.rate import Rate
from awe.services.remembered import Remembered
from awe.services.tally import watch
from awe.services.tokens import Tokens

#: How often a password may be tried for one user, and from one address: so many at once, then one after so many seconds.
TRIES, CALLS = (5, 20.0), (30, 5.0)
#: How many seconds the figures of the instance are kept.
FIGURES = 60.0
#: For how many different users and projects plans are remembered.
MEMORIES = 64


class House:
    """One instance, its accounts and tokens.

    Attributes
    ----------
    instance
        the instance as nobody in particular sees it
    accounts, tokens
        who may log in, and who holds a token
    figures, answers
        the figures of the instance, by who asks; whether other servers answer
    tries, callers
        how often a user, and an address, may try to log in
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.accounts, self.tokens = Accounts(instance.config.home), Tokens(instance.config.home)
        self.tries, self.callers = Rate(*TRIES), Rate(*CALLS)
        self.figures: Remembered[Any] = Remembered(FIGURES)
        self.answers: Remembered[bool] = Remembered(FIGURES)
        self._memories: OrderedDict[Identity, Memory] = OrderedDict()
        self._lock = threading.Lock()
        watch(instance.database.engine)
        patience.limit(instance.database.engine)

    def identity(self, user: str, project: str) -> Identity:
        """A user in a project as the database knows them; in another one, where they may not work for that.

        Raises ForbiddenError where they are no user any more, or there is no project for them.
        """
        with self.instance.database.engine.connect() as connection:  # as whatever role it has: all know names and members
            if not user:
                return names.find_identity(connection, "", project, WORLD) or Identity("", 0, "", 0, WORLD)
            for name in (project, self.instance.config.project):
                with contextlib.suppress(ForbiddenError):
                    found = names.find_identity(connection, user, name, None)
                    if found is not None:
                        return found
            for name in projects_of(connection, user):
                found = names.find_identity(connection, user, name, None)
                if found is not None:
                    return found
        raise ForbiddenError(f"{user!r} is no user of this database, or has no project to work for; "
                             "its owner adds users with `awe user add`")

    @contextlib.contextmanager
    def seen_by(self, who: Identity) -> Iterator[Instance]:
        """The instance with the eyes of `who`, as the current one of this thread."""
        with self._lock:
            memory = self._memories.setdefault(who, Memory())
            self._memories.move_to_end(who)
            while len(self._memories) > MEMORIES:
                self._memories.popitem(last=False)
        with self.instance.seen_by(who, memory) as instance:
            yield instance

    def close(self) -> None:
        """Give all connections back."""
        self.instance.close()


def projects_of(connection: sa.Connection, user: str) -> list[str]:
    """The projects a user may work for: those they take part in, then public ones."""
    member, project, person = tables.project_member.c, tables.project.c, tables.user.c
    mine = sa.exists().where(member.project_id == project.id, member.user_id == person.id, person.name == user)
    statement = sa.select(project.name).where(sa.or_(mine, project.public > 0)).order_by(sa.desc(mine), project.name)
    return list(connection.scalars(statement))


def open_house(home: Path | str | None = None) -> House:
    """Open an instance for many.

    On PostgreSQL the server comes as the owner of the tables, or as a role that may become each user, and becomes the role of each
    who asks, so that the policies of the database hold beside our own criteria; where there are no roles yet, they are
    made where that is allowed.
    """
    instance = connect(home, user="", privileges=WORLD)
    if instance.database.dialect == "postgresql" and has_roles(instance):
        settings = instance.config
        instance.close()
        instance = connect(settings.home, user="", privileges=WORLD, roles=True)
    return House(instance)


def has_roles(instance: Instance) -> bool:
    """Whether there is a role for who logs in with none, and with it the group of all users."""
    def make(connection: sa.Connection) -> None:
        role.grant(connection, make_group=True)
    if role_is_there(instance):
        return True
    with contextlib.suppress(ForbiddenError):
        instance.database.write(make)
    return role_is_there(instance)


def role_is_there(instance: Instance) -> bool:
    """Whether the role of nobody in particular is there."""
    with instance.database.reading() as connection:
        asked = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name")
        return connection.execute(asked, {"name": role.anonymous(connection)}).first() is not None
