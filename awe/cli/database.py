"""`awe db`: the schema of the database against that of the code."""
from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import awe.targets  # noqa: F401 - their tables are compared
from awe.cli.output import print_json
from awe.config import Config, load
from awe.dataflow.registry import load_targets
from awe.persist import schema, session
from awe.persist.rebuild import rebuild_candidates


def upgrade(options: Namespace) -> int:
    """Run all migrations, and fill the candidates of classes that ask by new keys."""
    config = settings(options)
    before = schema.check(config.url)
    schema.upgrade(config.url)
    left = schema.check(config.url)
    database = session.connect(config.url, user=config.user, project=config.project)
    rebuilt = rebuild_candidates(database)
    database.close()
    if options.json:
        print_json({"before": before, "differences": left, "candidates": rebuilt._asdict()})
    else:
        print("\n".join(left) or ("the database was up to date" if not before else "the database is up to date now"))
    return 1 if left else 0


def revision(options: Namespace) -> int:
    """Write the next version of a package's tables, into the package."""
    load_targets()
    path = schema.revise(options.package, options.message or f"tables of {options.package}")
    if options.json:
        print_json({"path": path})
    elif path is None:
        print(f"the classes of {options.package} are as its last version says; nothing is to be written")
    else:
        print(f"wrote {path}; `awe db upgrade` runs it")
    return 0


def check(options: Namespace) -> int:
    """Say what differs."""
    differences = schema.check(settings(options).url)
    if options.json:
        print_json({"differences": differences})
    else:
        print("\n".join(differences) or "the database is as the code wants it")
    return 1 if differences else 0


def settings(options: Namespace) -> Config:
    """The settings of the instance; its database need not be current."""
    load_targets()
    return load(Path(options.home).expanduser() if options.home else None)
