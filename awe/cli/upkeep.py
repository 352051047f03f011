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
from awe.persist.mapping import class_of
from awe.persist.rebuild import Rebuilt, rebuild_candidates

HOUR = 3600.0
SHOWN = 20


def fsck(options: Namespace) -> int:
    """Compare what the rows say with the store, and what the candidates say with the objects."""
    with opened(options) as instance:
        instance.database.need_owner("fsck")
        sizes = sizes_in_rows(instance)
        report = files.check(instance.store, sizes, verify_contents=options.contents, repair=options.repair)
        short = [sha for sha, size in sizes.items() if instance.store.has(sha) and size not in (0, instance.store.size(sha))]
        candidates = rebuild_candidates(instance.database, dry=not options.repair)
        lost = jobs.bury_the_lost(instance.database)
        owners = owners_of(instance, [*report.missing, *report.corrupted, *short])
        half = half_objects(instance)
        complaints = complaints_of_sqlite(instance) if options.contents else []
    damaged = report.missing or report.corrupted or short or half or complaints or (any(candidates) and not options.repair)
    if options.json:
        print_json({**as_dict(report, short, candidates, lost, owners), "half_objects": half, "database": complaints})
    else:
        print(report)
        print("\n".join([*(f"half an object: {text}" for text in half[:SHOWN]), *(f"the database itself: {text}" for text in complaints)])
              or "all objects have all their rows")
        print(f"candidates: {candidates.missing} missing, {candidates.wrong} wrong{' (written anew)' if options.repair else ''}; "
              f"{lost} jobs whose process is gone")
        for word, hashes in (("missing", report.missing), ("damaged", report.corrupted), ("of another size", short)):
            for sha in hashes[:SHOWN]:
                print(f"  {word}: {sha} of {', '.join(owners.get(sha, ['an object that is gone']))}")
    return 1 if damaged else 0


def half_objects(instance: Instance) -> list[str]:
    """The objects that lack a row in a table of their class; there are none unless somebody wrote into the database by hand."""
    found: list[str] = []
    o = tables.object_.c
    with instance.database.reading() as connection:
        for class_id in connection.scalars(sa.select(o.class_id).distinct()).all():
            cls = class_of(class_id)
            for table in cls.__mapping__.tables:
                lacking = sa.select(o.object_id).where(o.class_id == class_id, ~sa.exists().where(table.c.oid == o.oid))
                found += [f"{cls.__name__} {object_id} has no row in {table.name}" for object_id in connection.scalars(lacking)]
    return found


def complaints_of_sqlite(instance: Instance) -> list[str]:
    """What SQLite finds wrong with its own file, and references to rows that are not there; PostgreSQL looks after itself."""
    if instance.database.dialect != "sqlite":
        return []
    with instance.database.reading() as connection:
        pages = [row[0] for row in connection.exec_driver_sql(f"PRAGMA integrity_check({SHOWN})") if row[0] != "ok"]
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [*pages, *(f"a row of {row[0]} refers to one of {row[2]} that is not there" for row in rows)]


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
        instance.database.need_owner("gc")
        done = collect(instance.store, lambda hashes: referred_to(instance, hashes), min_age=options.min_age * HOUR,
                       dry_run=options.dry_run)
    if options.json:
        print_json({name: getattr(done, name) for name in done.__slots__})
    else:
        print(f"{'would be done: ' if options.dry_run else ''}{done}")
    return 0


def referred_to(instance: Instance, hashes: Collection[str]) -> set[str]:
    """Those of some files that rows refer to."""
    kept = tables.object_file.c.sha256
    wanted = [bytes.fromhex(sha) for sha in hashes]
    found: set[str] = set()
    with instance.database.reading() as connection:
        for start in range(0, len(wanted), 500):
            found |= {bytes(sha).hex() for sha in connection.scalars(sa.select(kept).where(kept.in_(wanted[start:start + 500])))}
    return found
