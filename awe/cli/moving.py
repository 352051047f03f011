"""`awe export`, `awe import` and `awe backup`: objects and whole instances to other places."""
from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.exchange.backup import backup as copy_instance
from awe.exchange.exporting import export_project
from awe.exchange.importing import Imported, import_directory

MEGA = 1e6
SHOWN = 20


def export(options: Namespace) -> int:
    """Write a project into a directory."""
    with opened(options) as instance:
        done = export_project(instance, options.project, Path(options.directory).expanduser())
    if options.json:
        print_json({**asdict(done), "directory": options.directory})
    else:
        print(f"{done.objects} objects with {done.files} files ({done.bytes / MEGA:.1f} MB) of project {done.project}, with all that they "
              f"stand on, are in {options.directory}")
    return 0


def bring(options: Namespace) -> int:
    """Bring in a directory."""
    with opened(options) as instance:
        done = import_directory(instance, Path(options.directory).expanduser(), commit=options.commit)
    if options.json:
        print_json({**asdict(done), "rivals": [rival._asdict() for rival in done.rivals], "committed": options.commit})
    else:
        print("\n".join(lines(done, options.commit)))
    return 0


def lines(done: Imported, committed: bool) -> list[str]:
    """What an import did, or would do, in words."""
    said = [f"{count} {name}" for name, count in done.new.items()]
    verb = "came in" if committed else "would come in (--commit writes them)"
    found = [f"{sum(done.new.values())} objects of project {done.project} {verb}, with {done.files} files ({done.bytes / MEGA:.1f} MB)"
             + (f": {', '.join(said)}" if said else ""), f"{done.there} were there already, and stay as they are"]
    if done.differ:
        found.append(f"of those {len(done.differ)} are judged otherwise in the export: "
                     f"{', '.join(one[:8] for one in done.differ[:SHOWN])}")
    found += [str(rival) for rival in done.rivals[:SHOWN]]
    found += [f"and {len(done.rivals) - SHOWN} more; --json shows all"] if len(done.rivals) > SHOWN else []
    return found if done.rivals else [*found, "nothing that is used changes"]


def backup(options: Namespace) -> int:
    """Copy the instance."""
    with opened(options) as instance:
        done = copy_instance(instance, Path(options.directory).expanduser())
    if options.json:
        print_json(asdict(done))
    else:
        print(f"{done.database} and {done.files} files, {done.new} of them new, are in {done.folder}")
    return 0
