"""Makes one target, in whatever process: builds it from its inputs, runs its life cycle, stores its files.

What goes in (`Spec`) and what comes out (`Product`) are plain data that travel as JSON; nothing is pickled.
"""
from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from awe.dataflow import jobs
from awe.dataflow.instance import Instance
from awe.dataflow.lifecycle import Makeable
from awe.dataflow.log import Log, Teller, captured
from awe.dataflow.steady import one_thread
from awe.errors import AweError, TransientError
from awe.faults import reach
from awe.persist.declare import natural_key
from awe.persist.load import load
from awe.persist.mapping import class_named
from awe.persist.selector import class_name
from awe.persist.types import from_microseconds, to_microseconds
from awe.persist.value import value_of


@dataclass
class Spec:
    """What is to be made: a class, its keys, its time stamps, its parameters, and the row numbers of its inputs."""

    cls: str
    keys: dict[str, Any]
    object_id: str
    anchor: int
    t_start: int
    t_end: int
    parameters: dict[str, Any]
    inputs: dict[str, int | list[int]]
    previous: int | None = None
    below: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """As text for a worker."""
        return json.dumps(dataclasses.asdict(self))


@dataclass
class Product:
    """What came out: measured attributes and parts, flags, files by role, the value, and what was logged."""

    attributes: dict[str, Any]
    parts: dict[str, dict[str, Any]]
    quality_flags: int
    files: list[dict[str, Any]] = field(default_factory=list)
    value: str = ""
    log: str = ""
    is_valid: int = 1

    def as_json(self) -> str:
        """As text for the committing parent."""
        return json.dumps(dataclasses.asdict(self))


@dataclass
class Failure:
    """Why nothing came out: one line, whether it would fail again, and what was logged."""

    reason: str
    permanent: bool = False
    log: str = ""

    def as_json(self) -> str:
        """As text for the committing parent."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of(cls, error: BaseException, log: str = "") -> Failure:
        """What an error means; where it is not one that explains itself, the log says where it was raised."""
        if not isinstance(error, AweError):
            log += "".join(traceback.format_exception(error))
        return cls(jobs.in_words(error), jobs.is_permanent(error), log)


def build(spec: Spec, instance: Instance) -> Makeable:
    """A transient object with its keys, parameters, dependencies and time stamps set."""
    cls = class_named(spec.cls)
    obj: Makeable = cls()  # type: ignore[assignment]
    obj.object_id = spec.object_id
    mapping = cls.__mapping__
    for name in natural_key(cls):
        if name not in mapping.links:
            setattr(obj, name, spec.keys[name])
    for name, value in spec.parameters.items():
        setattr(obj, name, value)
    wanted = {oid for given in spec.inputs.values() for oid in (given if isinstance(given, list) else [given])}
    there = objects_by_oid(instance, wanted)
    for name, given in spec.inputs.items():
        setattr(obj, name, [there[oid] for oid in given] if isinstance(given, list) else there[given])
    obj.anchor = from_microseconds(spec.anchor)
    obj.timestamp_start, obj.timestamp_end = from_microseconds(spec.t_start), from_microseconds(spec.t_end)
    obj.quality_flags = 0
    return obj


def objects_by_oid(instance: Instance, oids: set[int]) -> dict[int, Any]:
    """The objects with these row numbers, whatever their classes."""
    found = load(instance.database, sorted(oids))
    missing = oids - found.keys()
    if missing:
        raise TransientError(f"the inputs {sorted(missing)} are no longer visible to {instance.config.user}; ask again")
    return found


def attempt(spec: Spec, instance: Instance, tell: Callable[[str], None] | None = None) -> Product | Failure:
    """Make one target; whatever it raises is told as a failure, with what had been logged by then.

    `tell` is given what was logged so far, now and then, from another thread.
    """
    with captured("awe", spec.cls.partition(":")[0]) as log:
        try:
            with Teller(log, tell) if tell is not None else contextlib.nullcontext():
                return make(spec, instance, log)
        except Exception as error:  # noqa: BLE001 - whatever make() raises is kept on its job row and told in the end
            return Failure.of(error, log.text)


def make(spec: Spec, instance: Instance, log: Log) -> Product:
    """Run the life cycle of one target up to its files being in the store."""
    obj = build(spec, instance)
    reach("making")
    with one_thread():
        obj.make()
    obj.verify()
    previous = objects_by_oid(instance, {spec.previous}) if spec.previous is not None else {}
    obj.compare(next((one for one in previous.values() if type(one) is type(obj)), None))
    reach("made")
    files = store_files(obj, instance)
    reach("put")
    try:
        return outcome(obj, spec, files, log)
    except BaseException:
        instance.store.unpin([row["sha256"] for row in files])
        raise


def outcome(obj: Makeable, spec: Spec, files: list[dict[str, Any]], log: Log) -> Product:
    """What came out, as plain data."""
    shas = {row["role"]: row["sha256"] for row in files}
    mapping = type(obj).__mapping__
    attributes = {name: plain(getattr(obj, name)) for name in mapping.attributes if name not in spec.parameters}
    parts = {name: {n: plain(getattr(part, n)) for n in type(part).__mapping__.attributes}
             for name in mapping.parts if (part := getattr(obj, name)) is not None}
    return Product(attributes, parts, int(obj.quality_flags or 0), files, value_of(obj, shas).hex(), log.text)


def store_files(obj: Makeable, instance: Instance) -> list[dict[str, Any]]:
    """Put the files of a target into the store."""
    contents = obj.contents()
    shas: Sequence[str] = instance.store.put_many([content.source for content in contents.values()]) if contents else []
    return [{"role": role, "ext": content.ext, "sha256": sha, "size": instance.store.size(sha),
             "global_name": obj.global_name(role, content.ext)}
            for (role, content), sha in zip(contents.items(), shas, strict=True)]


def fill(obj: Makeable, product: Product) -> None:
    """Give a built object what was measured."""
    mapping = type(obj).__mapping__
    for name, value in product.attributes.items():
        setattr(obj, name, unplain(value))
    for name, values in product.parts.items():
        setattr(obj, name, mapping.parts[name].type(**{n: unplain(v) for n, v in values.items()}))
    obj.quality_flags, obj.is_valid = product.quality_flags, product.is_valid


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, datetime.datetime):
        return {"instant": to_microseconds(value)}
    return value.item() if hasattr(value, "item") else value


def unplain(value: Any) -> Any:
    """The value that `plain` wrote down."""
    return from_microseconds(value["instant"]) if isinstance(value, dict) else value


def identity(cls: type) -> str:
    """How a class is named in a Spec."""
    return class_name(cls)
