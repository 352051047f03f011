"""What is not as it was recorded, of objects that exist: other winners, other members, dependencies that can now be had."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from awe.dataflow import select
from awe.dataflow.groups import member_time, ranked
from awe.dataflow.node import Ask, Candidate, Mark, Node, Slots, is_makeable
from awe.dataflow.select import EdgeNow, Member, WantNow, Winner
from awe.dataflow.state import Cause, Day, Reason, State
from awe.dataflow.sweep import Sweep, is_outdated, source_slot
from awe.persist.declare import DependencyList
from awe.persist.mapping import class_of

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph


class Changes:
    """The exceptions among the objects of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.sweep = Sweep(graph.connection, graph.sight, graph.book, graph.scopes)
        self.odd: dict[int, Node] = {}
        self.marked: set[tuple[int, int, int]] = set()
        self._absent: list[tuple[int, str, Ask]] = []
        self._compared: set[tuple[int, int]] = set()
        self._used: dict[Node, set[str]] = {}

    # ------------------------------------------------------------------ going down

    def look_below(self, frontier: list[Node]) -> None:
        """Find the exceptions below objects that have just become part of the graph, themselves included."""
        if not frontier:
            return
        kinds = self.sweep.extend([node.winner.oid for node in frontier if node.winner])
        outdated = self.sweep.outdated(kinds)
        exceptions = self.sweep.exceptions(kinds)
        wants = self.sweep.wants(kinds)
        self._note([*outdated, *(edge.target for edge in exceptions), *(want.target for want in wants)])
        for oid in outdated:
            self.odd[oid] = self.graph.nodes[oid]
        for edge in exceptions:
            self._mark(edge)
        self._look_at_wants(wants)

    def _note(self, oids: Iterable[int]) -> None:
        """See that these objects have nodes; what was swept is not swept again."""
        unknown = sorted({oid for oid in oids if oid not in self.graph.nodes})
        for winner in select.objects(self.graph.connection, unknown):
            self._swept(winner)

    def _swept(self, winner: Winner) -> Node:
        node = self.graph.nodes.get(winner.oid)
        if node is None:
            node = self.graph.nodes[winner.oid] = Node(class_of(winner.class_id), b"", winner)
            node.partial, node.complete = True, self.graph.complete
        return node

    def _mark(self, edge: EdgeNow) -> None:
        """Note a recorded input in whose place something else is picked, or has to be asked for."""
        node = self.graph.nodes[edge.target]
        name = Slots.of(node.cls).name_of.get(edge.slot)
        if name is None:
            return
        self.odd[edge.target] = node
        self.marked.add((edge.target, edge.slot, edge.pos))
        ask: Ask | None = None
        if edge.winner is None or is_makeable(class_of(edge.winner.class_id)):
            slot = Slots.of(node.cls).by_name[name]
            ask = Ask(slot.type, edge.sel, edge.at, None, node, name)
            there = self.graph.asks.get((edge.sel, edge.at))
            if there is not None:
                ask = there
            elif edge.winner is None:
                self.graph.recorded[ask] = edge.input
                ask = self.graph.put(ask)
            else:
                self.graph.asks[edge.sel, edge.at] = ask
                self.graph.settle(ask, edge.winner)
        node.marks.append(Mark(name, edge, ask))

    # ------------------------------------------------------------------ groups

    def _look_at_wants(self, wants: list[WantNow]) -> None:
        """Compare groups that may have other members now, and ask again for what had not been found."""
        groups: list[tuple[Node, str, WantNow]] = []
        for want in wants:
            node = self.graph.nodes[want.target]
            name = Slots.of(node.cls).name_of.get(want.slot)
            if name in Slots.of(node.cls).lists:
                groups.append((node, name, want))
            elif name is not None:
                ask = Ask(Slots.of(node.cls).by_name[name].type, want.sel, want.t_from, None, node, name)
                self._absent.append((want.target, name, self.graph.put(ask)))
        self.compare_groups(groups)

    def compare_groups(self, groups: list[tuple[Node, str, WantNow]]) -> None:
        """Find who has left these groups and who has come, and ask for those."""
        if not groups:
            return
        self._compared.update((want.target, want.slot) for *_, want in groups)
        self.graph.load_objects([node for node, name, _ in groups if is_makeable_group(node, name)])
        found = self.graph.groups.look_up([(list_slot(node, name), want.sel, want.t_from, want.t_to) for node, name, want in groups])
        recorded: dict[tuple[int, int], list[EdgeNow]] = defaultdict(list)
        for edge in select.edges_of(self.graph.connection, sorted({node.winner.oid for node, *_ in groups if node.winner})):
            recorded[edge.target, edge.slot].append(edge)
        come: list[tuple[Node, str, Member, bytes]] = []
        for (node, name, want), there in zip(groups, found, strict=True):
            edges = known_by(list_slot(node, name), recorded[want.target, want.slot])
            now, new = self._now(node, name, want, there, edges)
            gone = [(name, edge) for own, edge in edges.items() if own not in now]
            if gone or new:
                self.odd[want.target] = node
                node.gone = [*node.gone, *gone]
                left = {(edge.target, edge.slot, edge.pos) for _, edge in gone}
                node.marks = [mark for mark in node.marks if mark.edge is None or mark.edge[:3] not in left]
                self.marked |= left
                come += [(node, name, there[own], own) for own in new]
        self._ask_new(come)

    def _now(self, node: Node, name: str, want: WantNow, there: dict[bytes, Member],
             edges: dict[bytes, EdgeNow]) -> tuple[set[bytes], list[bytes]]:
        """Who belongs to a group now, and which of them did not when it was used."""
        slot, groups = list_slot(node, name), self.graph.groups
        if not edges and slot.optional:
            group = groups.choose(node, slot, there, node.anchor)
            if group is None:
                return set(), []
            node.regrouped = {**node.regrouped, name: (want.sel, *group[0])}
            return set(), group[1]
        if slot.is_open and slot.at_most is not None:
            room = max(0, slot.at_most - sum(own in there for own in edges))
            rest = {own: member for own, member in there.items() if own not in edges}
            return set(there), groups.counted(slot, rest, (want.t_from, want.t_to))[:room]
        now = groups.counted(slot, there, (want.t_from, want.t_to))
        return set(now), [own for own in now if own not in edges]

    def _ask_new(self, come: list[tuple[Node, str, Member, bytes]]) -> None:
        self.graph.load_objects({id(node): node for node, *_ in come}.values())
        by_class: dict[type, set[int]] = defaultdict(set)
        for node, name, member, _ in come:
            by_class[list_slot(node, name).member].add(member.oid)
        sources = {cls: self.graph.load(cls, sorted(oids)) for cls, oids in by_class.items()}
        for node, name, member, own in come:
            slot = list_slot(node, name)
            keys = self.graph.groups.keys(node, slot, sources[slot.member][member.oid])
            ask = self.graph.ask(slot.type, keys, member_time(slot, member, node.anchor))
            node.more = [*node.more, Candidate(name, own, ask)]

    # ------------------------------------------------------------------ what is planned anew

    def to_restart(self) -> list[Node]:
        """The objects that are out of date in a way that changes what else they would be made from.

        These are planned as if nothing were there: another version of the class made them, what leads them is another now or
        belongs to another time, or others ask by the attributes of what was replaced.
        """
        self._read_used()
        found = []
        for node in self.odd.values():
            if node.restarted or node.winner is None:
                continue
            if is_outdated(node.winner):
                node.reasons = [Reason(Cause.VERSION, (node.winner.version, getattr(node.cls, "version", 0)))]
                found.append(node)
            elif any(self._leads_elsewhere(node, mark) for mark in node.marks) or self._has_other_members(node):
                node.reasons = direct_reasons(node)
                found.append(node)
        return found

    def _leads_elsewhere(self, node: Node, mark: Mark) -> bool:
        now = picked(mark)
        if mark.edge is None or now is None or now.value == mark.edge.input_value:
            return False
        return mark.slot in Slots.of(node.cls).sources or (now.anchor != node.anchor and mark.slot == self._lead_of(node))

    def _lead_of(self, node: Node) -> str | None:
        """The single dependency that led an object when it was made."""
        known = Slots.of(node.cls)
        used = self._used.get(node, ())
        lead = next((name for name in known.leads if name not in known.optional or name in used), None)
        return None if lead in known.lists else lead

    def _read_used(self) -> None:
        """Find which dependencies there were something for, of objects of which that is not plain from their class."""
        unknown = {node.winner.oid: node for node in self.odd.values() if node not in self._used and node.winner is not None
                   and any(is_replaced(mark) for mark in node.marks) and set(Slots.of(node.cls).leads[:1]) & Slots.of(node.cls).optional}
        for node in unknown.values():
            self._used[node] = set()
        for edge in select.edges_of(self.graph.connection, sorted(unknown)):
            node = unknown[edge.target]
            self._used[node].add(Slots.of(node.cls).name_of.get(edge.slot, ""))

    def _has_other_members(self, node: Node) -> bool:
        return bool(node.gone) or any(each.slot not in Slots.of(node.cls).lenient for each in node.more)

    # ------------------------------------------------------------------ going up

    def join_up(self) -> bool:
        """Make everything that stands on an exception part of the graph; the rest is up to date.

        Says whether more has to be looked at first: a member of a group may have been replaced by one that belongs elsewhere.
        """
        self._find_available()
        inside: dict[int, Node] = {}
        if self.odd:
            inside = {winner.oid: self._swept(winner) for winner in self.sweep.stand_on(self.odd)}
            links = [row for row in self.sweep.links() if row[:3] not in self.marked]
            if self._compare_moved(inside, links):
                return True
            for row in links:
                self._join(inside[row[0]], inside[row[3]], row)
        for oid, node in self.graph.nodes.items():
            if oid not in inside and not node.restarted:
                node.state = State.UP_TO_DATE
        return False

    def _join(self, node: Node, child: Node, row: tuple[Any, ...]) -> None:
        """Note that `node` stands on `child`, which needs a look."""
        name = Slots.of(node.cls).name_of.get(row[1])
        if name is None:
            return
        ask = self.graph.asks.get((row[5], row[6]))
        if ask is None:
            ask = self.graph.asks[row[5], row[6]] = Ask(child.cls, row[5], row[6])
            ask.node = child
        child.want_at(row[6])
        node.marks.append(Mark(name, EdgeNow._make((*row, None, child.winner, False)), ask))

    def _find_available(self) -> None:
        """Of what had not been found, note what can be had now."""
        for oid, name, ask in self._absent:
            if ask.node is not None and (ask.node.winner is not None or ask.node.state is not State.MISSING):
                node = self.odd[oid] = self.graph.nodes[oid]
                node.marks.append(Mark(name, None, ask))
        self._absent = []

    def _compare_moved(self, inside: dict[int, Node], links: list[tuple[Any, ...]]) -> bool:
        """Compare the groups of which a member was replaced by an object that is not one of them; say whether there are any."""
        there = self.sweep.group_members()
        suspect: set[tuple[int, int]] = set()
        for target, slot in there:
            node = inside[target]
            name = Slots.of(node.cls).name_of.get(slot, "")
            if (target, slot) not in self._compared and any(
                    mark.slot == name and belongs_elsewhere(mark, there[target, slot]) for mark in node.marks):
                suspect.add((target, slot))
        for target, slot, _, member, *_ in links:
            oids = there.get((target, slot))
            if oids is not None and (target, slot) not in self._compared:
                source = source_slot(list_slot(inside[target], Slots.of(inside[target].cls).name_of[slot]))
                if any(mark.slot == source and belongs_elsewhere(mark, oids) for mark in inside[member].marks):
                    suspect.add((target, slot))
        wants = [want for want in select.wants_of(self.graph.connection, sorted({target for target, _ in suspect}))
                 if want[:2] in suspect]
        self.compare_groups([(inside[want.target], Slots.of(inside[want.target].cls).name_of[want.slot], want) for want in wants])
        return bool(suspect)


def list_slot(node: Node, name: str) -> DependencyList[Any]:
    """A set slot by its name."""
    slot = Slots.of(node.cls).by_name[name]
    assert isinstance(slot, DependencyList)
    return slot


def known_by(slot: DependencyList[Any], edges: list[EdgeNow]) -> dict[bytes, EdgeNow]:
    """The recorded members of a group, by what they are known by."""
    if is_makeable(slot.type) and slot.one_per is None:
        return dict(zip(ranked([(edge.sel, edge.at) for edge in edges]), edges, strict=True))
    return {edge.per or edge.sel: edge for edge in edges}


def is_makeable_group(node: Node, name: str) -> bool:
    """Whether the members of a group are chosen among what can be made."""
    return is_makeable(list_slot(node, name).member)


def picked(mark: Mark) -> Winner | None:
    """What the rule picks now in the place of a recorded input."""
    if mark.ask is not None:
        return mark.ask.node.winner if mark.ask.node is not None else None
    return mark.edge.winner if mark.edge is not None else None


def belongs_elsewhere(mark: Mark, group: set[int]) -> bool:
    """Whether what is picked now, if anything, is not one of a group."""
    now = picked(mark)
    return now is None or now.oid not in group


def direct_reasons(node: Node) -> list[Reason]:
    """Why an object is out of date, as far as other winners and other members say so."""
    found = [replaced(node, mark) for mark in node.marks if is_replaced(mark)]
    found += [Reason(Cause.REMOVED, (f"{class_of(edge.winner.class_id).__name__} {edge.winner.object_id[:8]}" if edge.winner else name,))
              for name, edge in node.gone]
    return found + [Reason(Cause.ADDED, (each.ask.node or each.ask,)) for each in node.more]


def is_replaced(mark: Mark) -> bool:
    """Whether something of another value is picked in the place of a recorded input."""
    now = picked(mark)
    return now is not None and mark.edge is not None and now.value != mark.edge.input_value


def replaced(node: Node, mark: Mark) -> Reason:
    """Say that another object is now picked in the place of the recorded one."""
    now = picked(mark)
    assert now is not None and mark.edge is not None
    return Reason(Cause.REPLACED, (class_of(now.class_id).__name__, mark.edge.input_id or b"", now.object_id[:8], Day(now.created)))
