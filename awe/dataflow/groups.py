"""The groups that sets of dependencies ask for: which there are, and which of their members count."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from awe.dataflow import select
from awe.dataflow.distance import Distance
from awe.dataflow.node import Node, Slots, is_makeable
from awe.dataflow.paths import keys_of_object, value_at
from awe.dataflow.select import Member
from awe.dataflow.site import DAY, Site, windows_of
from awe.dataflow.state import Cause, Reason
from awe.persist.declare import DependencyList, declarations, natural_key
from awe.persist.selector import selector_of
from awe.persist.types import FOREVER

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph

#: How many days away a group of raw frames may be where the instrument does not say.
SEARCH_DAYS = 30.0

Window = tuple[int, int]


class Groups:
    """Looks up and judges the groups of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.looked_at: set[bytes] = set()

    def site(self, node: Node) -> Site:
        """The place and habits of the instrument that a node belongs to."""
        if node.keys is not None and "instrument" in node.keys:
            return self.graph.site(str(node.keys["instrument"]))
        return self.graph.site(self.graph.scopes.named(node.winner.scope_id)[0] if node.winner else "")

    def within(self, node: Node, slot: DependencyList[Any]) -> str | float | None:
        """What makes a group."""
        return self.site(node).within.get(node.cls.__name__, slot.within)

    def needed(self, node: Node, slot: DependencyList[Any]) -> int:
        """How many members a group has at least."""
        return self.site(node).at_least.get(node.cls.__name__, slot.at_least)

    def reach(self, node: Node, slot: DependencyList[Any], at: int) -> Window:
        """Between which times the group for `at` is looked for."""
        if self.within(node, slot) is None:
            return FOREVER
        days = round(self.site(node).search.get(node.cls.__name__, SEARCH_DAYS) * DAY)
        return at - days - DAY, at + days + DAY

    # ------------------------------------------------------------------ members

    def look_up(self, groups: Sequence[tuple[DependencyList[Any], bytes, int, int]]) -> list[list[Member]]:
        """The members of each (slot, sel, from, to), by time: one statement, and one more where they can be made."""
        reaches: dict[bytes, Window] = {}
        for _, sel, start, end in groups:
            low, high = reaches.get(sel, (start, end))
            reaches[sel] = min(low, start), max(high, end)
        found = dict(zip(reaches, select.members(self.graph.connection, self.graph.sight,
                                                 [(sel, *reach) for sel, reach in reaches.items()]), strict=True))
        self.looked_at.update(found, (member.own for members in found.values() for member in members))
        self._drop_unwanted({sel: slot for slot, sel, *_ in groups if is_makeable(slot.member)}, found)
        return [[member for member in found[sel] if start <= member.at < end] for _, sel, start, end in groups]

    def _drop_unwanted(self, makeable: Mapping[bytes, DependencyList[Any]], found: dict[bytes, list[Member]]) -> None:
        """Of members that can be made, keep what the rule picks at their own time with the parameters wanted."""
        listed = [(sel, member) for sel in makeable for member in found[sel]]
        rows = {one.oid: one for one in select.objects(self.graph.connection, sorted({member.oid for _, member in listed}))}
        asks = [(member.own, member.at, self.graph.ids_for(rows[member.oid], member.at)) for _, member in listed]
        winners = select.pick(self.graph.connection, self.graph.sight, asks)
        for sel in makeable:
            found[sel] = []
        for (sel, member), winner in zip(listed, winners, strict=True):
            if winner is not None and winner.oid == member.oid:
                found[sel].append(member)

    def choose(self, node: Node, slot: DependencyList[Any], found: list[Member], at: int) -> tuple[Window, dict[bytes, Member]] | None:
        """The window of the group nearest to `at` and its members in order of time; None where there is no group that is large enough.

        The distance to a group is to its mid-time; of two that are equally near the earlier is taken.
        """
        within, needed = self.within(node, slot), self.needed(node, slot)
        best: tuple[int, int, Window, dict[bytes, Member]] | None = None
        for window in windows_of([member.at for member in found], at, within, self.site(node)):
            inside = known_by(slot, [member for member in found if window[0] <= member.at < window[1]])
            if len(inside) >= needed:
                times = [member.at for member in inside.values()]
                middle = (min(times) + max(times)) // 2
                if best is None or (abs(middle - at), middle) < best[:2]:
                    best = (abs(middle - at), middle, window, inside)
        if best is None:
            return None
        window = best[2]
        return (FOREVER if within is None else window), nearest(best[3], sum(window) // 2, slot.at_most)

    def counted(self, slot: DependencyList[Any], found: dict[bytes, Member], window: Window) -> dict[bytes, Member]:
        """Of the members of a group that was chosen before, those that count."""
        if slot.at_most is None or not found:
            return found
        times = [member.at for member in found.values()]
        return nearest(found, sum(window) // 2 if window != FOREVER else (min(times) + max(times) + 1) // 2, slot.at_most)

    # ------------------------------------------------------------------ what is asked of them

    def keys(self, node: Node, slot: DependencyList[Any], source: Any) -> dict[str, Any]:
        """The natural key of one member: its own, or that of the one made of `source`, with what `also` adds."""
        if slot.one_per is None:
            return keys_of_object(source)
        own = natural_key(slot.type)
        keys = keys_of_object(source, tuple(name for name in own if name in declarations(type(source))))
        if slot.one_per.__name__.lower() in own and hasattr(source, "name"):
            keys[slot.one_per.__name__.lower()] = source.name
        keys.update({theirs: value_at(node, ours) for theirs, ours in slot.also})
        return keys


def ranked(members: Sequence[tuple[bytes, int]]) -> list[bytes]:
    """What members of which several may have one key are known by: their key and their place in order of time, of (key, time)."""
    places: dict[bytes, list[int]] = {}
    for own, at in sorted(members):
        places.setdefault(own, []).append(at)
    taken: dict[tuple[bytes, int], int] = {}
    found = []
    for own, at in members:
        place = places[own].index(at) + taken.get((own, at), 0)
        taken[own, at] = taken.get((own, at), 0) + 1
        found.append(own + place.to_bytes(4, "big"))
    return found


def known_by(slot: DependencyList[Any], members: Sequence[Member]) -> dict[bytes, Member]:
    """Members by what they are known by; of several with one key the latest counts, unless they stand for different times."""
    if is_makeable(slot.type) and slot.one_per is None:
        return dict(zip(ranked([(member.own, member.at) for member in members]), members, strict=True))
    latest: dict[bytes, Member] = {}
    for member in members:
        there = latest.get(member.own)
        if there is None or (member.created, member.identity) > (there.created, there.identity):
            latest[member.own] = member
    return latest


def nearest(found: Mapping[bytes, Member], middle: int, at_most: int | None) -> dict[bytes, Member]:
    """The members nearest to a time, not more than so many, in order of time."""
    inside = list(found)
    if at_most is not None and len(inside) > at_most:
        inside = sorted(inside, key=lambda own: (abs(found[own].at - middle), own))[:at_most]
    return {own: found[own] for own in sorted(inside, key=lambda own: (found[own].at, own))}


def member_time(slot: DependencyList[Any], member: Member, at: int) -> int:
    """At what time a member is asked for: when it was observed; of one for each chip or filter, the time its group is wanted for."""
    defined = not getattr(slot.member, "raw_data", False) and not is_makeable(slot.member)
    return at if defined and slot.one_per is not None else member.at


def is_led_by_members(node: Node, name: str) -> bool:
    """Whether the members of a set slot have times of their own, whatever time it is asked for."""
    slot = Slots.of(node.cls).by_name[name]
    return isinstance(slot, DependencyList) and (
        slot.one_per is None or getattr(slot.one_per, "raw_data", False) or is_makeable(slot.one_per))


def described(keys: Mapping[str, Any] | None) -> str:
    """Keys in words."""
    return "with " + ", ".join(f"{name}={value}" for name, value in keys.items()) if keys else "with such keys"


def too_few(slot: DependencyList[Any], needed: int, times: list[int], at: int, far: Distance) -> Reason:
    """Why there is no group: how many there are and how far away, and how many more may not be used, which `far` finds out."""
    where = far.is_at(min(times, key=lambda time: abs(time - at))) if times else far
    group = f"of one {slot.within}" if isinstance(slot.within, str) else ""
    return Reason(Cause.TOO_FEW, (needed, f"{slot.member.__name__} {group}".strip(), len(times), where))


def group_sel(slot: DependencyList[Any], keys: Mapping[str, Any]) -> bytes:
    """The digest of the group that a set slot asks for."""
    return selector_of(slot.member, keys)
