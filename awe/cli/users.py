"""`awe user`: who works with this instance."""
from __future__ import annotations

import getpass
import sys
from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.errors import QueryError
from awe.persist import user
from awe.services.accounts import Accounts


def add(options: Namespace) -> int:
    """Write a user down."""
    with opened(options) as instance:
        is_new = user.add_user(instance.database, options.name)
        has_role = instance.database.dialect == "postgresql"
    if options.json:
        print_json({"user": options.name, "new": is_new, "role": has_role})
    else:
        print(f"{options.name} {'is a user now' if is_new else 'was a user already'}{', with a role of PostgreSQL' if has_role else ''}")
    return 0


def password(options: Namespace) -> int:
    """Give a user a password for the pages; all their log-ins end."""
    with opened(options) as instance:
        user.add_user(instance.database, options.name)
        Accounts(instance.config.home).set_password(options.name, typed_password(options.name))
    print_json({"user": options.name}) if options.json else print(f"{options.name} can log in to the pages of `awe serve`")
    return 0


def typed_password(name: str) -> str:
    """What is typed twice at a terminal, or comes through a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"password of {name}: ")
    if getpass.getpass("once more: ") != first:
        raise QueryError("the two passwords differ; nothing was changed")
    return first


def listing(options: Namespace) -> int:
    """All users in a table."""
    with opened(options) as instance:
        found = user.users(instance.database)
    if options.json:
        print_json([each.as_dict() for each in found])
    else:
        print(as_table(("user", "projects"), [(each.name, ", ".join(each.projects)) for each in found]))
    return 0
