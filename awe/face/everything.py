"""Everything about one object: inputs, parameters, code, jobs, files, changes, down to the raw data."""
from __future__ import annotations

from collections import Counter
from typing import Any

from awe.face.description import describe, title
from awe.face.values import plainly
from awe.persist.guard import SAID
from awe.persist.lineage import Everything, tell_everything


def tell(obj: Any) -> str:
    """All there is to say, as text."""
    found = tell_everything(obj)
    parts = [describe(obj), inputs(found), code(found), jobs(found), files(found), changes(found), raw(found)]
    return "\n".join(part for part in parts if part)


def inputs(found: Everything) -> str:
    """The objects it was made from."""
    lines = [f"  {name}: {title(one)}" for name, members in found.inputs.items() for one in members]
    return "\n".join(["inputs", *lines]) if lines else ""


def code(found: Everything) -> str:
    """Which code made it, with which libraries."""
    if not found.code:
        return ""
    libraries = ", ".join(f"{name} {version}" for name, version in found.code["libraries"].items())
    commit = f", commit {found.code['commit']}" if found.code["commit"] else ""
    what = f"{found.code['class']} version {found.code['version']}, digest {found.code['digest'][:16]}{commit}"
    return f"code\n  {what}\n  {libraries}".rstrip()


def jobs(found: Everything) -> str:
    """The jobs that made it: when, where, by whom."""
    lines = [f"  {job['state']} on {job['host']} (process {job['pid']}) by {job['user']}, {job['started']} to {job['ended']}"
             for job in found.jobs]
    return "\n".join(["jobs", *lines]) if lines else ""


def files(found: Everything) -> str:
    """Its files with their hashes."""
    lines = [f"  {role}: {row['global_name']}, {row['size']} bytes, SHA-256 {row['sha256']}" for role, row in found.files.items()]
    return "\n".join(["files", *lines]) if lines else ""


def changes(found: Everything) -> str:
    """What was changed after its commit, and what people said of it."""
    lines = [f"  {row['when']} {row['user']}: {row['field']}{'' if row['field'] in SAID else became(row)} ({row['why']})"
             for row in found.changes]
    return "\n".join(["changes", *lines]) if lines else ""


def became(row: Any) -> str:
    """From what to what a field was changed."""
    return f" {plainly(row['old'])} -> {plainly(row['new'])}"


def raw(found: Everything) -> str:
    """How much stands below it."""
    if not found.raw:
        return ""
    counts = Counter(type(one).__name__ for one in found.raw)
    return f"raw data\n  {', '.join(f'{count} {name}' for name, count in counts.items())}; {len(found.ancestors)} objects in all"
