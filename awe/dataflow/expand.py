"""What a target that is not there would be made from, by its declarations.

The first dependency that is not a key *leads*: it decides at which time the others are looked up (the anchor) and, for
calibrations, whether two questions at different times ask for the same target.
"""
from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from awe.dataflow import select
from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.paths import NotYet, asked_keys, keys_of_object, value_at
from awe.dataflow.select import Member
from awe.dataflow.site import DAY, Site, nearest_group, window_of
from awe.dataflow.state import Cause, Reason, State
from awe.persist.declare import DependencyList, declarations, natural_key
from awe.persist.selector import selector_of
from awe.persist.types import FOREVER, from_microseconds

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph

#: How many days away a group of raw frames may be where the instrument does not say.
SEARCH_DAYS = 30.0


class Expansion:
    """The targets of one graph that have no object yet."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.waiting: list[tuple[Ask, Node]] = []

    def start(self, ask: Ask) -> None:
        """Begin to find out what the target that `ask` wants would be made from."""
        node = Node(ask.cls, ask.sel, None, ask.keys)
        node.asked_at.append(ask.at)
        node.parameters = dict(self.graph.book.wanted(ask.cls, scope_of_keys(ask.keys or {}), ask.at).values)
        node.pending, node.tries = list(Slots.of(ask.cls).by_name), list(Slots.of(ask.cls).leads)
        if ask.keys is None or not can_be_made(ask.cls):
            self._refuse(ask, node, Reason(Cause.NO_RAW, (ask.cls.__name__, described(ask.keys))))
            return
        self.waiting.append((ask, node))

    def restart(self, node: Node) -> None:
        """Find out what an object of an older version of its class would be made from now."""
        ask = Ask(node.cls, node.sel, node.anchor, node.keys)
        scope = scope_of_keys(node.keys or {})
        node.parameters = dict(self.graph.book.wanted(node.cls, scope, node.anchor).values)
        node.asked_at.append(node.anchor)
        node.obj = None
        node.pending, node.tries = list(Slots.of(node.cls).by_name), list(Slots.of(node.cls).leads)
        self.waiting.append((ask, node))

    def _refuse(self, ask: Ask, node: Node, reason: Reason) -> None:
        node.state, node.anchor = State.MISSING, ask.at
        node.reasons.append(reason)
        node.pending = []
        ask.node = node

    def step(self) -> None:
        """Take every waiting target one step further: its group, its lead, then the rest."""
        waiting, self.waiting = self.waiting, []
        self._find_groups([(ask, node) for ask, node in waiting if self._wants_group(ask, node)])
        for ask, node in waiting:
            if node.state is State.MISSING:
                continue
            if ask.node is None and not self._led(ask, node):
                self.waiting.append((ask, node))
                continue
            if ask.node is node:
                self._ask_rest(node)
                if node.pending:
                    self.waiting.append((ask, node))

    def signature(self) -> list[tuple[int, int, int, bool]]:
        """How far the waiting targets have come; the same twice in a row means that they never will."""
        return [(id(node), len(node.pending), len(node.tries), any(child.obj is None for child in node.children()))
                for _, node in self.waiting]

    def stuck(self) -> str:
        """Which target cannot be planned, and why not."""
        ask, node = self.waiting[0]
        return (f"{ask!r} cannot be planned: {', '.join(node.pending)} ask for attributes that are not known before it is made; "
                "let them go through what leads it")

    # ------------------------------------------------------------------ the lead

    def _wants_group(self, ask: Ask, node: Node) -> bool:
        """Whether what may lead this node is a group that has not been looked for."""
        name = next(iter(node.tries), None)
        return ask.node is None and name in node.pending and isinstance(Slots.of(node.cls).by_name[name], DependencyList)

    def _led(self, ask: Ask, node: Node) -> bool:
        """Ask for what leads; once that is known, give the node its anchor and make it one with its like."""
        if not Slots.of(node.cls).leads:
            return self._identify(ask, node, ask.at, ())
        if not node.tries:
            names = " or ".join(Slots.of(node.cls).by_name[name].type.__name__ for name in Slots.of(node.cls).leads)
            self._refuse(ask, node, Reason(Cause.NO_RAW, (names, described(node.keys))))
            return True
        name = node.tries[0]
        slot = Slots.of(node.cls).by_name[name]
        if name in node.pending:
            self._ask_slot(node, name, ask.at)
            if name in node.pending:
                return node.state is State.MISSING
        lead = node.inputs.get(name) or []
        below = [lead] if isinstance(lead, Ask) else lead
        if any(child.node is None for child in below):
            return False
        nodes = [child.node for child in below if child.node is not None and child.node.state is not State.MISSING]
        if not nodes and slot.optional:
            node.tries.pop(0)
            return False
        self.graph.load_objects(nodes if isinstance(lead, Ask) else [])
        if name in node.wants and not one_per(node, name):
            times = [member.at for member in node.groups[name].values()]
        else:
            times = [child.anchor for child in nodes]
        anchor = (min(times) + max(times)) // 2 if times else ask.at
        return self._identify(ask, node, anchor, tuple(child.identity or id(child) for child in nodes))

    def _identify(self, ask: Ask, node: Node, anchor: int, lead: tuple[object, ...]) -> bool:
        node.anchor = anchor
        node.identity = (node.sel, node.wants.get(node.tries[0]) if node.tries else None, lead)
        if node.winner is not None:
            ask.node = node
            return True
        there = self.graph.made.setdefault(node.identity, node)
        if there is not node:
            there.asked_at.extend(node.asked_at)
        ask.node = there
        return True

    # ------------------------------------------------------------------ groups

    def _find_groups(self, asked: list[tuple[Ask, Node]]) -> None:
        """Find the group each of these is made from: one statement for all of them."""
        questions: list[tuple[Ask, Node, str, bytes, Site, tuple[int, int]]] = []
        for ask, node in asked:
            name = node.tries[0]
            slot = Slots.of(node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            keys = asked_keys(node, slot)
            if keys is None:
                self._refuse(ask, node, Reason(Cause.NO_RAW, (slot.member.__name__, described(node.keys))))
                continue
            site = self._site(node)
            reach = round(site.search.get(node.cls.__name__, SEARCH_DAYS) * DAY)
            within = site.within.get(node.cls.__name__, slot.within)
            window = FOREVER if within is None else (ask.at - reach - DAY, ask.at + reach + DAY)
            questions.append((ask, node, name, selector_of(slot.member, keys), site, window))
        reaches: dict[bytes, tuple[int, int]] = {}
        for _, _, _, sel, _, (start, end) in questions:
            low, high = reaches.get(sel, (start, end))
            reaches[sel] = min(low, start), max(high, end)
        found = dict(zip(reaches, select.members(self.graph.connection, self.graph.sight,
                                                 [(sel, *reach) for sel, reach in reaches.items()]), strict=True))
        for ask, node, name, sel, site, window in questions:
            inside = {own: member for own, member in found[sel].items() if window[0] <= member.at < window[1]}
            self._choose_group(ask, node, name, sel, site, inside)
        self._ask_members([(node, name) for _, node, name, *_ in questions if node.state is not State.MISSING])

    def _choose_group(self, ask: Ask, node: Node, name: str, sel: bytes, site: Site, found: dict[bytes, Member]) -> None:
        slot = Slots.of(node.cls).by_name[name]
        assert isinstance(slot, DependencyList)
        within = site.within.get(node.cls.__name__, slot.within)
        needed = self.needed(node, slot)
        times = [member.at for member in found.values()]
        group = nearest_group(times, ask.at, within, site, needed)
        if group is None:
            if slot.optional:
                window = window_of(within, ask.at, site) or FOREVER
                node.wants[name], node.groups[name], node.inputs[name] = (sel, *window), {}, []
                node.pending.remove(name)
                return
            self._refuse(ask, node, too_few(slot, node, needed, times, ask.at))
            return
        inside = [member for member in found.values() if group[0] <= member.at < group[1]]
        if slot.at_most is not None:
            middle = (group[0] + group[1]) // 2 if within is None else ask.at
            inside = sorted(sorted(inside, key=lambda member: (abs(member.at - middle), member.own))[:slot.at_most],
                            key=lambda member: (member.at, member.own))
        node.wants[name] = (sel, *(FOREVER if within is None else group))
        node.groups[name] = {member.own: member for member in inside}

    def needed(self, node: Node, slot: DependencyList[Any]) -> int:
        """How many members a group has at least."""
        return self._site(node).at_least.get(node.cls.__name__, slot.at_least)

    def _ask_members(self, grouped: list[tuple[Node, str]]) -> None:
        by_class: dict[type, set[int]] = defaultdict(set)
        for node, name in grouped:
            if name in node.groups:
                by_class[member_class(node, name)].update(member.oid for member in node.groups[name].values())
        sources = {cls: self.graph.load(cls, sorted(oids)) for cls, oids in by_class.items()}
        for node, name in grouped:
            if name not in node.pending or name not in node.groups:
                continue
            slot = Slots.of(node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            asks = []
            for own, member in node.groups[name].items():
                keys = self.member_keys(node, slot, sources[slot.member][member.oid])
                ask = self.graph.ask(slot.type, keys, member_time(slot, member, node))
                if slot.one_per:
                    node.pers[name, ask] = own
                asks.append(ask)
            node.inputs[name] = asks
            node.pending.remove(name)

    def member_keys(self, node: Node, slot: DependencyList[Any], source: Any) -> dict[str, Any]:
        """The natural key of one member: its own, or that of the one made of `source`, with what `also` adds."""
        if slot.one_per is None:
            return keys_of_object(source)
        own = natural_key(slot.type)
        keys = keys_of_object(source, tuple(name for name in own if name in declarations(type(source))))
        if slot.one_per.__name__.lower() in own and hasattr(source, "name"):
            keys[slot.one_per.__name__.lower()] = source.name
        keys.update({theirs: value_at(node, ours) for theirs, ours in slot.also})
        return keys

    # ------------------------------------------------------------------ the rest

    def _ask_rest(self, node: Node) -> None:
        for name in list(node.pending):
            self._ask_slot(node, name, node.anchor)
        stuck = [name for name in node.pending if isinstance(Slots.of(node.cls).by_name[name], DependencyList)]
        self._find_other_groups(node, stuck)

    def _ask_slot(self, node: Node, name: str, at: int) -> None:
        slot = Slots.of(node.cls).by_name[name]
        if isinstance(slot, DependencyList):
            return
        try:
            keys = asked_keys(node, slot)
        except NotYet:
            self._load_lead(node)
            return
        node.pending.remove(name)
        if keys is not None:
            node.inputs[name] = self.graph.ask(slot.type, keys, at)
        elif not slot.optional:
            node.state = State.MISSING
            node.reasons.append(Reason(Cause.NO_RAW, (slot.type.__name__, f"for {name} of {described(node.keys)}")))

    def _load_lead(self, node: Node) -> None:
        """Read the objects whose attributes a path of this node goes through."""
        self.graph.load_objects(child for child in node.children() if child.winner is not None)

    def _find_other_groups(self, node: Node, names: list[str]) -> None:
        """Set slots that do not lead: their groups are looked for about the anchor."""
        for name in names:
            slot = Slots.of(node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            try:
                keys = asked_keys(node, slot)
            except NotYet:
                continue
            site = self._site(node)
            reach = round(site.search.get(node.cls.__name__, SEARCH_DAYS) * DAY)
            window = FOREVER if slot.within is None else (node.anchor - reach, node.anchor + reach)
            sel = selector_of(slot.member, keys or {})
            found = select.members(self.graph.connection, self.graph.sight, [(sel, *window)])[0]
            ask = Ask(node.cls, node.sel, node.anchor, node.keys)
            self._choose_group(ask, node, name, sel, site, found)
            if node.state is State.MISSING:
                node.pending.clear()
                return
            self._ask_members([(node, name)])

    def _site(self, node: Node) -> Site:
        return self.graph.site(str((node.keys or {}).get("instrument", "")))


def can_be_made(cls: type) -> bool:
    """Whether a class says how it is made; raw data and definitions do not."""
    return bool(getattr(cls, "can_be_made", False))


def one_per(node: Node, name: str) -> bool:
    """Whether the members of a set slot are made from the group, one of each."""
    slot = Slots.of(node.cls).by_name[name]
    return isinstance(slot, DependencyList) and slot.one_per is not None


def member_time(slot: DependencyList[Any], member: Member, node: Node) -> int:
    """At what time a member is asked for: when it was observed, or the time that its group is wanted for."""
    if getattr(slot.member, "raw_data", False) or slot.one_per is None:
        return member.at
    return node.asked_at[0] if node.asked_at else node.anchor


def member_class(node: Node, name: str) -> type:
    """The class whose objects are the members of a set slot."""
    slot = Slots.of(node.cls).by_name[name]
    assert isinstance(slot, DependencyList)
    return slot.member


def scope_of_keys(keys: dict[str, Any]) -> tuple[str, str, str]:
    """Instrument, chip and filter among natural keys."""
    return str(keys.get("instrument", "")), str(keys.get("chip", "")), str(keys.get("filter", ""))


def described(keys: dict[str, Any] | None) -> str:
    """Keys in words."""
    return "with " + ", ".join(f"{name}={value}" for name, value in keys.items()) if keys else "with such keys"


def too_few(slot: DependencyList[Any], node: Node, needed: int, times: list[int], at: int) -> Reason:
    """Why there is no group: how many there are and how far away."""
    if not times:
        where = f"there is none {described(node.keys)} near {from_microseconds(at):%Y-%m-%d}"
    else:
        nearest = min(times, key=lambda time: abs(time - at))
        where = f"the nearest is {abs(nearest - at) / DAY:.1f} days away, on {from_microseconds(nearest):%Y-%m-%d}"
    group = f"of one {slot.within}" if isinstance(slot.within, str) else ""
    return Reason(Cause.TOO_FEW, (needed, f"{slot.member.__name__} {group}".strip(), len(times), where))


