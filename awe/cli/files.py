"""`awe retrieve`: a file comes out of the store."""
from __future__ import annotations

from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.face.named import object_named
from awe.persist.lineage import tell_everything
from awe.retrieval import retrieve as retrieve_file


def retrieve(options: Namespace) -> int:
    """Copy the file that is named, or a file of the object that is named."""
    with opened(options) as instance:
        obj = object_named(instance, options.name)
        named = [role for role, row in tell_everything(obj).files.items() if row["global_name"] == options.name]
        path = retrieve_file(obj, options.output or ".", options.role or next(iter(named), None))
    print_json({"path": str(path), "object_id": obj.object_id}) if options.json else print(path)
    return 0
