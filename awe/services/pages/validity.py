"""Editing the validity of an object: first what would follow, then with a reason, and undone where it was wrong."""
from __future__ import annotations

import datetime
from typing import Any

from awe.dataflow.effects import Effect, effects
from awe.errors import QueryError
from awe.face.named import object_named
from awe.face.values import moment
from awe.persist.assume import Edit
from awe.persist.edit import edit, edit_all
from awe.persist.guard import SAID
from awe.persist.judge import twins
from awe.persist.session import transaction
from awe.persist.undo import undo
from awe.services.asked import Asked
from awe.services.card import brief
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.pages.login import inside
from awe.services.shown import Done, Shown

FIELDS = ("timestamp_start", "timestamp_end", "is_valid")
#: So many products that would go out of date are told one by one.
LISTED = 100


def form(asked: Asked) -> Shown:
    """The time stamps and validity of an object; with others, what would follow from those."""
    obj = object_named(asked.instance, asked["id"])
    changes = changed(obj, asked)
    same = twins(obj) if "is_valid" in changes else []
    followed = effects(edits(obj, changes, same if not asked["alone"] else [])) if changes else []
    data = {"object": brief(obj), "timestamp_start": obj.timestamp_start, "timestamp_end": obj.timestamp_end, "is_valid": obj.is_valid,
            "changes": {name: [getattr(obj, name), value] for name, value in changes.items()}, "twins": [brief(one) for one in same],
            "effects": [told(one) for one in followed[:LISTED]], "effects_count": len(followed),
            "history": [one.as_dict() for one in obj.changes]}
    wanted = {name: changes.get(name, getattr(obj, name)) for name in FIELDS}
    return Shown("validity.html", f"Validity of {type(obj).__name__} {obj.object_id[:8]}", data, awe=prompt(obj, changes), more={
        "wanted": wanted, "next": inside(asked["next"]), "alone": asked["alone"], "undone": {one.undo_of for one in obj.changes},
        "may_edit": not asked.identity.is_anonymous})


def changed(obj: Any, asked: Asked) -> dict[str, Any]:
    """What is to be other than it is; raises QueryError where the object would never be valid."""
    found = {name: asked[name] for name in FIELDS if asked[name] is not None and asked[name] != getattr(obj, name)}
    start, end = (found.get(name, getattr(obj, name)) for name in FIELDS[:2])
    if start >= end:
        raise QueryError(f"it would be valid from {moment(start)} until {moment(end)}, which is never; give an end after the start")
    return found


def edits(obj: Any, changes: dict[str, Any], same: list[Any]) -> list[Edit]:
    """The edits to be assumed; a judgement of `is_valid` holds for those of the same value too."""
    return [(one, name, value) for name, value in changes.items() for one in ([obj, *same] if name == "is_valid" else [obj])]


def told(one: Effect) -> dict[str, Any]:
    """One product that would go out of date, or be another."""
    winner = one.before.winner
    return {"name": one.before.name, "object_id": winner.object_id if winner is not None else None, "text": one.text,
            "class": one.request.cls.__name__}


def prompt(obj: Any, changes: dict[str, Any]) -> str:
    """The lines that do the same."""
    name = f"{type(obj).__name__}(object_id={obj.object_id!r})"
    values = {key: repr(value.isoformat()) if hasattr(value, "isoformat") else repr(value) for key, value in changes.items()}
    return "; ".join(f"edit({name}, {key!r}, {value}, 'why')" for key, value in values.items()) or f"{name}.changes"


def save(asked: Asked) -> Done:
    """Edit, all in one transaction."""
    obj = object_named(asked.instance, asked["id"])
    why, changes = asked["why"].strip(), changed(obj, asked)
    if not why:
        raise QueryError("the reason is empty; say why, since others will ask")
    if not changes:
        raise QueryError("nothing would change: these are its time stamps and validity already")
    seen = {one.seq for one in obj.changes}
    later = changes.get("timestamp_start", obj.timestamp_start) >= obj.timestamp_end
    names = sorted(changes, key=lambda name: (name == "timestamp_start") == later)  # no order in which it is valid never in between
    with transaction():
        for name in names:
            if name == "is_valid" and not asked["alone"]:
                edit_all([obj, *twins(obj)], name, changes[name], why)
            else:
                edit(obj, name, changes[name], why)
    new = [one.seq for one in obj.changes if one.seq not in seen]
    words = ", ".join(f"{name} = {changes[name] if name == 'is_valid' else moment(changes[name])}" for name in names)
    return Done(f"{type(obj).__name__} {obj.object_id[:8]}: {words}. It can be undone on its page.", inside(asked["next"]),
                {"object_id": obj.object_id, "changes": new})


def take_back(asked: Asked) -> Done:
    """Undo edits, all of them or none."""
    lines = undo(asked["seq"], asked["why"])
    words = "; ".join(f"the {line.field} is taken back" if line.field in SAID else f"{line.field} is {line.new} again" for line in lines)
    return Done(f"Undone: {words}", inside(asked["next"]), {"changes": [line.as_dict() for line in lines]})


ID = Parameter("id", str, "the beginning of an object_id", of="object", longest=300)
STAMPS = (Parameter("timestamp_start", datetime.datetime, "valid from, included"),
          Parameter("timestamp_end", datetime.datetime, "valid until, excluded"),
          Parameter("is_valid", int, "0 bad, 1 OK, 2 qualified", at_least=0, at_most=2),
          Parameter("alone", bool, "leave objects of the same value as they are", False),
          Parameter("next", str, "the page to go on to", "/calts", longest=2000))
PAGES = [
    Page("validity", "/calts/edit/{id}", form, "the validity of an object, and what would follow from another one", (ID, *STAMPS)),
    Page("edit validity", "/calts/edit/{id}", save, "edit the validity of an object", (
        ID, *STAMPS, Parameter("why", str, "the reason, kept in the change log", required=True)), method="POST", needs_user=True),
    Page("undo", "/undo", take_back, "take edits back, by their numbers in the change log", (
        Parameter("seq", int, "the number of a line in the change log", required=True, several=True, of="change", at_least=0),
        Parameter("why", str, "the reason, kept in the change log", required=True), STAMPS[-1]), method="POST", needs_user=True),
]
