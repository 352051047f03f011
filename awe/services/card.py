"""What the page of an object says, as plain data."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from awe.face.description import VALID, flags_of
from awe.persist import tables
from awe.persist.comment import lines_about, standing
from awe.persist.declare import Dependency, DependencyList, Key, Parameter, Part
from awe.persist.guard import SAID
from awe.persist.identity import LEVELS, Identity
from awe.persist.lineage import name_of_class
from awe.persist.load import load
from awe.persist.session import current
from awe.persist.value import keys_of

#: So many members of a list, and so many of what was made from an object, are told one by one.
LISTED = 24
#: What uses an object is counted no further.
COUNTED = 1000


def card_of(obj: Any, who: Identity) -> dict[str, Any]:
    """Everything that one object says of itself."""
    mapping = type(obj).__mapping__
    return {"object_id": obj.object_id, "class": name_of_class(obj), "doc": (type(obj).__doc__ or "").strip().split("\n", 1)[0],
            "keys": {} if type(obj).__abstract__ else keys_of(obj),
            "state": {"is_valid": obj.is_valid, "words": VALID.get(obj.is_valid, str(obj.is_valid)), "quality_flags": obj.quality_flags,
                      "flags": flags_of(obj)},
            "made": {"creation_date": obj.creation_date, "creator": obj.creator, "project": obj.project, "privileges": obj.privileges,
                     "level": LEVELS[obj.privileges]},
            "timestamp_start": obj.timestamp_start, "timestamp_end": obj.timestamp_end, "anchor": obj.anchor,
            "attributes": [attribute(obj, name, declared) for name, declared in mapping.attributes.items()
                           if not isinstance(declared, Key | Parameter)],
            "parameters": [{**attribute(obj, name, declared), "default": declared.default} for name, declared in mapping.attributes.items()
                           if isinstance(declared, Parameter)],
            "parts": parts(obj), "inputs": inputs(obj), "files": files(obj), "used_by": used_by(obj, who),
            **said_of(obj)}


def said_of(obj: Any) -> dict[str, Any]:
    """What was edited of it, and what people said of it, by one statement."""
    told = lines_about(obj)
    return {"changes": [one.as_dict() for one in told if one.field not in SAID], "comments": [one.as_dict() for one in standing(told)]}


def attribute(obj: Any, name: str, declared: Any) -> dict[str, Any]:
    """One attribute with unit and meaning."""
    return {"name": name, "value": getattr(obj, name), "unit": declared.unit, "doc": declared.doc}


def parts(obj: Any) -> list[dict[str, Any]]:
    """Measured values that are objects of their own."""
    found = []
    for name, declared in type(obj).__mapping__.declared.items():
        part = getattr(obj, name) if isinstance(declared, Part) else None
        if part is not None:
            inner = type(part).__mapping__.attributes
            found.append({"name": name, "doc": declared.doc, "attributes": [attribute(part, each, one) for each, one in inner.items()]})
    return found


def inputs(obj: Any) -> list[dict[str, Any]]:
    """What it was made from, slot by slot; of long lists the first."""
    found = []
    for name, declared in type(obj).__mapping__.declared.items():
        if isinstance(declared, Dependency | DependencyList):
            linked = getattr(obj, name)
            members = linked if isinstance(linked, list) else [linked] if linked is not None else []
            found.append({"slot": name, "doc": declared.doc, "class": declared.type.__name__, "count": len(members),
                          "objects": [brief(one) for one in members[:LISTED]]})
    return found


def brief(obj: Any) -> dict[str, Any]:
    """An object on one line."""
    keys = {} if type(obj).__abstract__ else keys_of(obj)
    return {"object_id": obj.object_id, "class": name_of_class(obj), "keys": "  ".join(f"{name}={value}" for name, value in keys.items()),
            "is_valid": obj.is_valid, "quality_flags": obj.quality_flags}


def files(obj: Any) -> list[dict[str, Any]]:
    """Its files."""
    kept, file = tables.object_file, tables.file
    joined = kept.outerjoin(file, file.c.sha256 == kept.c.sha256)
    statement = sa.select(kept.c.role, kept.c.global_name, kept.c.sha256, file.c.size).select_from(joined).where(kept.c.oid == obj.oid)
    with current().reading() as connection:
        rows = connection.execute(statement.order_by(kept.c.role)).all()
    return [{"role": row.role, "name": row.global_name, "size": row.size, "sha256": bytes(row.sha256).hex()} for row in rows]


def used_by(obj: Any, who: Identity) -> dict[str, Any]:
    """What was made from it, as far as it can be seen: how many, and the latest."""
    edge, o, database = tables.edge, tables.object_, current()
    joined = edge.join(o, o.c.oid == edge.c.target)
    statement = sa.select(edge.c.target).select_from(joined).where(edge.c.input == obj.oid, who.visible(o)).limit(COUNTED)
    with database.reading() as connection:
        links = list(connection.scalars(statement))  # some twice; to ask for each once would go through all there are
    oids = set(links)
    latest = sorted(oids, reverse=True)[:LISTED]
    found = load(database, latest)
    return {"count": len(oids), "is_all_counted": len(links) < COUNTED, "objects": [brief(found[oid]) for oid in latest if oid in found]}
