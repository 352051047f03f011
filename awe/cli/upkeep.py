"""`awe fsck` and `awe gc`: whether rows and files fit together, and what nobody needs."""
from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.dataflow import jobs
from awe.dataflow.instance import Instance
from awe.fileserver import fsck as files
from awe.fileserver.gc import collect
from awe.persist import tables
from awe.persist.rebuild import Rebuilt, rebuild_candidates

HOUR = 3600.0
SHOWN = 20


def fsck(options: Namespace) -> int:
    """Compare what the rows say with the store, and what the candidates say with the objects."""
    with opened(options) as instance:
        sizes = sizes_in_rows(instance)
        report = files.check(instance.store, sizes, verify_contents=options.contents, repair=options.repair)
        short = [sha for sha, size in sizes.items() if instance.store.has(sha) and size not in (0, instance.store.size(sha))]
        candidates = rebuild_candidates(instance.database, dry=not options.repair)
        lost = jobs.bury_the_lost(instance.database)
        owners = owners_of(instance, [*report.missing, *report.corrupted, *short])
    damaged = report.missing or report.corrupted or short or (any(candidates) and not options.repair)
    if options.json:
        print_json(as_dict(report, short, candidates, lost, owners))
    else:
        print(report)
        print(f"candidates: {candidates.missing} missing, {candidates.wrong} wrong{' (written anew)' if options.repair else ''}; "
              f"{lost} jobs whose process is gone")
        for word, hashes in (("missing", report.missing), ("damaged", report.corrupted), ("of another size", short)):
            for sha in hashes[:SHOWN]:
                print(f"  {word}: {sha} of {', '.join(owners.get(sha, ['an object that is gone']))}")
    return 1 if damaged else 0


def sizes_in_rows(instance: Instance) -> dict[str, int]:
    """The files that rows refer to, by SHA-256, each with the size that its row says."""
    kept, file = tables.object_file, tables.file
    statement = sa.select(kept.c.sha256, file.c.size).select_from(kept.outerjoin(file, file.c.sha256 == kept.c.sha256)).distinct()
    with instance.database.reading() as connection:
        return {bytes(sha).hex(): size or 0 for sha, size in connection.execute(statement)}


def owners_of(instance: Instance, hashes: Collection[str]) -> dict[str, list[str]]:
    """The global names of some files."""
    kept = tables.object_file.c
    found: dict[str, list[str]] = {}
    with instance.database.reading() as connection:
        for sha in hashes:
            names = connection.scalars(sa.select(kept.global_name).where(kept.sha256 == bytes.fromhex(sha)))
            found[sha] = list(names)
    return found


def as_dict(report: files.Report, short: list[str], candidates: Rebuilt, lost: int, owners: dict[str, list[str]]) -> dict[str, Any]:
    """What was found, as plain data."""
    return {"files": report.files, "missing": report.missing, "corrupted": report.corrupted, "of_another_size": short,
            "unreferred": len(report.unreferred), "dead_pins": report.dead_pins, "half_written": len(report.leftovers),
            "strangers": len(report.strangers), "trashed": report.trashed, "repaired": report.repaired,
            "candidates": candidates._asdict(), "lost_jobs": lost, "names": owners}


def gc(options: Namespace) -> int:
    """Move files that nothing refers to into the trash, and delete what has lain there for a day."""
    with opened(options) as instance:
        kept = tables.object_file.c.sha256

        def referred(hashes: Collection[str]) -> set[str]:
            wanted = [bytes.fromhex(sha) for sha in hashes]
            found: set[str] = set()
            with instance.database.reading() as connection:
                for start in range(0, len(wanted), 500):
                    found |= {bytes(sha).hex() for sha in connection.scalars(sa.select(kept).where(kept.in_(wanted[start:start + 500])))}
            return found
        done = collect(instance.store, referred, min_age=options.min_age * HOUR, dry_run=options.dry_run)
    if options.json:
        print_json({name: getattr(done, name) for name in done.__slots__})
    else:
        print(f"{'would be done: ' if options.dry_run else ''}{done}")
    return 0
