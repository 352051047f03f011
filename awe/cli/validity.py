"""`awe validate` and `awe invalidate`: the user's judgement, with a reason."""
from __future__ import annotations

from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.face.named import object_named
from awe.persist import judge as judgement
from awe.persist.lineage import card


def validate(options: Namespace) -> int:
    """Let an object be used; a qualified one in spite of its flags."""
    return judge(options, 2 if options.qualified else 1)


def invalidate(options: Namespace) -> int:
    """Let an object be used no more."""
    return judge(options, 0)


def judge(options: Namespace, is_valid: int) -> int:
    """Set `is_valid` of an object, and of those of the same value unless it is to be alone."""
    with opened(options) as instance:
        obj = object_named(instance, options.id)
        changed = judgement.judge(obj, is_valid, options.why, alone=options.alone)
        if options.json:
            print_json({"is_valid": is_valid, "objects": [card(one) for one in changed]})
        else:
            print("\n".join(f"is_valid = {is_valid}: {one!r}{'' if one is obj else ' (of the same value)'}" for one in changed))
    return 0
