"""`awe project`: who works together."""
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.dataflow.instance import Instance
from awe.persist import project
from awe.persist.identity import LEVELS
from awe.persist.project import Project, project_named


def create(options: Namespace) -> int:
    """Found a project."""
    with opened(options) as instance:
        project.make_project(instance.database, options.name, options.description, public=not options.private,
                             privileges=options.privileges)
        return tell(options, instance)


def listing(options: Namespace) -> int:
    """All projects in a table."""
    with opened(options) as instance:
        found = project.projects(instance.database)
    if options.json:
        print_json([each.as_dict() for each in found])
    else:
        print(as_table(("project", "", "new objects", "managers", "members", "description"), [row(each) for each in found]))
    return 0


def row(each: Project) -> Sequence[str]:
    """One project, as it stands in the table."""
    others = [name for name in each.members if name not in each.managers]
    return (each.name, "public" if each.public else "private", f"{each.privileges} {LEVELS[each.privileges]}", ", ".join(each.managers),
            ", ".join(others), each.description)


def show(options: Namespace) -> int:
    """One project."""
    with opened(options) as instance:
        return tell(options, instance)


def add(options: Namespace) -> int:
    """Let users take part."""
    with opened(options) as instance, instance.database.transaction():
        for user in options.users:
            project.add_member(instance.database, options.name, user, manager=options.manager)
        return tell(options, instance)


def remove(options: Namespace) -> int:
    """Let users take part no more."""
    with opened(options) as instance, instance.database.transaction():
        for user in options.users:
            project.remove_member(instance.database, options.name, user)
        return tell(options, instance)


def change(options: Namespace) -> int:
    """What new objects usually are."""
    with opened(options) as instance:
        project.set_usual_privileges(instance.database, options.name, options.privileges)
        return tell(options, instance)


def tell(options: Namespace, instance: Instance) -> int:
    """Print the project that a command was about, as it is now."""
    found = project_named(instance.database, options.name)
    if options.json:
        print_json(found.as_dict())
    else:
        print("\n".join(f"{name:<12} {value}" for name, value in (
            ("project", f"{found.name} ({'public' if found.public else 'private'})"), ("description", found.description or "-"),
            ("new objects", f"{found.privileges} {LEVELS[found.privileges]}"), ("managers", ", ".join(found.managers) or "-"),
            ("members", ", ".join(found.members) or "-"))))
    return 0
