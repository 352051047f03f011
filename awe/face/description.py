"""An object on a few lines: its keys, inputs, parameters with units, what was measured, its flags by name."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from awe.dataflow.lifecycle import Stored
from awe.face.values import listed, moment, plainly, shown
from awe.persist.dbobject import DBObject
from awe.persist.declare import Key, Parameter
from awe.persist.identity import LEVELS
from awe.persist.lineage import name_of_class
from awe.persist.types import FOREVER, to_microseconds
from awe.persist.value import keys_of

WIDTH = 12
VALID = {0: "bad", 1: "OK", 2: "qualified"}


def describe(obj: DBObject) -> str:
    """What a person wants to see of an object at the prompt."""
    return "\n".join([title(obj), *(f"  {name:<{WIDTH}}{text}" for name, text in lines(obj))])


def title(obj: Any) -> str:
    """Class, identity and keys on one line."""
    keys = "  ".join(f"{name}={value}" for name, value in ({} if type(obj).__abstract__ else keys_of(obj)).items())
    return f"{name_of_class(obj)} {obj.object_id[:8]}{'' if obj.is_committed else ' (not committed)'}  {keys}".rstrip()


def lines(obj: Any) -> Iterator[tuple[str, str]]:
    """The parts of a description: a word, and what there is to say."""
    yield "state", state(obj)
    if obj.is_committed:
        yield "made", f"{moment(obj.creation_date)} by {obj.creator} for {obj.project} ({LEVELS[obj.privileges]})"
        yield "valid", validity(obj)
    for name, items in (("made from", inputs(obj)), ("parameters", parameters(obj)), ("measured", measured(obj))):
        if items:
            yield name, listed(items, 2 + WIDTH)
    if isinstance(obj, Stored) and obj.is_committed:
        for role, row in obj.file_rows().items():
            yield "file", f"{row['global_name']} ({role})"


def state(obj: Any) -> str:
    """The judgements of the user and of the system."""
    if type(obj).__elsewhere__ and obj.quality_flags:
        return f"{VALID.get(obj.is_valid, obj.is_valid)}, flags {obj.quality_flags:#x}, whose names its package knows"
    flags = flags_of(obj)
    return f"{VALID.get(obj.is_valid, obj.is_valid)}, {'flags ' + ', '.join(flags) if flags else 'no flags'}"


def flags_of(obj: Any) -> list[str]:
    """The flags that are raised, by name."""
    names: list[str] = obj.flag_names(obj.quality_flags or 0) if isinstance(obj, Stored) else []
    return names


def validity(obj: Any) -> str:
    """From when to when it may be used."""
    ends = (to_microseconds(obj.timestamp_start), to_microseconds(obj.timestamp_end))
    if ends == FOREVER:
        return "for ever"
    return f"{moment(obj.timestamp_start)} to {moment(obj.timestamp_end)}"


def inputs(obj: Any) -> list[str]:
    """What it was made from, slot by slot."""
    mapping = type(obj).__mapping__
    single = [f"{name} {other.object_id[:8]}" for name in mapping.links if (other := getattr(obj, name)) is not None]
    several = [f"{len(members)} {name}" for name in mapping.lists if (members := getattr(obj, name))]
    return single + several


def parameters(obj: Any) -> list[str]:
    """Parameters with their units."""
    return [f"{name} = {shown(getattr(obj, name), declared.unit)}" for name, declared in type(obj).__mapping__.attributes.items()
            if isinstance(declared, Parameter)]


def measured(obj: Any) -> list[str]:
    """What was measured or described, with units; parts go by their own attributes."""
    mapping = type(obj).__mapping__
    own = [f"{name} = {shown(value, declared.unit)}" for name, declared in mapping.attributes.items()
           if not isinstance(declared, Key | Parameter) and (value := getattr(obj, name)) not in (None, "")]
    parts = [f"{name}.{inner} = {plainly(value)}" for name in mapping.parts if (part := getattr(obj, name)) is not None
             for inner in type(part).__mapping__.attributes if (value := getattr(part, inner)) is not None]
    return own + parts
