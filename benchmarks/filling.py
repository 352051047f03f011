"""Fills a database with the graph of the planning benchmark, through the tables that the rule reads.

Of each frame and each calibrated frame there are, as in an archive that has been used, 30 % older versions that are eclipsed,
1 % newer ones that are invalid, 1 % that are flagged and 2 % that are private to one of three others; of each of ten flat keys there
are 3,650 nightly windows that overlap, with the same shares, and one flat that is valid for ever.
"""
from __future__ import annotations

import hashlib
import random
from typing import Any

from survey import SurveyCalibrated, SurveyCoadd, SurveyFlat, SurveyRaw

from awe.dataflow.request import Request
from awe.persist import tables
from awe.persist.candidates import candidate_rows, found_by, is_eligible, spans_of
from awe.persist.declare import number_of
from awe.persist.insert import Root, note_spans
from awe.persist.rows import Row, class_rows, write_rows
from awe.persist.session import Database
from awe.persist.touched import touch
from awe.persist.types import FOREVER

DAY = 86_400_000_000
START = 1_500_000_000_000_000
CHIPS, NIGHTS, MEMBERS = 10, 3_650, 10
OTHERS = 3


def digest(*what: object) -> bytes:
    """Sixteen bytes that stand for a value."""
    return hashlib.blake2b(repr(what).encode(), digest_size=16).digest()


class Filling:
    """The rows of one graph."""

    def __init__(self, database: Database, fields: int) -> None:
        self.database, self.fields = database, fields
        self.random = random.Random(20)
        self.rows: dict[Any, list[Row]] = {table: [] for table in (tables.object_, tables.edge, tables.want, tables.candidate)}
        self.count = self.elsewhere = 0
        self.times: dict[str, int] = {}
        self.flats: dict[str, list[tuple[int, bytes, bytes, int, int]]] = {}

    def add(self, cls: type, keys: dict[str, Any], anchor: int, value: bytes, *, start: int = FOREVER[0], end: int = FOREVER[1],
            links: dict[str, int | None] | None = None, privileges: int = 3, is_valid: int = 1, flags: int = 0,
            creator: int | None = None) -> tuple[int, bytes, bytes]:
        """One object; its row number, the digest of its natural key, its value."""
        self.count += 1
        oid, obj, who = self.count, cls(**keys), self.database.identity
        root = Root(oid, digest("id", oid), cls.__mapping__.class_id, START + oid, creator or who.user_id, who.project_id, privileges,
                    start, end, is_valid, flags, 1, anchor, 0, 1 if issubclass(cls, SurveyCalibrated | SurveyCoadd) else 0, 0,
                    digest("derivation", oid), value)
        found = found_by(obj)
        self.rows[tables.object_].append(tuple(root))
        for table, row in class_rows(obj, oid, links or {}, self.database.dialect):
            self.rows.setdefault(table, []).append(row)
        self.rows[tables.candidate] += candidate_rows(found, root, is_eligible(is_valid, flags, -1))
        return oid, found.own, value

    def versions(self, cls: type, keys: dict[str, Any], anchor: int, value: bytes, **more: Any) -> tuple[int, bytes, bytes]:
        """One object that counts, and sometimes others of the same key that do not."""
        chance = self.random.random
        if chance() < 0.30:
            self.add(cls, keys, anchor, digest("old", value), **more)
        counts = self.add(cls, keys, anchor, value, **more)
        if chance() < 0.01:
            self.add(cls, keys, anchor, digest("invalid", value), is_valid=0, **more)
        if chance() < 0.01:
            self.add(cls, keys, anchor, digest("flagged", value), flags=1, **more)
        if chance() < 0.02:
            self.add(cls, keys, anchor, digest("private", value), privileges=1, creator=2 + int(OTHERS * chance()), **more)
        return counts

    def fill(self) -> list[Request]:
        """Everything; the requests for all coadds."""
        for number in range(CHIPS):
            self.fill_flats(f"c{number}")
        asked = [self.fill_field(f"F{number}") for number in range(self.fields)]
        self.write(1)
        return asked

    def fill_flats(self, chip: str) -> None:
        """The flats of one chip: one for ever, and one a night that is valid for three."""
        keys = {"chip": chip}
        self.flats[chip] = [(*self.add(SurveyFlat, keys, START, digest("flat", chip)), *FOREVER)]
        for night in range(NIGHTS):
            at = START + night * DAY
            window = {"start": at - DAY, "end": at + 2 * DAY}
            self.flats[chip].append((*self.versions(SurveyFlat, keys, at, digest("flat", chip, night), **window), *window.values()))

    def flat_for(self, chip: str, at: int) -> tuple[int, bytes, bytes]:
        """The flat that the rule picks."""
        night = (at - START) // DAY
        near = self.flats[chip][max(1, night - 3):night + 4]
        return next((flat[:3] for flat in reversed(near) if flat[3] <= at < flat[4]), self.flats[chip][0][:3])

    def fill_field(self, field: str) -> Request:
        """The frames of one field, calibrated and averaged."""
        members = []
        for number in range(MEMBERS):
            chip, exposure = f"c{number % CHIPS}", f"{field}-{number}"
            at = START + int(self.random.random() * NIGHTS * DAY)
            keys = {"chip": chip, "exposure": exposure}
            raw = self.versions(SurveyRaw, {**keys, "field": field}, at, digest("raw", exposure))
            flat = self.flat_for(chip, at)
            made = self.versions(SurveyCalibrated, keys, at, digest("calibrated", exposure), links={"raw_oid": raw[0], "flat_oid": flat[0]})
            self.edge(made[0], "raw", 0, raw, at)
            self.edge(made[0], "flat", 0, flat, at)
            self.times[exposure] = at
            members.append((at, made, raw[1]))
        members.sort()
        anchor = (members[0][0] + members[-1][0]) // 2
        coadd = self.add(SurveyCoadd, {"field": field}, anchor, digest("coadd", field))
        for place, (at, made, own) in enumerate(members):
            self.edge(coadd[0], "frames", place, made, at, own)
        sel = self.group(field)
        self.rows[tables.want].append((coadd[0], number_of("frames"), sel, *FOREVER, MEMBERS))
        return Request(SurveyCoadd, {"field": field}, anchor)

    def group(self, field: str) -> bytes:
        """The digest of the frames of a field."""
        return next(iter(found_by(SurveyRaw(chip="", exposure="", field=field)).points))

    def edge(self, target: int, slot: str, place: int, used: tuple[int, bytes, bytes], at: int, per: bytes | None = None) -> None:
        """A recorded input."""
        oid, sel, value = used
        self.rows[tables.edge].append((target, number_of(slot), place, oid, sel, at, value, per))

    def replace_raws(self) -> None:
        """A newer version of every frame, with another value."""
        for exposure, at in self.times.items():
            field, _, number = exposure.rpartition("-")
            self.add(SurveyRaw, {"chip": f"c{int(number) % CHIPS}", "exposure": exposure, "field": field}, at, digest("new", exposure))
        self.write(0)

    def add_elsewhere(self) -> None:
        """A frame of a field that nobody asks for."""
        self.elsewhere += 1
        self.add(SurveyRaw, {"chip": "c0", "exposure": f"elsewhere-{self.elsewhere}", "field": "elsewhere"}, START, digest(self.elsewhere))
        self.write(0)

    def write(self, with_recipe: int) -> None:
        """All rows, in one transaction."""
        rows = self.rows
        rows[tables.edge].sort(key=lambda row: row[:3])
        rows[tables.candidate].sort()

        def work(connection: Any) -> None:
            if with_recipe:
                connection.exec_driver_sql("insert into recipe(id,class_id,version,digest,git,env) values(1,0,1,'','','{}')")
            for table in sorted(rows, key=lambda table: (table is not tables.object_, table in (tables.edge, tables.want))):
                write_rows(connection, table, rows[table])
            note_spans(self.database, connection, spans_of(rows[tables.candidate]))
            touch(connection, {row[0] for row in rows[tables.candidate]})
        self.database.write(work)
        for each in rows.values():
            each.clear()
        with self.database.reading() as connection:
            connection.exec_driver_sql("ANALYZE")
