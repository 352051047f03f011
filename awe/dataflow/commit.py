"""Commits what was made: rows, edges, files and the end of the job in one transaction; then the pins are taken away."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from awe.dataflow import jobs
from awe.dataflow import lease as leases
from awe.dataflow.instance import Instance
from awe.dataflow.lifecycle import Makeable, Stored
from awe.dataflow.maker import Product, build, fill
from awe.dataflow.prepare import Prepared
from awe.dataflow.settle import Result
from awe.dataflow.source import recipe_of
from awe.errors import InstanceError
from awe.faults import reach
from awe.persist import tables
from awe.persist.insert import insert
from awe.persist.load import load
from awe.persist.record import FileRow, Record


@dataclass
class Work:
    """A node that was made, and what came out."""

    prepared: Prepared
    product: Product


def commit(instance: Instance, work: Work) -> Result:
    """Write a new object down; its files are pinned no longer, whether that succeeds or not.

    Raises
    ------
    TakenOver
        somebody else has taken the lease over meanwhile; nothing is written
    InstanceError
        the database is gone or full; where it does not even answer whether it was written, the files stay pinned
    """
    files = [row["sha256"] for row in work.product.files]
    try:
        result = write(instance, work)
    except InstanceError:
        there = committed(instance, work.prepared.spec.object_id)
        if there is None:
            instance.store.unpin(files)
            raise
        result = there
    except BaseException:
        instance.store.unpin(files)
        raise
    reach("committed")
    instance.store.unpin(files)
    return result


def write(instance: Instance, work: Work) -> Result:
    """Write rows, edges, files and the end of the job, and give the lease back, all in one transaction."""
    prepared, product = work.prepared, work.product
    obj = build(prepared.spec, instance)
    fill(obj, product)
    record = record_of(obj, prepared, product)

    def written(connection: sa.Connection) -> None:
        insert([record])
        reach("flushed")
        if prepared.lease is not None and not leases.give_back(connection, prepared.lease):
            raise leases.TakenOver(f"the lease on {prepared.node.name} was taken over by another process; ask again")
        reach("released")
        if prepared.job is not None:
            jobs.end(connection, prepared.job, "done", oid=row_of(connection, obj), log=product.log)
        reach("written")
    instance.database.write(written)
    return Result(obj.oid, obj.object_id, bytes(obj.value))


def committed(instance: Instance, object_id: str) -> Result | None:
    """What the database has of an object when the answer to its commit did not come."""
    o = tables.object_.c
    with instance.database.reading() as connection:
        row = connection.execute(sa.select(o.oid, o.value).where(o.object_id == object_id)).first()
    return None if row is None else Result(row.oid, object_id, bytes(row.value))


def row_of(connection: sa.Connection, obj: Makeable) -> int | None:
    """The row number of an object that was written in this transaction, which it knows only after the commit."""
    o = tables.object_.c
    return connection.scalar(sa.select(o.oid).where(o.object_id == obj.object_id))


def record_of(obj: Makeable, prepared: Prepared, product: Product) -> Record:
    """All that is written for one object."""
    obj.process_status = 1
    cls: Any = type(obj)
    return Record(
        obj, inputs=prepared.settled.inputs, wants=prepared.settled.wants,
        files=[FileRow(row["role"], row["ext"], row["sha256"], row["size"], row["global_name"]) for row in product.files],
        recipe=recipe_of(cls), parameters={**prepared.spec.parameters, **prepared.spec.below}, derivation=prepared.settled.derivation,
        value=bytes.fromhex(product.value), blocking=type(obj).blocking_flags)


def share(instance: Instance, prepared: Prepared) -> Result | None:
    """Commit a new row for a derivation that was made before: it shares files and values, and nothing is computed.

    None, and nothing is written, where its files are no longer there.
    """
    assert prepared.earlier is not None
    earlier = load(instance.database, [prepared.earlier.oid]).get(prepared.earlier.oid)
    if earlier is None:
        return None
    product = product_of(earlier, prepared)
    files = [row["sha256"] for row in product.files]
    for sha in files:
        instance.store.pins.add(sha)
    if not all(instance.store.has(sha) or instance.client is not None for sha in files):
        instance.store.unpin(files)
        return None
    return commit(instance, Work(prepared, product))


def product_of(earlier: Stored, prepared: Prepared) -> Product:
    """What came out when it was made before, under the name of the new object."""
    mapping = type(earlier).__mapping__
    attributes = {name: getattr(earlier, name) for name in mapping.attributes if name not in prepared.spec.parameters}
    parts = {name: {n: getattr(part, n) for n in type(part).__mapping__.attributes}
             for name in mapping.parts if (part := getattr(earlier, name)) is not None}
    files = [{"role": role, "ext": row["ext"], "sha256": row["sha256"], "size": 0,
              "global_name": renamed(row["global_name"], earlier.object_id, prepared.spec.object_id)}
             for role, row in earlier.file_rows().items()]
    return Product(attributes, parts, earlier.quality_flags, files, bytes(earlier.value).hex(), is_valid=earlier.is_valid)


def renamed(global_name: str, old: str, new: str) -> str:
    """The same global name, ending in another identity."""
    return global_name.replace(old[:12], new[:12])
