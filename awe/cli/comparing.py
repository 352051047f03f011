"""`awe compare` and `awe reproduce`: what differs between two objects, and whether one comes out the same again."""
from __future__ import annotations

from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.dataflow.difference import difference
from awe.dataflow.reproduce import reproduce as made_again
from awe.dataflow.target import ProcessTarget
from awe.errors import QueryError
from awe.face.named import object_named
from awe.persist.lineage import card


def compare(options: Namespace) -> int:
    """Print what differs between two objects."""
    with opened(options) as instance:
        found = difference(object_named(instance, options.first), object_named(instance, options.second))
        if options.json:
            print_json(found.as_dict())
        else:
            print(found)
    return 0


def reproduce(options: Namespace) -> int:
    """Make an object again, and say whether it comes out the same."""
    with opened(options) as instance:
        obj = object_named(instance, options.id)
        if not isinstance(obj, ProcessTarget):
            raise QueryError(f"{obj!r} was not made here, it was brought in; only what was made can be made again")
        found = made_again(obj)
        if options.json:
            print_json({"object": card(obj), "identical": found.is_identical, "measured": found.measured, "files": found.files,
                        "code": found.code})
        else:
            print(found)
    return 0 if found.is_identical else 1
