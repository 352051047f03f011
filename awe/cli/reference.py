"""`awe docs`: the tables of the reference, from the code."""
from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from awe.errors import NotFoundError
from awe.reference.pages import stale, write_all


def docs(options: Namespace) -> int:
    """Write the pages of the reference, or check that they are current."""
    folder = Path(options.directory)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}; name that of the documentation, as in `awe docs docs`")
    paths = stale(folder / "reference") if options.check else write_all(folder / "reference")
    for path in paths:
        print(f"{path} {'is not as the code says; `awe docs` writes it anew' if options.check else 'written'}")
    return 1 if options.check and paths else 0
