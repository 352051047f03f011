"""Which objects a file belongs to."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from awe.dataflow.instance import Instance
from awe.persist import tables
from awe.persist.load import load


def with_files(instance: Instance, hashes: Iterable[str]) -> dict[str, list[Any]]:
    """The visible objects that each of these files, by SHA-256 in hex, belongs to: two statements and one a class."""
    wanted = list(dict.fromkeys(hashes))
    f = tables.object_file.c
    found: list[Any] = []
    with instance.database.reading() as connection:
        for start in range(0, len(wanted), 500):
            block = [bytes.fromhex(sha) for sha in wanted[start:start + 500]]
            found += connection.execute(sa.select(f.sha256, f.oid).where(f.sha256.in_(block)).distinct()).all()
    objects = load(instance.database, {row.oid for row in found})
    there: dict[str, list[Any]] = {}
    for row in sorted(found, key=lambda each: each.oid):
        if row.oid in objects:
            there.setdefault(bytes(row.sha256).hex(), []).append(objects[row.oid])
    return there
