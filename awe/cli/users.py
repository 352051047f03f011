"""`awe user`: who works with this instance."""
from __future__ import annotations

from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.persist import user


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


def listing(options: Namespace) -> int:
    """All users in a table."""
    with opened(options) as instance:
        found = user.users(instance.database)
    if options.json:
        print_json([each.as_dict() for each in found])
    else:
        print(as_table(("user", "projects"), [(each.name, ", ".join(each.projects)) for each in found]))
    return 0
