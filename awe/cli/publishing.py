"""`awe publish`: who sees an object, and what it was made from."""
from __future__ import annotations

from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.face.named import object_named
from awe.persist import publish as publishing
from awe.persist.publish import Publication


def publish(options: Namespace) -> int:
    """Raise or lower privileges, or tell what would be."""
    with opened(options) as instance:
        objects = [object_named(instance, each) for each in options.ids]
        told = publishing.publish(objects, options.privileges, options.why, closure=options.closure, dry_run=options.dry_run)
    if options.json:
        print_json({**told.as_dict(), "dry_run": options.dry_run})
    else:
        print("\n".join(lines(told, dry=options.dry_run)))
    return 1 if told.refused else 0


def lines(told: Publication, *, dry: bool) -> list[str]:
    """What was done, or would be, and what stands in the way."""
    said = [f"{'would bring' if dry else 'brought'} {told}"]
    if dry and told.steps:
        said += ["", as_table(("object", "was"), [(step.name, step.was) for step in told.steps])]
    if told.refused:
        rows = [(step.name, step.was, step.refused) for step in told.refused]
        said += ["", "in the way:", as_table(("object", "privileges", "why"), rows)]
    return said
