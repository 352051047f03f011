"""Where objects that come in and objects that are there meet under one natural key: the later one is used."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow.select import Sight
from awe.persist import tables
from awe.persist.rows import Row
from awe.persist.types import from_microseconds


class Rival(NamedTuple):
    """Two objects of one natural key and the same parameters that are valid at the same time; `wins` says whether the new one is used."""

    what: str
    new: str
    there: str
    wins: bool
    created: str
    created_there: str

    def __str__(self) -> str:
        new, there = f"{self.new[:8]} ({self.created})", f"{self.there[:8]} ({self.created_there})"
        how = f"takes the place of {there}" if self.wins else f"stands behind {there}, which is later"
        return f"{self.what}: {new} {how}"


def rivals(connection: sa.Connection, sight: Sight, content: Mapping[str, Sequence[Row]], oids: set[int]) -> list[Rival]:
    """All pairs of a new object and one that is there; `oids` are the new ones' row numbers in the export."""
    columns = tuple(tables.candidate.columns.keys())
    new: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in content.get("candidate", [])]
    new = [row for row in new if row["oid"] in oids and row["eligible"]]
    names = {row[0]: row[1] for row in content["class"]}
    classes = {row[0]: names[row[2]].removeprefix("awe:") for row in content["object"]}
    digests = {row[0]: row[1] for row in content.get("parameters", [])}
    there = eligible(connection, sight, sorted({row["sel"] for row in new}))
    found: list[Rival] = []
    for row in new:
        for other in there.get(row["sel"], ()):
            same = digests.get(row["params_id"]) == (None if other.digest is None else bytes(other.digest))
            if same and row["t_start"] < other.t_end and other.t_start < row["t_end"]:
                wins = (row["created"], row["object_id"]) > (other.created, bytes(other.object_id))
                found.append(Rival(classes[row["oid"]], row["object_id"].hex(), bytes(other.object_id).hex(), wins,
                                   moment(row["created"]), moment(other.created)))
    return sorted(found)


def eligible(connection: sa.Connection, sight: Sight, sels: Sequence[bytes]) -> dict[bytes, list[Any]]:
    """What could be used and can be seen under some natural keys, with the digest of its parameters."""
    c, p = tables.candidate, tables.parameters
    raw = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in c.columns]
    found: dict[bytes, list[Any]] = {}
    for start in range(0, len(sels), 500):
        statement = sa.select(*raw, p.c.digest).select_from(c.outerjoin(p, p.c.id == c.c.params_id)).where(
            c.c.sel.in_(sels[start:start + 500]), c.c.sel == c.c.own, c.c.eligible == 1, sa.text(sight.where("candidate")))
        for row in connection.execute(statement):
            found.setdefault(bytes(row.sel), []).append(row)
    return found


def moment(microseconds: int) -> str:
    """A moment, to the second."""
    return from_microseconds(microseconds).isoformat(" ", "seconds").removesuffix("+00:00")
