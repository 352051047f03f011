"""`awe validate` and `awe invalidate`: the user's judgement, with a reason."""
from __future__ import annotations

from argparse import Namespace
from typing import Any

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.errors import QueryError
from awe.face.named import object_named
from awe.persist.edit import edit_all
from awe.persist.lineage import card


def validate(options: Namespace) -> int:
    """Let an object be used; a qualified one in spite of its flags."""
    return judge(options, 2 if options.qualified else 1)


def invalidate(options: Namespace) -> int:
    """Let an object be used no more."""
    return judge(options, 0)


def judge(options: Namespace, is_valid: int) -> int:
    """Set `is_valid` of an object, and of those of the same value unless it is to be alone."""
    if not options.why.strip():
        raise QueryError("--why is empty; say why, since others will ask")
    with opened(options) as instance:
        obj = object_named(instance, options.id)
        changed = [obj, *([] if options.alone else twins(obj))]
        edit_all(changed, "is_valid", is_valid, options.why)
        if options.json:
            print_json({"is_valid": is_valid, "objects": [card(one) for one in changed]})
        else:
            print("\n".join(f"is_valid = {is_valid}: {one!r}{'' if one is obj else ' (of the same value)'}" for one in changed))
    return 0


def twins(obj: Any) -> list[Any]:
    """Other objects of the same class, keys and value, as cut-off and sharing make them."""
    return [one for one in type(obj).value == bytes(obj.value) if one.oid != obj.oid]
