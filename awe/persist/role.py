"""Users as roles of PostgreSQL.

Who opens a database as the owner of its tables is trusted: they say as whom they work, as with SQLite.  Everybody else comes as
a role that was added here, and the policies of the database hold for them whatever they ask (see `policy_postgresql`).  All
roles of a database belong to a group, which is what may touch the tables at all.
"""
from __future__ import annotations

import hashlib

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError
from awe.persist import tables
from awe.persist.identity import Identity

#: Tables that users add to, and those whose rows they also take away or change; the rest they read.
ALL = "INSERT, UPDATE, DELETE"
CHANGED = {tables.project.name: "INSERT, UPDATE", tables.project_member.name: ALL, tables.run.name: ALL, tables.job.name: ALL,
           tables.lease.name: ALL, tables.user.name: "", tables.clock.name: ""}
#: Rows of these are shared or are history; the triggers refuse too.
NEVER_DELETED = {table.name for table in (tables.change, tables.scope, tables.recipe, tables.parameters, tables.parameter_set,
                                          tables.class_, tables.span, tables.touched, tables.file, tables.key_set,
                                          tables.release, tables.release_member)}


def is_trusted(connection: sa.Connection) -> bool:
    """Whether the connection is that of the owner of the tables, for whom no policies hold."""
    if connection.dialect.name == "sqlite":
        return True
    asked = "SELECT pg_has_role(session_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('object')), 'MEMBER')"
    return bool(connection.exec_driver_sql(asked).scalar())


def add_role(connection: sa.Connection, user: str) -> bool:
    """Let a user come to the database with a role of their own; returns whether the role is new.

    It can log in, as the server's rules of authentication say; a password is the administrator's to set.

    Raises
    ------
    ForbiddenError
        this connection cannot make roles
    """
    is_new = not _is_role(connection, user)
    if is_new:
        _make(connection, user, "LOGIN")
    elif _is_mighty(connection, user):
        return False
    grant(connection, make_group=True)
    _run(connection, f"GRANT {quoted(connection, group(connection))} TO {quoted(connection, user)}")
    return is_new


def grant(connection: sa.Connection, *, make_group: bool = False) -> None:
    """Let the group of all users touch the tables that there are, as far as the policies allow; nothing where there is no group."""
    everyone = group(connection)
    if not _is_role(connection, everyone):
        if not make_group:
            return
        _make(connection, everyone, "NOLOGIN")
    if not _is_role(connection, anonymous(connection)):
        _make(connection, anonymous(connection), "NOLOGIN")
        _run(connection, f"GRANT {quoted(connection, everyone)} TO {quoted(connection, anonymous(connection))}")
    to = quoted(connection, everyone)
    for table in sa.inspect(connection).get_table_names():
        rights = CHANGED.get(table, "INSERT" if table in NEVER_DELETED else "INSERT, DELETE")
        rights = "" if table.endswith("alembic_version") else rights
        _run(connection, f'GRANT SELECT{", " if rights else ""}{rights} ON "{table}" TO {to}')
    _run(connection, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema(connection)} TO {to}")


def act(connection: sa.Connection, who: Identity) -> None:
    """Let a connection see and write what `who` may, by the policies of the database; nothing is done where it does so already."""
    wanted = (who.user, who.project)
    if connection.info.get("awe_role") == wanted:
        return
    if who.kind == "everybody":
        raise ForbiddenError("the whole database is looked at by its owner alone; connect as the owner of its tables")
    name = who.user or anonymous(connection)
    if connection.exec_driver_sql("SELECT current_user").scalar() != name:
        connection.exec_driver_sql("DISCARD TEMP")  # what the one before left is not for the next
        try:
            connection.exec_driver_sql(f"SET ROLE {quoted(connection, name)}")
        except sa.exc.DBAPIError as error:
            login, why = connection.exec_driver_sql("SELECT session_user").scalar(), " ".join(str(error.orig).split())
            raise NotFoundError(f"{login} cannot work as {who.user or 'anonymous'} here: {why}; `awe user add` makes roles") from error
    connection.execute(sa.text("SELECT set_config('awe.project', :project, false)"), {"project": who.project})
    connection.info["awe_role"] = wanted


def group(connection: sa.Connection) -> str:
    """The role that all users of this database belong to."""
    name = f"awe_{connection.exec_driver_sql('SELECT current_database()').scalar()}"
    return name if len(name.encode()) <= 50 else f"awe_{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def anonymous(connection: sa.Connection) -> str:
    """The role of nobody in particular."""
    return f"{group(connection)}_anonymous"


def schema(connection: sa.Connection) -> str:
    """The schema of the tables, quoted."""
    return str(connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar())


def quoted(connection: sa.Connection, name: str) -> str:
    """The name of a role as SQL has it."""
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _is_role(connection: sa.Connection, name: str) -> bool:
    return connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).first() is not None


def _is_mighty(connection: sa.Connection, name: str) -> bool:
    """Whether a role owns the tables, or can do everything anyhow."""
    asked = sa.text("SELECT pg_has_role(:name, (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('object')), 'MEMBER')")
    return bool(connection.scalar(asked, {"name": name}))


def _make(connection: sa.Connection, name: str, login: str) -> None:
    """Make a role; another process may do the same."""
    try:
        with connection.begin_nested() if connection.in_transaction() else connection.begin():
            _run(connection, f"CREATE ROLE {quoted(connection, name)} {login}")
    except sa.exc.DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state in ("42710", "23505"):
            return
        if state == "42501":
            raise ForbiddenError(f"this connection cannot make the role {name!r}; let an administrator run CREATE ROLE "
                                 f"{quoted(connection, name)} {login}") from error
        raise


def _run(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))
