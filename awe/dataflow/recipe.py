"""How something was, or would be, made: the digest of its class, version, parameters and inputs."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked
from awe.dataflow.lease import clock, is_gone
from awe.dataflow.select import Sight, rows
from awe.persist.canonical import digest16
from awe.persist.selector import class_name
from awe.persist.types import to_microseconds


def derivation_of(cls: type, values: Mapping[str, Any], inputs: Iterable[tuple[str, bytes, bytes]], own: bytes) -> bytes:
    """The digest of a derivation.

    `inputs` are (slot, digest of the natural key, value), in order; `own` is the digest of the natural key of what is made, which
    need not follow from its inputs.
    """
    listed = [[slot, sel.hex(), value.hex()] for slot, sel, value in inputs]
    return digest16([class_name(cls), int(getattr(cls, "version", 1)), own.hex(), dict(values), listed])


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
    """The reasons of those derivations whose last job failed for a permanent reason: one statement."""
    wanted = [(derivation,) for derivation in dict.fromkeys(derivations)]
    if not wanted:
        return {}
    source = asked(connection, "derivation", (("derivation", "bytes"),), wanted)
    statement = (f"select j.derivation,j.state,j.permanent,j.reason from {source} d join job j on j.derivation=d.derivation "
                 "order by j.id")
    last = {bytes(derivation): (state, permanent, reason) for derivation, state, permanent, reason in rows(connection, statement)}
    return {derivation: reason for derivation, (state, permanent, reason) in last.items() if state == "failed" and permanent}


def being_made(connection: sa.Connection, derivations: Iterable[bytes]) -> dict[bytes, str]:
    """Who makes these derivations just now: one statement."""
    wanted = [(derivation,) for derivation in dict.fromkeys(derivations)]
    if not wanted:
        return {}
    source = asked(connection, "derivation", (("derivation", "bytes"),), wanted)
    now = to_microseconds(clock(connection))
    found = rows(connection, f"select l.derivation,l.host,l.pid,l.token,l.expires from {source} d join lease l "
                             "on l.derivation=d.derivation")
    return {bytes(derivation): f"process {pid} on {host}" for derivation, host, pid, token, expires in found
            if expires > now and not is_gone(token)}
