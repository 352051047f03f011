"""Which files are meant by the paths that were given."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from awe.errors import MissingFileError

ENDINGS = tuple(f"{ending}{packing}" for ending in (".fits", ".fit", ".fts") for packing in ("", ".gz", ".fz", ".bz2")) + (".fz",)


def listed(paths: Iterable[Path | str]) -> list[str]:
    """All files meant, each once: those named, there or not, and the FITS files in folders, in alphabetical order.

    Links to folders are followed, each folder once; links that lead nowhere are listed, so that they are refused with their reason.

    Raises
    ------
    MissingFileError
        Where folders alone were named, and none of them holds a FITS file.
    """
    texts = [str(path) for path in paths]
    if "" in texts:
        raise MissingFileError("the name of a file or folder is empty; nothing was ingested; write . for the folder you are in")
    given = [Path(path) for path in texts]
    found: dict[str, None] = {}
    for path in given:
        found.update(dict.fromkeys(sorted(inside(path)) if path.is_dir() else [str(path)]))
    if given and not found:
        raise MissingFileError(f"{', '.join(map(str, given[:5]))}: holds no FITS file, so there is nothing to look at; "
                               f"files in folders are known by their ending, such as {', '.join(ENDINGS[:4])}; others are to be named")
    return list(found)


def inside(folder: Path) -> Iterator[str]:
    """The FITS files in a folder and all folders in it."""
    seen: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (os.path.join(here, name) for name in names if name.lower().endswith(ENDINGS))


def refuse(error: OSError) -> None:
    """Say which folder cannot be looked into: what is in it would be missed."""
    raise MissingFileError(f"{error.filename}: cannot be looked into: {error.strerror}; nothing was ingested; "
                           "make it readable, or name the others") from error
