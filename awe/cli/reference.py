"""`awe docs`: the tables of the reference, from the code."""
from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from awe.dataflow.registry import load_targets
from awe.errors import NotFoundError
from awe.persist.branches import OWN, branch_of
from awe.reference.pages import PAGES, pages_of, stale, write_all


def docs(options: Namespace) -> int:
    """Write the pages of the reference, or check that they are current."""
    folder = Path(options.directory)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}; name that of the documentation, as in `awe docs docs`")
    load_targets()
    branch_of(options.package)  # says in words where there is no such package
    pages, place = (PAGES, folder / "reference") if options.package == OWN else (pages_of(options.package), folder)
    paths = stale(place, pages) if options.check else write_all(place, pages)
    for path in paths:
        print(f"{path} {'is not as the code says; `awe docs` writes it anew' if options.check else 'written'}")
    return 1 if options.check and paths else 0
