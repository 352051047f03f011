"""What a target that is not there would be made from, by its declarations.

The first dependency that is not a key and can be had *leads*: its time is the time that the others are looked up for (the
anchor), and two questions that lead to the same are one target.  All targets that wait go one step further together, so that
every kind of question is one statement for all of them.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from awe.dataflow.distance import Distance, Lacking, measure
from awe.dataflow.groups import described, group_sel, is_led_by_members, member_time, too_few
from awe.dataflow.node import Ask, Node, Slots, is_makeable
from awe.dataflow.parameters import scope_of, scope_of_keys  # noqa: F401 - others import the latter from here
from awe.dataflow.paths import NotYet, asked_keys
from awe.dataflow.select import Member, Winner
from awe.dataflow.state import Cause, Reason, State
from awe.persist.declare import DependencyList
from awe.persist.selector import selector_of

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph


class Waiting:
    """A target that is being found out about: the question that led to it, and how far one has come.

    `again` are the questions for what leads it, put for its own time; `groups` the sets whose members are to be looked up;
    `lacking` says of optional sets why they have no members.
    """

    __slots__ = ("again", "anchor", "ask", "groups", "lacking", "node")

    def __init__(self, ask: Ask, node: Node) -> None:
        self.ask, self.node = ask, node
        self.again: list[Ask] | None = None
        self.anchor = ask.at
        self.groups: list[str] = []
        self.lacking: dict[str, Reason] = {}

    @property
    def is_refused(self) -> bool:
        """Whether it cannot be made."""
        return self.node.state is State.MISSING

    @property
    def at(self) -> int:
        """For which time its dependencies are looked up: the one asked for until what leads it is known, then its own."""
        return self.ask.at if self.ask.node is None else self.node.anchor


class Expansion:
    """The targets of one graph that have no object yet."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.groups = graph, graph.groups
        self.waiting: list[Waiting] = []
        self._to_load: dict[Node, None] = {}
        self._far: list[Distance] = []

    def start(self, ask: Ask, *, fresh: bool = False, current: Winner | None = None) -> None:
        """Begin to find out what the target that `ask` wants would be made from."""
        node = Node.planned(ask)
        node.want_at(ask.at)
        node.fresh, node.current = fresh, current
        one = Waiting(ask, node)
        if ask.keys is None or not is_makeable(ask.cls):
            far = Distance(ask.sel, ask.at, ask.at, ask.at + 1, "", is_group=False)
            self._refuse(one, Reason(Cause.NO_RAW, (ask.cls.__name__, Lacking(described(ask.keys), [far]))))
            return
        wanted = self.graph.book.wanted(ask.cls, scope_of(ask.cls, ask.keys), ask.at)
        node.parameters, node.below = wanted.values, wanted.below
        self.waiting.append(one)

    def restart(self, node: Node) -> None:
        """Find out what an object that is out of date would be made from now."""
        assert node.keys is not None
        node.sel = selector_of(node.cls, node.keys)
        node.begin_anew()
        node.restarted, node.obj, node.more, node.gone = True, None, (), ()
        self.waiting.append(Waiting(Ask(node.cls, node.sel, node.anchor, node.keys), node))

    def _refuse(self, one: Waiting, reason: Reason) -> None:
        node = one.node
        node.state, node.pending = State.MISSING, []
        if one.ask.node is None:
            node.anchor = one.ask.at if node.winner is None else node.anchor
            one.ask.node = node
        node.reasons.insert(0, reason)
        for each in reason.about:
            self._far += [each] if isinstance(each, Distance) else each.distances() if isinstance(each, Lacking) else []

    def tell_distances(self) -> None:
        """Say in the reasons of what has been refused how far away the nearest is of what it lacks."""
        far, self._far = self._far, []
        measure(self.graph.connection, self.graph.sight, far)

    # ------------------------------------------------------------------ step by step

    def step(self) -> None:
        """Take every waiting target as far as it goes with what is known; then look up all groups that some of them need."""
        waiting, self.waiting = self.waiting, []
        while waiting:
            waiting = [one for one in waiting if not self._advance(one)]
            nodes, self._to_load = list(self._to_load), {}
            if not self.graph.load_objects(nodes):
                break
        self._look_up_groups([one for one in waiting if one.groups and not one.is_refused])
        self.waiting += [one for one in waiting if not one.is_refused]

    def signature(self) -> list[tuple[int, int, int, bool, bool]]:
        """How far the waiting targets have come; the same twice in a row means that they never will."""
        return [(id(one.node), len(one.node.pending), len(one.node.tries), one.again is None, one.ask.node is None) for one in self.waiting]

    def give_up(self) -> None:
        """Refuse the targets that wait for one another."""
        for one in self.waiting:
            what = ", ".join(one.node.tries[:1] if one.ask.node is None else one.node.pending)
            self._refuse(one, Reason(Cause.CIRCLE, (what,)))
        self.waiting = []

    def _advance(self, one: Waiting) -> bool:
        """Go on with one target; say whether all its questions have been put."""
        one.groups = []
        if not one.is_refused and one.ask.node is None and not self._led(one):
            return False
        if one.is_refused or one.ask.node is not one.node:
            return True
        for name in list(one.node.pending):
            if not one.is_refused:
                self._ask_slot(one, name)
        return not one.node.pending

    # ------------------------------------------------------------------ the lead

    def _led(self, one: Waiting) -> bool:
        """Ask for what leads; once that is known, give the node its time and make it one with its like."""
        node = one.node
        if not Slots.of(node.cls).leads:
            return self._identify(one, ())
        while node.tries:
            name = node.tries[0]
            if name in node.pending:
                self._ask_slot(one, name)
                if one.is_refused:
                    return True
                if name in node.pending:
                    return False
            asks = listed(node.inputs.get(name))
            if any(ask.node is None for ask in asks):
                return False
            usable = [ask.node for ask in asks if ask.node is not None and (ask.node.exists or ask.node.state is not State.MISSING)]
            if usable or not Slots.of(node.cls).by_name[name].optional:
                return self._lead_by(one, name, asks, usable)
            node.tries.pop(0)
        names = " or ".join(Slots.of(node.cls).by_name[name].type.__name__ for name in Slots.of(node.cls).leads)
        self._refuse(one, Reason(Cause.NO_RAW, (names, Lacking(described(node.keys), why_nothing_leads(one)))))
        return True

    def _lead_by(self, one: Waiting, name: str, asks: list[Ask], usable: list[Node]) -> bool:
        """Take the time of what leads, where the rule picks the same at that time."""
        node, by_members = one.node, is_led_by_members(one.node, name)
        if one.again is None:
            times = [ask.at for ask in asks] if by_members else [child.winner.anchor if child.winner else child.anchor for child in usable]
            one.anchor = (min(times) + max(times)) // 2 if times else one.ask.at
            if by_members or one.anchor == one.ask.at:
                one.again = asks
            else:
                one.again = [self.graph.ask(ask.cls, ask.keys or {}, one.anchor) for ask in asks]
        if any(ask.node is None for ask in one.again):
            return False
        if all(new.node is old.node for new, old in zip(one.again, asks, strict=True)):
            replace(node, name, asks, one.again)
        else:
            one.anchor = one.ask.at
        node.led_by = name
        for skipped in Slots.of(node.cls).leads[:Slots.of(node.cls).leads.index(name)]:
            del node.inputs[skipped]
            node.pending.append(skipped)
        return self._identify(one, tuple(sorted(id(child) for child in usable)))

    def _identify(self, one: Waiting, lead: tuple[object, ...]) -> bool:
        node = one.node
        node.anchor = one.anchor
        if node.winner is not None:
            one.ask.node = node
            return True
        params = tuple(sorted({**node.parameters, **node.below}.items()))
        node.identity = (node.sel, node.led_by, lead, node.anchor, params)
        there = self.graph.made.setdefault(node.identity, node)
        there.want_at(one.ask.at)
        there.fresh = there.fresh and node.fresh
        one.ask.node = there
        return True

    # ------------------------------------------------------------------ asking

    def _ask_slot(self, one: Waiting, name: str) -> None:
        """Put the question of one dependency, as far as what it asks by is known."""
        node, slot = one.node, Slots.of(one.node.cls).by_name[name]
        try:
            keys = asked_keys(node, slot)
        except NotYet:
            self._to_load.update(dict.fromkeys(child for child in node.children() if child.winner is not None))
            return
        if keys is None:
            node.pending.remove(name)
            if isinstance(slot, DependencyList):
                node.inputs[name] = []
            if not slot.optional:
                self._refuse(one, Reason(Cause.NO_RAW, (slot.type.__name__, f"for {name} of {node.name}")))
        elif isinstance(slot, DependencyList):
            one.groups.append(name)
        else:
            node.pending.remove(name)
            node.inputs[name] = self.graph.ask(slot.type, keys, one.at)

    def _look_up_groups(self, waiting: Iterable[Waiting]) -> None:
        """Choose the groups that targets are made from, and ask for their members."""
        asked: list[tuple[Waiting, str, DependencyList[Any], bytes, int, int]] = []
        for one in waiting:
            for name in one.groups:
                slot = Slots.of(one.node.cls).by_name[name]
                assert isinstance(slot, DependencyList)
                sel = group_sel(slot, asked_keys(one.node, slot) or {})
                asked.append((one, name, slot, sel, *self.groups.reach(one.node, slot, one.at)))
        found = self.groups.look_up([group[2:] for group in asked])
        chosen: list[tuple[Waiting, str, dict[bytes, Member]]] = []
        for (one, name, slot, sel, *reach), there in zip(asked, found, strict=True):
            if one.is_refused:
                continue
            node, group = one.node, self.groups.choose(one.node, slot, there, one.at)
            node.needed[name] = self.groups.needed(node, slot)
            if group is not None:
                node.wants[name] = (sel, *group[0])
                chosen.append((one, name, group[1]))
            elif slot.optional:
                node.wants[name], node.inputs[name] = (sel, *reach), []  # type: ignore[assignment]
                node.pending.remove(name)
                one.lacking[name] = self._too_few(one, name, sel, reach, there)
            else:
                self._refuse(one, self._too_few(one, name, sel, reach, there))
        self._ask_members([each for each in chosen if not each[0].is_refused])

    def _too_few(self, one: Waiting, name: str, sel: bytes, reach: Sequence[int], there: list[Member]) -> Reason:
        """Why there is no group for one target."""
        node, slot = one.node, Slots.of(one.node.cls).by_name[name]
        assert isinstance(slot, DependencyList)
        otherwise = f"there is none {described(asked_keys(node, slot))}"
        far = Distance(sel, one.at, reach[0], reach[1], otherwise, is_group=True)
        return too_few(slot, node.needed[name], [member.at for member in there], one.at, far)

    def _ask_members(self, chosen: list[tuple[Waiting, str, dict[bytes, Member]]]) -> None:
        by_class: dict[type, set[int]] = defaultdict(set)
        for one, name, found in chosen:
            slot = Slots.of(one.node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            by_class[slot.member].update(member.oid for member in found.values())
        sources = {cls: self.graph.load(cls, sorted(oids)) for cls, oids in by_class.items()}
        for one, name, found in chosen:
            node, slot = one.node, Slots.of(one.node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            asks: list[Ask] = []
            for member in found.values():
                source = sources[slot.member][member.oid]
                ask = self.graph.ask(slot.type, self.groups.keys(node, slot, source), member_time(slot, member, one.at))
                asks.append(ask)
                if slot.one_per is not None:
                    node.pers[name, ask] = member.own
            node.inputs[name] = asks
            node.pending.remove(name)


def why_nothing_leads(one: Waiting) -> list[Reason | Node]:
    """Why nothing of what could lead a target can be had: the reasons, or the nodes that have them."""
    found: list[Reason | Node] = []
    for name in Slots.of(one.node.cls).leads:
        found += [one.lacking[name]] if name in one.lacking else [ask.node for ask in listed(one.node.inputs.get(name)) if ask.node]
    return found


def listed(asked: Ask | list[Ask] | None) -> list[Ask]:
    """The questions of one dependency as a list."""
    return [] if asked is None else asked if isinstance(asked, list) else [asked]


def replace(node: Node, name: str, old: list[Ask], new: list[Ask]) -> None:
    """Put other questions, with the same answers, in the place of some."""
    if new is old:
        return
    is_list = isinstance(node.inputs[name], list)
    node.inputs[name] = list(new) if is_list else new[0]
    for before, after in zip(old, new, strict=True):
        if (name, before) in node.pers:
            node.pers[name, after] = node.pers.pop((name, before))
