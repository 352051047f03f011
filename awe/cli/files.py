"""`awe retrieve`: a file comes out of the store."""
from __future__ import annotations

from argparse import Namespace

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.dataflow.lifecycle import Stored
from awe.errors import MissingFileError
from awe.face.named import object_named
from awe.retrieval import retrieve as retrieve_file


def retrieve(options: Namespace) -> int:
    """Copy the file that is named, or a file of the object that is named."""
    with opened(options) as instance:
        obj = object_named(instance, options.name)
        if not isinstance(obj, Stored):
            raise MissingFileError(f"{obj!r} has no files")
        named = [role for role, row in obj.file_rows().items() if row["global_name"] == options.name]
        path = retrieve_file(obj, options.output or ".", options.role or next(iter(named), None))
    print_json({"path": str(path), "object_id": obj.object_id}) if options.json else print(path)
    return 0
