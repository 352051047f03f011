"""All pages of the reference that are written from the code."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from awe.reference.commands import commands
from awe.reference.errors import errors
from awe.reference.flags import flags
from awe.reference.plan import plan
from awe.reference.settings import settings
from awe.reference.targets import targets

PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands, "settings.md": settings, "targets.md": targets, "plan.md": plan, "flags.md": flags, "errors.md": errors}


def pages_of(package: str) -> Mapping[str, Callable[[], str]]:
    """The pages of another package: that of its classes."""
    return {"targets.md": lambda: targets(package)}


def stale(folder: Path, pages: Mapping[str, Callable[[], str]] = PAGES) -> list[Path]:
    """The pages in `folder` that are not as the code says."""
    paths = [(folder / name, write()) for name, write in pages.items()]
    return [path for path, text in paths if not path.exists() or path.read_text(encoding="utf8") != text]


def write_all(folder: Path, pages: Mapping[str, Callable[[], str]] = PAGES) -> list[Path]:
    """Write the pages that are not as the code says; return which."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale(folder, pages)
    for path in changed:
        path.write_text(pages[path.name](), encoding="utf8")
    return changed
