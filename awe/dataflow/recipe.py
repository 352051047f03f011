"""How something was, or would be, made: the digest of its class, version, parameters and inputs."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked
from awe.dataflow.select import Sight
from awe.persist import tables
from awe.persist.canonical import digest16
from awe.persist.selector import class_name


def derivation_of(cls: type, values: Mapping[str, Any], inputs: Iterable[tuple[str, bytes, bytes]]) -> bytes:
    """The digest of a derivation: `inputs` are (slot, digest of the natural key, value), in order."""
    listed = [[slot, sel.hex(), value.hex()] for slot, sel, value in inputs]
    return digest16([class_name(cls), int(getattr(cls, "version", 1)), dict(values), listed])


class Earlier(NamedTuple):
    """What came of the same derivation before."""

    oid: int
    object_id: str
    is_valid: int
    quality_flags: int


def made_before(connection: sa.Connection, sight: Sight, derivations: Iterable[bytes]) -> dict[bytes, list[Earlier]]:
    """The visible objects with these derivations, the latest first: one statement."""
    wanted = [(derivation,) for derivation in dict.fromkeys(derivations)]
    if not wanted:
        return {}
    source = asked(connection, "derivation", (("derivation", "bytes"),), wanted)
    statement = (f"select o.derivation,o.oid,o.object_id,o.is_valid,o.quality_flags from {source} d join object o "
                 f"on o.derivation=d.derivation where {sight.where('o')} order by o.creation_date desc, o.object_id desc")
    found: dict[bytes, list[Earlier]] = {}
    for derivation, oid, object_id, is_valid, flags in connection.exec_driver_sql(statement).fetchall():
        found.setdefault(derivation, []).append(Earlier(oid, object_id.hex(), is_valid, flags))
    return found


def failed_before(connection: sa.Connection, derivations: Iterable[bytes]) -> dict[bytes, str]:
    """The reasons of those derivations whose last job failed for a permanent reason."""
    wanted = list(dict.fromkeys(derivations))
    job, last = tables.job, {}
    for start in range(0, len(wanted), 500):
        block = job.c.derivation.in_(wanted[start:start + 500])
        rows = connection.execute(sa.select(job.c.derivation, job.c.state, job.c.permanent, job.c.reason).where(block).order_by(job.c.id))
        last.update({bytes(row.derivation): row for row in rows})
    return {derivation: row.reason for derivation, row in last.items() if row.state == "failed" and row.permanent}
