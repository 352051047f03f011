"""What it costs to come as a role of PostgreSQL, behind its policies, in place of the owner of the tables.

The same questions on the same database, in turns: planning 10,010 targets where nothing is to be done and where all frames were
replaced, and two linked attributes of 1,000 of 100,000 frames by `q.values` and by list comprehensions.  What is compared is the
processor time of this process and of the server's that answers it.  The bar: at most 1.15 times that of the owner.
"""
from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from databases import Make, paired, postgresql, row_of, run
from observatory import Reduced
from plan import Archive
from query import fill

from awe.config import Config
from awe.dataflow.instance import Instance
from awe.dataflow.planner import Planner
from awe.persist.session import Database, connect, using
from awe.persist.user import add_user

BAR = 1.15
Work = Callable[[], object]


def processor(database: Database, work: Work) -> float:
    """The seconds that `work` keeps a processor busy, here and at the other end of its connection."""
    with database.reading() as connection:
        server = Path(f"/proc/{connection.exec_driver_sql('select pg_backend_pid()').scalar()}/schedstat")
    start = busy(server)
    work()
    return busy(server) - start


def busy(server: Path) -> float:
    """The processor seconds of this process and of one of the server on this machine, as far as the system tells."""
    return time.process_time() + int(server.read_text(encoding="ascii").split()[0]) / 1e9


def compared(name: str, owner: tuple[Database, Work], role: tuple[Database, Work], runs: int) -> dict[str, Any]:
    """The row of one question that both ask."""
    for _, work in (owner, role):
        work()
    return row_of(name, "as the owner", *paired(lambda: processor(*role), lambda: processor(*owner), runs), BAR)


def as_role(owner: Database) -> Database:
    """The database of the owner, for the same user, who comes as a role."""
    add_user(owner, "ann")
    return connect(owner.engine.url.render_as_string(hide_password=False), user="ann", project="sky", roles=True)


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All figures."""
    yield from planning(make, 91 if options.quick else 910, options.runs)
    yield from asking(make, 10_000 if options.quick else 100_000, options.runs)


def planning(make: Make, fields: int, runs: int) -> Iterator[dict[str, Any]]:
    """Plans by the full rule."""
    with tempfile.TemporaryDirectory(prefix="awe-roles-") as folder:
        owner = make()
        archive = Archive(owner, Path(folder), fields)
        role = as_role(owner)
        instance = Instance(Config(home=Path(folder)), role, archive.instance.store)

        def tell() -> list[str]:
            plan = Planner(instance, remember=False).plan(archive.asked)
            return [f"{node.cls.__name__} {node.reasons[0].text}" for node in plan.todo]
        for state in ("nothing to do", "all frames replaced"):
            if state != "nothing to do":
                archive.filling.replace_raws()
            assert sorted(tell()) == sorted(archive.tell())
            yield compared(f"{state}, {fields * 11:,} targets", (owner, archive.tell), (role, tell), runs)
        role.close()
        owner.close()


def asking(make: Make, count: int, runs: int) -> Iterator[dict[str, Any]]:
    """Queries."""
    owner = make()
    fill(owner, count)
    role = as_role(owner)
    found: dict[Database, Any] = {}

    def values(database: Database) -> None:
        with using(database):
            q = (Reduced.chip.name == "ccd53") & (Reduced.filter.name == "#841")
            found[database] = q.values("imstat.stdev", "flat.imstat.stdev")

    def comprehensions(database: Database) -> None:
        database.objects.clear()
        with using(database):
            q = (Reduced.chip.name == "ccd53") & (Reduced.filter.name == "#841")
            found[database] = list(zip([k.imstat.stdev for k in q], [k.flat.imstat.stdev for k in q], strict=True))
    for name, work in (("q.values", values), ("list comprehensions", comprehensions)):
        def of(database: Database, work: Callable[[Database], None] = work) -> tuple[Database, Work]:
            return database, lambda: work(database)
        yield compared(f"{name}, {count // 100:,} of {count:,}", of(owner), of(role), 5 * runs)
        assert found[owner] == found[role] and len(found[role]) == count // 100
    role.close()
    owner.close()


if __name__ == "__main__":
    if not os.path.exists("/proc/self/schedstat"):
        sys.exit("the processor time of the server is read from /proc, which this system does not have")
    sys.exit(run(__doc__ or "", measure, {"postgresql": postgresql}))
