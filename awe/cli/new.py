"""`awe new`: the beginning of a target class of one's own."""
from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from awe.cli.output import print_json
from awe.dataflow.registry import load_targets
from awe.skeleton.project import write_target


def target(options: Namespace) -> int:
    """Write the class and all that belongs to it."""
    load_targets()
    done = write_target(options.name, options.package, options.base, options.of, Path(options.into).expanduser() if options.into else None)
    if options.json:
        print_json({"folder": done.folder, "files": done.files, "next": done.next})
        return 0
    print("\n".join(f"wrote {path.relative_to(done.folder.parent)}" for path in done.files))
    print("\n".join(["next:", *(f"  {step}" for step in done.next)]))
    return 0
