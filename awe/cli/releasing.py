"""`awe release`: named sets of objects that never change."""
from __future__ import annotations

import re
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from typing import Any

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.dataflow.instance import Instance
from awe.dataflow.releases import compare as compared
from awe.face.named import object_named
from awe.persist.lineage import card
from awe.persist.query_text import parse_query
from awe.persist.release import Release, make_release, release_named, releases

IDENTITY = re.compile(r"[0-9a-f]{4,32}")
EXPRESSION = re.compile(r"[()=<>~&|\s]|^(\w+\.)?[A-Z]\w*$")


def create(options: Namespace) -> int:
    """Freeze objects with all that they were made from."""
    with opened(options) as instance:
        made = make_release(options.name, chosen(instance, options.what), options.why)
    tell(options, [made])
    return 0


def chosen(instance: Instance, words: Iterable[str]) -> list[Any]:
    """The objects that expressions and identities mean."""
    found: list[Any] = []
    for word in words:
        if EXPRESSION.search(word) and not IDENTITY.fullmatch(word):
            found += list(parse_query(word))
        else:
            found.append(object_named(instance, word))
    return found


def listing(options: Namespace) -> int:
    """All releases that can be seen."""
    with opened(options):
        found = releases()
    tell(options, found)
    return 0


def show(options: Namespace) -> int:
    """One release, and what is in it."""
    with opened(options):
        release = release_named(options.name)
        objects = release.objects()
        if options.json:
            print_json({**plain(release), "objects": [card(obj) for obj in objects]})
        else:
            counts = sorted(Counter(type(obj).__name__ for obj in objects).items())
            print("\n".join([str(release), "", as_table(("class", "objects"), counts)]))
    return 0


def compare(options: Namespace) -> int:
    """What differs between two releases, and why."""
    with opened(options):
        found = compared(release_named(options.first), release_named(options.second))
        if options.json:
            print_json({"first": plain(found.first), "second": plain(found.second), "both": found.both,
                        "equal": [[card(one), card(other)] for one, other in found.equal],
                        "different": [[card(one), card(other)] for one, other in found.different],
                        "only_first": [card(obj) for obj in found.only_first], "only_second": [card(obj) for obj in found.only_second],
                        "causes": found.causes()})
        else:
            print(found)
    return 0


def tell(options: Namespace, found: Iterable[Release]) -> None:
    """Print releases."""
    rows = [plain(one) for one in found]
    if options.json:
        print_json(rows)
    else:
        columns = ("name", "objects", "moment", "privileges", "project", "who", "why")
        print(as_table(columns, [[row[name] for name in columns] for row in rows]))


def plain(release: Release) -> dict[str, Any]:
    """A release as plain data."""
    return {"name": release.name, "objects": release.count, "moment": release.moment, "privileges": release.privileges,
            "project": release.project, "who": release.who, "why": release.why}
