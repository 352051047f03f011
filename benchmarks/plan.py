"""Planning 10,010 targets over 9,100 frames and ten flat keys, beside GNU make on an equal graph of files.

9,100 calibrated frames, each made from a frame and the flat of its time, and 910 coadds of ten of them, whose members come from an
evaluated group.  Two questions: is anything to be done, when nothing is; and what has to be made and why, in order, after all
frames were replaced.  Both are asked inside an open process, of the full rule.  The first is also asked again, as an open prompt
does that remembers what it found: with nothing new, and each time after a frame of another field has come.  The peer is
``make -rR -q`` and ``make -rR -n`` as a process, its fastest way.  The bars: at most twice the time of make on SQLite, four times
on PostgreSQL.  The time of a target is also printed for 1,001 and 100,100 targets, the number of statements for each, and the
time of a whole process that plans.  As of a moment before 1,000 objects were edited the same question may cost at most twice what
it costs in the present; its first asking makes the tables of the past.
"""
from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from databases import Make, paired, row_of, run, seconds
from filling import CHIPS, MEMBERS, Filling
from survey import SurveyCalibrated

from awe.config import Config
from awe.dataflow.instance import Instance
from awe.dataflow.plan import Plan
from awe.dataflow.planner import Planner
from awe.dataflow.request import Request
from awe.fileserver import Store
from awe.persist.edit import edit_all
from awe.persist.serial import moments
from awe.persist.session import Database, current, using
from awe.persist.shadow import Shadow
from awe.persist.view import View, seen_through

EDITED = 1000
AS_OF_BAR = 2.0
BARS = {"sqlite": 2.0, "postgresql": 4.0}
WHOLE = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from awe.config import Config
from awe.dataflow.instance import open_instance
from survey import SurveyCoadd
instance = open_instance(Config(home=Path({home!r}), database={url!r}, user="ann", project="sky"))
print(SurveyCoadd.plan().summary())
"""


class Files:
    """The same graph as files, for make."""

    def __init__(self, folder: Path, fields: int) -> None:
        self.folder, self.fields = folder, fields
        for name in ("raw", "flat", "calibrated", "coadd"):
            (folder / name).mkdir()
        lines = ["all: " + " ".join(f"coadd/{field}" for field in range(fields))]
        for field in range(fields):
            members = [f"{field}-{number}" for number in range(MEMBERS)]
            lines.append(f"coadd/{field}: " + " ".join(f"calibrated/{member}" for member in members) + "\n\ttouch $@")
            lines += [f"calibrated/{member}: raw/{member} flat/{number % CHIPS}\n\ttouch $@" for number, member in enumerate(members)]
            for member in members:
                self.touch(f"calibrated/{member}", 200)
            self.touch(f"coadd/{field}", 300)
        (folder / "Makefile").write_text("\n".join(lines) + "\n", encoding="utf8")
        for chip in range(CHIPS):
            self.touch(f"flat/{chip}", 100)
        self.touch_raws(100)

    def touch(self, name: str, when: int) -> None:
        (self.folder / name).touch()
        os.utime(self.folder / name, (when, when))

    def touch_raws(self, when: int) -> None:
        for field in range(self.fields):
            for number in range(MEMBERS):
                self.touch(f"raw/{field}-{number}", when)

    def make(self, option: str) -> float:
        """The seconds that make takes."""
        words = ["make", "-rR", option, "-C", str(self.folder)]
        return seconds(lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=False))


class Archive:
    """The graph in a database."""

    def __init__(self, database: Database, folder: Path, fields: int) -> None:
        self.database, self.folder = database, folder
        self.filling = Filling(database, fields)
        self.asked: list[Request] = self.filling.fill()
        Store.create(folder / "store")
        self.instance = Instance(Config(home=folder), database, Store(folder / "store"))
        self.open = Planner(self.instance)

    def plan(self) -> Plan:
        """The full rule, nothing remembered."""
        return Planner(self.instance, remember=False).plan(self.asked)

    def ask(self) -> None:
        """Whether anything is to be done, by the full rule."""
        assert not self.plan().todo

    def ask_again(self) -> None:
        """The same, as an open prompt does that has asked before."""
        assert not self.open.plan(self.asked).todo

    def tell(self) -> list[str]:
        """What is to be made and why, in order."""
        return [f"{node.cls.__name__} {node.reasons[0].text}" for node in self.plan().todo]

    def whole_process(self) -> float:
        """The seconds that a process takes which opens the instance, finds all fields, plans, and says how many there are."""
        url = self.database.engine.url.render_as_string(hide_password=False)
        code = WHOLE.format(here=str(Path(__file__).parent), home=str(self.folder), url=url)
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True))


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All figures of one kind of database."""
    times: dict[str, dict[int, float]] = {"nothing to do": {}, "all frames replaced": {}}
    statements: dict[int, float] = {}
    for fields in (91, 910) if options.quick else (91, 910, 9100):
        with tempfile.TemporaryDirectory(prefix="awe-plan-") as folder:
            database = make()
            archive = Archive(database, Path(folder), fields)
            (Path(folder) / "files").mkdir()
            files = Files(Path(folder) / "files", fields)
            targets = fields * (MEMBERS + 1)
            for row in figures(kind, archive, files, targets, options.runs if fields < 9100 else 3, full=fields == 910):
                for name in times:
                    if row["name"].startswith(f"{name}, {targets:,}"):
                        times[name][targets] = row["ours"] / targets
                yield row
            statements[targets] = counted(database, archive.tell)
            database.close()
    for name, costs in times.items():
        yield growth(f"{name}, time of a target, {kind}", costs, 1.25, "s")
    yield growth(f"all frames replaced, statements, {kind}", statements, 1.0, "statements")


def figures(kind: str, archive: Archive, files: Files, targets: int, runs: int, *, full: bool) -> Iterator[dict[str, Any]]:
    """The figures of one size; bars hold for the size that was agreed on."""
    def compared(name: str, ours: Callable[[], Any], option: str, before: Callable[[], Any] = lambda: None) -> dict[str, Any]:
        def timed() -> float:
            before()
            return seconds(ours)
        ours()
        times = paired(timed, lambda: files.make(option), runs)
        row = row_of(f"{name}, {targets:,} targets, {kind}", f"make -rR {option}", *times, BARS[kind])
        return row if full else {**row, "bar": None, "passed": None}
    yield compared("nothing to do", archive.ask, "-q")
    yield compared("nothing to do, asked again", archive.ask_again, "-q")
    yield compared("nothing to do, asked again after other frames came", archive.ask_again, "-q", archive.filling.add_elsewhere)
    if full:
        yield alone(f"nothing to do, whole process, {targets:,} targets, {kind}", [archive.whole_process() for _ in range(min(3, runs))])
        yield from of_the_past(kind, archive, targets, runs)
    archive.filling.replace_raws()
    files.touch_raws(400)
    assert len(archive.tell()) == targets
    yield compared("all frames replaced", archive.tell, "-n")
    if full:
        name = f"all frames replaced, whole process, {targets:,} targets, {kind}"
        yield alone(name, [archive.whole_process() for _ in range(min(3, runs))])


def of_the_past(kind: str, archive: Archive, targets: int, runs: int) -> Iterator[dict[str, Any]]:
    """As of a moment after which 1,000 objects were edited and edited back, beside the same question in the present."""
    moment = current().write(moments)[0]
    edited = (SurveyCalibrated.is_valid == 1)[:EDITED]
    for is_valid in (0, 1):
        edit_all(edited, "is_valid", is_valid, "there and back")

    def first() -> None:
        view = View(archive.database, Shadow(moment))
        with using(view):
            archive.ask()
        view.let_go()

    def next_one() -> None:
        with seen_through(Shadow(moment)):
            archive.ask()
    for name, work in (("first question", first), ("next question", next_one)):
        work()
        mine, present = paired(lambda work=work: seconds(work), lambda: seconds(archive.ask), runs)  # type: ignore[misc]
        yield row_of(f"nothing to do, as of before {len(edited):,} edits, {name}, {targets:,} targets, {kind}", "the present",
                     mine, present, AS_OF_BAR)


def counted(database: Database, work: Callable[[], Any]) -> int:
    """How many statements `work` takes."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        found.append(statement)
    sa.event.listen(database.engine, "before_cursor_execute", note)
    work()
    sa.event.remove(database.engine, "before_cursor_execute", note)
    return len(found)


def alone(name: str, figures: list[float]) -> dict[str, Any]:
    """A figure without a peer."""
    return {"name": name, "peer": "", "unit": "s", "ours": statistics.median(figures), "theirs": None, "ratio": None, "bar": None,
            "at_least": False, "passed": None}


def growth(name: str, costs: dict[int, float], bar: float, unit: str) -> dict[str, Any]:
    """What a target costs, or all of them, among the most of them, beside that among 10,010."""
    most, agreed = max(costs), min(costs, key=lambda targets: abs(targets - 10_010))
    least = min(costs) if most == agreed else agreed
    ratio = costs[most] / costs[least]
    return {"name": f"{name}: {most:,}", "peer": f"{least:,} targets", "unit": unit, "ours": costs[most], "theirs": costs[least],
            "ratio": ratio, "bar": bar, "at_least": False, "passed": ratio <= bar}


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
