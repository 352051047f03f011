"""The columns in which objects of a class are listed where nobody says which."""
from __future__ import annotations

from typing import Any

from awe.persist.query import Query


def usual_columns(asked: Query[Any]) -> list[str]:
    """Identity, date and attributes; links by name; of classes that are not installed their name."""
    mapping = asked.cls.__mapping__
    elsewhere = ["class_name"] if asked.cls.__elsewhere__ else []
    links = [f"{name}.name" for name, declared in mapping.links.items() if "name" in declared.type.__mapping__.attributes]
    return ["object_id", "creation_date", *elsewhere, *links, *mapping.attributes]
