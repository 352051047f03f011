"""Which kernels have been compiled on this machine: numba keeps what it compiled, and the first use of the others takes its time.

Kernels are found in the modules of `awe.science`: who writes one has nothing to add here.
"""
from __future__ import annotations

import hashlib
import importlib
import pkgutil
from pathlib import Path

import awe.science
from awe.science.kernel import Kernel


def kernels() -> dict[str, Kernel]:
    """All kernels that are kept when compiled, by module and name; those that are always inlined never are."""
    found = {}
    for info in pkgutil.iter_modules(awe.science.__path__, "awe.science."):
        for name, member in vars(importlib.import_module(info.name)).items():
            if isinstance(member, Kernel) and member.py_func.__module__ == info.name and member.options.get("inline") != "always":
                found[f"{info.name.rpartition('.')[2]}.{name}"] = member
    return found


def missing() -> list[str]:
    """The kernels that were never compiled here, or have changed since."""
    return [name for name, kernel in kernels().items() if not is_kept(kernel)]


def left_over() -> list[str]:
    """The kernels that the last warm-up had no use for, as far as no module has changed since."""
    note = _note()
    written = note.read_text(encoding="utf8").split() if note.exists() else [""]
    return written[1:] if written[0] == _digest() else []


def leave_over(names: list[str]) -> None:
    """Note for which kernels a warm-up had no use, so that the next does not look for a use again."""
    _note().write_text("\n".join([_digest(), *names]), encoding="utf8")


def _digest() -> str:
    """What the sources of all modules come to."""
    sources = sorted(Path(awe.science.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _note() -> Path:
    """The file where that is noted, beside what numba keeps."""
    return Path(next(iter(kernels().values())).dispatcher.stats.cache_path) / "left_over.txt"


def told(work: str) -> str:
    """What will be done, with the news that kernels are compiled for it where that is so."""
    return f"{work}, compiling kernels once" if missing() else work


def is_kept(kernel: Kernel) -> bool:
    """Whether something that numba compiled of a kernel is kept for its source as it is now.

    Numba has no public word for it: its index is empty where what it keeps is of another source or another version.
    """
    return bool(kernel.dispatcher._cache._cache_file._load_index())
