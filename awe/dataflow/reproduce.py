"""Makes an object again from what it was made from, and says whether it comes out the same; nothing is stored."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from awe.dataflow import source as sources
from awe.dataflow.difference import all_measured, shown, unequal
from awe.dataflow.instance import current
from awe.dataflow.maker import Spec, build, identity
from awe.dataflow.steady import one_thread
from awe.errors import QueryError
from awe.fileserver.digest import hash_bytes, hash_file
from awe.persist.declare import Parameter, natural_key
from awe.persist.lineage import made_from, tell_everything
from awe.persist.types import to_microseconds
from awe.persist.value import key_value, value_of

if TYPE_CHECKING:
    from awe.dataflow.lifecycle import Makeable


@dataclass
class Reproduction:
    """How an object came out when it was made again.

    Attributes
    ----------
    obj
        the object that was reproduced
    is_identical
        whether the value is the same: pixels, tables, measured attributes
    measured, files
        name -> what was recorded and what came out now; only what differs
    code
        what is different about the code: version of the class, digest of its source, libraries
    """

    obj: Any
    is_identical: bool
    measured: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    files: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    code: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.is_identical

    def __str__(self) -> str:
        verdict = "comes out identical" if self.is_identical else "comes out different"
        lines = [f"{self.obj!r} {verdict}"]
        for title, pairs in (("measured", self.measured), ("file", self.files), ("code", self.code)):
            lines += [f"  {title} {name}: {shown(before)} then, {shown(now)} now" for name, (before, now) in pairs.items()]
        return "\n".join(lines)


def reproduce(obj: Makeable) -> Reproduction:
    """Make an object again from its recorded inputs and parameters, with the code that is here now.

    Raises
    ------
    QueryError
        it is not committed, or was not made here but brought in
    """
    instance = current()
    if not obj.is_committed:
        raise QueryError(f"{obj!r} is not committed, so there is nothing to compare with; make() and commit() it first")
    code = tell_everything(obj).code
    if not code.get("version"):
        raise QueryError(f"{obj!r} was not made here, it was brought in; only what was made can be made again")
    again = build(spec_of(obj), instance)
    with one_thread():
        again.make()
    again.verify()
    shas = {role: hash_bytes(content.source) if isinstance(content.source, bytes | bytearray) else hash_file(content.source)
            for role, content in again.contents().items()}
    recipe = sources.recipe_of(type(obj))
    then = {"version": code["version"], "digest": code["digest"], **code["libraries"]}
    now = {"version": recipe.version, "digest": recipe.digest, **sources.environment()}
    is_identical = value_of(again, shas) == obj.value
    return Reproduction(obj, is_identical, unequal(all_measured(obj), all_measured(again)), unequal(obj.files(), shas), unequal(then, now))


def spec_of(obj: Makeable) -> Spec:
    """What an object was made from, as the maker takes it."""
    mapping = type(obj).__mapping__
    used = made_from(obj)
    inputs: dict[str, int | list[int]] = {name: [one.oid for one in used.get(name, [])] for name in mapping.lists}
    inputs |= {name: used[name][0].oid for name in mapping.links if name in used}
    keys = {name: key_value(obj, name) for name in natural_key(type(obj))}
    parameters = {name: getattr(obj, name) for name, declared in mapping.attributes.items() if isinstance(declared, Parameter)}
    anchor, start, end = (to_microseconds(moment) for moment in (obj.anchor, obj.timestamp_start, obj.timestamp_end))
    return Spec(identity(type(obj)), keys, obj.object_id, anchor, start, end, parameters, inputs)
