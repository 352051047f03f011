"""What the selection rule picks for requests, up to date or not; nothing is made."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from awe.dataflow import instance as instances
from awe.dataflow import select
from awe.dataflow.parameters import ParameterBook, check_call, scope_of
from awe.dataflow.registry import target_classes
from awe.dataflow.request import Request
from awe.dataflow.select import Winner
from awe.errors import NotFoundError
from awe.persist.load import load
from awe.persist.selector import selector_of
from awe.persist.types import from_microseconds

if TYPE_CHECKING:
    from awe.dataflow.planner import Pars

#: How many of what was not there are named.
NAMED = 3


def winners(asked: Sequence[Request], pars: Pars | None = None) -> list[Winner | None]:
    """What the rule picks for each request, by one statement; None where there is none."""
    instance, call = instances.current(), dict(pars or {})
    if call:
        check_call(call, target_classes())
    database = instance.database
    with database.snapshot() as connection:
        book = ParameterBook(connection, database.identity.project_id, call)
        known: dict[tuple[type, int], tuple[bytes, Any]] = {}

        def of_keys(one: Request) -> tuple[bytes, Any]:
            name = one.cls, id(one.keys)  # the same keys are asked for at many moments, and may be asked of several classes
            if name not in known:
                known[name] = selector_of(one.cls, one.keys), scope_of(one.cls, one.keys)
            return known[name]
        asks = [(*of_keys(one), one.at) for one in asked]
        return select.pick(connection, instance.sight(), [
            (sel, at, book.wanted(one.cls, scope, at).ids) for one, (sel, scope, at) in zip(asked, asks, strict=True)])


def found(asked: Sequence[Request], pars: Pars | None = None) -> list[Any | None]:
    """The object for each request; None where there is none."""
    database, best = instances.current().database, winners(asked, pars)
    there: dict[int, Any] = {}
    for cls in {one.cls for one in asked}:
        oids = {winner.oid for one, winner in zip(asked, best, strict=True) if winner is not None and one.cls is cls}
        there.update(load(database, sorted(oids), cls))
    return [None if winner is None else there[winner.oid] for winner in best]


def was_there(asked: Sequence[Request], pars: Pars | None = None) -> list[Any]:
    """The objects for all requests where nothing can be made: in the past, or in a release.

    Raises
    ------
    NotFoundError
        some were not there; says which
    """
    objects = found(asked, pars)
    missing = [one for one, obj in zip(asked, objects, strict=True) if obj is None]
    if missing:
        named = "; ".join(map(worded, missing[:NAMED])) + ("; ..." if len(missing) > NAMED else "")
        standpoint = instances.current().database.standpoint
        raise NotFoundError(f"{len(missing)} of {len(asked)} objects were not there {standpoint}, where nothing is made: {named}; "
                            "plan(...) tells what there was, and get(...) in the present makes what is missing")
    return objects


def worded(one: Request) -> str:
    """A request in words."""
    return f"{one.cls.__name__} {' '.join(str(value) for value in one.keys.values())} for {from_microseconds(one.at):%Y-%m-%d %H:%M}"
