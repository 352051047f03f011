"""The front page: what there is, whether it is well, and where to go."""
from __future__ import annotations

import os
import shutil
from typing import Any

import httpx
import sqlalchemy as sa

from awe.persist import tables
from awe.persist.mapping import OBJECTS, class_of
from awe.services import tally
from awe.services.asked import Asked
from awe.services.attributes import group_of, spelled
from awe.services.figures import figures_of
from awe.services.page import Page
from awe.services.shown import Shown
from awe.targets import Chip, Filter, Instrument

#: Seconds that a file server is waited for.
PATIENCE = 1.0


def front(asked: Asked) -> Shown:
    """Figures, health and instruments."""
    figures = figures_of(asked.house, asked.identity)
    by_class = [{"class": spelled(class_of(number)), "group": group_of(class_of(number)), "objects": count}
                for number, count in sorted(figures.counts.items(), key=lambda pair: -pair[1]) if number in OBJECTS]
    data = {"objects": figures.objects, "files": figures.files, "bytes": figures.bytes, "users": figures.users,
            "projects": figures.projects, "jobs": figures.jobs, "statements": tally.total.statements, "counted": figures.when,
            "classes": by_class, "health": health(asked), "instruments": instruments(asked)}
    return Shown("front.html", "awe", data, awe="Instrument.select_all()")


def health(asked: Asked) -> list[dict[str, Any]]:
    """Whether database and store are there, and how much room there is."""
    instance = asked.instance
    store = instance.store.root
    there = os.access(store, os.R_OK)
    found = [{"what": "database", "is_well": True, "words": {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[instance.database.dialect]},
             {"what": "file store", "is_well": there, "words": "readable" if there else "cannot be read"}]
    if there:
        room = shutil.disk_usage(store)
        words = f"{100 * room.free / room.total:.0f} % free"
        found.append({"what": "room on disk", "is_well": room.free > 0.05 * room.total, "words": words})
    if instance.client is not None:
        well = asked.house.answers.get("file server", lambda: answers(instance.config.fileserver))
        found.append({"what": "file server", "is_well": well, "words": "answers" if well else "does not answer"})
    return found


def answers(address: str) -> bool:
    """Whether a file server says anything; it is asked for a file that nobody has."""
    try:
        return httpx.get(f"{address.rstrip('/')}/files/{'0' * 64}", timeout=PATIENCE).status_code < 500
    except httpx.HTTPError:
        return False


def instruments(asked: Asked) -> list[dict[str, Any]]:
    """The instruments that can be seen, with how many chips and filters they have, by three statements."""
    newest: dict[str, Instrument] = {}
    for one in (Instrument.is_valid > 0).order_by("creation_date"):
        newest[one.name] = one
    chips, filters = names_by_instrument(asked, Chip), names_by_instrument(asked, Filter)
    return [{"name": name, "object_id": one.object_id, "chips": sorted(chips.get(name, ())), "filters": sorted(filters.get(name, ()))}
            for name, one in sorted(newest.items())]


def names_by_instrument(asked: Asked, cls: Any) -> dict[str, set[str]]:
    """The names of chips or filters, by the name of their instrument."""
    found: dict[str, set[str]] = {}
    for instrument, name in (cls.is_valid > 0).values("instrument.name", "name"):
        found.setdefault(instrument, set()).add(name)
    return found


def is_there(asked: Asked) -> Shown:
    """Whether the server answers, and the database with it: for those who watch over it."""
    with asked.database.reading() as connection:
        connection.execute(sa.select(sa.func.count()).select_from(tables.class_))
    return Shown("health.html", "Health", {"is_well": all(one["is_well"] for one in health(asked)), "health": health(asked)})


PAGES = [Page("front", "/", front, "the figures of the instance, its health and its instruments", api="/api/v1/instance"),
         Page("health", "/health", is_there, "whether database and file store are there")]
