"""What is not as it was recorded, of objects that exist: other winners, other members, dependencies that can now be had."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from awe.dataflow import select
from awe.dataflow.groups import known_by, member_time, ranked
from awe.dataflow.node import Ask, Candidate, Mark, Node, Slots, Swept, Why, is_makeable
from awe.dataflow.select import EdgeNow, Member, WantNow, Winner
from awe.dataflow.state import DAY, Cause, Reason, State, date_of
from awe.dataflow.sweep import DIFFERS, MOVED, NEW, Exceptions, Sweep, Target, is_old
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
        self._marked: set[tuple[int, int, int]] = set()
        self._absent: list[tuple[int, str, Ask]] = []
        self._groups: dict[tuple[int, int], WantNow] = {}
        self._used: dict[Node, set[str]] = {}
        self._suspect: dict[Node, None] = {}

    # ------------------------------------------------------------------ going down

    def look_below(self, frontier: list[Node]) -> None:
        """Find the exceptions below objects that have just become part of the graph, themselves included."""
        if not frontier:
            return
        self.sweep.extend([node.winner.oid for node in frontier if node.winner], {node.cls for node in frontier})
        found, groups = self.sweep.exceptions(), self.sweep.wants()
        outdated = {*found.outdated, *(node.winner.oid for node in frontier if node.winner and is_old(node.winner))}
        suspect = [group for group in groups if not group.is_same]
        self._groups.update({group.want[:2]: group.want for group in groups if group.is_same})
        self._know(found.targets, [*outdated, *(group.want.target for group in suspect)])
        self.odd.update({oid: self.graph.nodes[oid] for oid in outdated})
        self._suspect.update(dict.fromkeys(self.graph.nodes[oid] for oid in outdated))
        self._mark(found)
        self._look_at_wants([group.want for group in suspect])

    def _know(self, targets: dict[int, Target], more: Iterable[int]) -> None:
        """See that objects have nodes; what was swept is not swept again."""
        nodes = self.graph.nodes
        for oid, target in targets.items():
            if oid not in nodes:
                nodes[oid] = Swept(class_of(target.class_id), target.anchor, self.graph, oid)
        for winner in select.objects(self.graph.connection, sorted({oid for oid in more if oid not in nodes})):
            nodes[winner.oid] = Swept(class_of(winner.class_id), winner.anchor, self.graph, winner.oid, winner)

    def _mark(self, found: Exceptions) -> None:
        """Note the recorded inputs in whose place something else is picked, or has to be asked for."""
        nodes, odd, graph = self.graph.nodes, self.odd, self.graph
        classes = {class_id: class_of(class_id) for class_id in {other.target_class_id for other in found.others}}
        asking = {cls for cls in classes.values() if Slots.of(cls).sources}
        for other in found.others:
            oid = other[0]
            node = nodes.get(oid)
            if node is None:
                node = nodes[oid] = Swept(classes[other.target_class_id], other.target_anchor, graph, oid)
            if node.others:
                node.others.append(other)
            else:
                node.others, odd[oid] = [other], node
            how = other[4]
            if how & DIFFERS:
                if how & NEW:
                    node.has_new_input = True
                if how & MOVED or node.cls in asking:
                    self._suspect[node] = None
        self.odd.update([(oid, nodes[oid]) for oid in found.targets])
        vanished = set(found.vanished)
        edges = select.edges_of(self.graph.connection, sorted({target for target, *_ in vanished}))
        for edge in (*found.made, *(edge._replace(winner=None) for edge in edges if edge[:3] in vanished)):
            self._mark_edge(edge)

    def _mark_edge(self, edge: EdgeNow) -> None:
        node = self.graph.nodes[edge.target]
        name = Slots.of(node.cls).name_of.get(edge.slot)
        if name is None:
            return
        self._marked.add((edge.target, edge.slot, edge.input))
        ask = Ask(Slots.of(node.cls).by_name[name].type, edge.sel, edge.at, None, node, name)
        there = self.graph.asks.get((edge.sel, edge.at))
        if there is not None:
            ask = there
        elif edge.winner is None:
            self.graph.recorded[ask] = edge.input
            ask = self.graph.put(ask)
        else:
            self.graph.asks[edge.sel, edge.at] = ask
            self.graph.settle(ask, edge.winner)
        node.marks = [*node.marks, Mark(name, edge, ask)]
        self._suspect[node] = None

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
        self._compare_groups(groups)

    def _compare_groups(self, groups: list[tuple[Node, str, WantNow]]) -> None:
        """Find who has left these groups and who has come, and ask for those."""
        if not groups:
            return
        self.graph.load_objects([node for node, name, _ in groups if is_makeable(list_slot(node, name).member)])
        found = self.graph.groups.look_up([(list_slot(node, name), want.sel, want.t_from, want.t_to) for node, name, want in groups])
        recorded: dict[tuple[int, int], list[EdgeNow]] = defaultdict(list)
        for edge in select.edges_of(self.graph.connection, sorted({want.target for *_, want in groups})):
            recorded[edge.target, edge.slot].append(edge)
        come: list[tuple[Node, str, Member, bytes]] = []
        for (node, name, want), there in zip(groups, found, strict=True):
            edges = recorded_by(list_slot(node, name), recorded[want.target, want.slot])
            now = self._now(node, name, want, there, edges)
            come += [(node, name, member, own) for own, member in now.items() if own not in edges]
            gone = [edge for own, edge in edges.items() if own not in now]
            if gone or len(now) > len(edges) - len(gone):
                self.odd[want.target] = node
                self._suspect[node] = None
                self._forget(node, name, gone)
        self._ask_new(come)

    def _forget(self, node: Node, name: str, gone: list[EdgeNow]) -> None:
        """Note who has left a group; what else is picked in their place does not matter."""
        node.gone = [*node.gone, *((name, edge) for edge in gone)]
        places = {(edge.slot, edge.pos) for edge in gone}
        node.others = [other for other in node.others if other[1:3] not in places]
        node.has_new_input = any(other.how & DIFFERS and other.how & NEW for other in node.others)
        node.marks = [mark for mark in node.marks if mark.edge is None or mark.edge[1:3] not in places]
        self._marked |= {(edge.target, edge.slot, edge.input) for edge in gone}

    def _now(self, node: Node, name: str, want: WantNow, there: list[Member], edges: dict[bytes, EdgeNow]) -> dict[bytes, Member]:
        """Who belongs to a group now."""
        slot, groups, window = list_slot(node, name), self.graph.groups, (want.t_from, want.t_to)
        if not edges and slot.optional:
            group = groups.choose(node, slot, there, node.anchor)
            if group is None:
                return {}
            node.regrouped = {**node.regrouped, name: (want.sel, *group[0])}
            return group[1]
        found = known_by(slot, there)
        if not slot.is_open or slot.at_most is None:
            return groups.counted(slot, found, window)
        kept = {own: member for own, member in found.items() if own in edges}
        rest = groups.counted(slot, {own: member for own, member in found.items() if own not in edges}, window)
        return {**kept, **dict(list(rest.items())[:max(0, slot.at_most - len(kept))])}

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

        These are planned as if nothing were there: another version of the class made them, what leads them is another now and
        belongs to another time, others ask by the attributes of what was replaced, or a group has other members.
        """
        self._read_used()
        found = []
        for node in self._suspect:
            if node.restarted or node.winner is None:
                continue
            if is_old(node.winner):
                node.reasons = [Reason(Cause.VERSION, (node.winner.version, getattr(node.cls, "version", 0)))]
                found.append(node)
            elif self._leads_elsewhere(node) or self._has_other_members(node):
                node.reasons = direct_reasons(node)
                found.append(node)
        return found

    def _leads_elsewhere(self, node: Node) -> bool:
        """Whether what leads an object, or what others ask by, is now something else that changes more than itself."""
        slots = Slots.of(node.cls)
        for other in node.others:
            if other.how & DIFFERS and self._counts(node, slots.name_of[other.slot], moved=bool(other.how & MOVED)):
                return True
        for mark in node.marks:
            now = picked(mark)
            if now is not None and is_replaced(mark) and self._counts(node, mark.slot, moved=now.anchor != node.anchor):
                return True
        return False

    def _counts(self, node: Node, name: str, *, moved: bool) -> bool:
        return name in Slots.of(node.cls).sources or (moved and name == self._lead_of(node))

    def _lead_of(self, node: Node) -> str | None:
        """The single dependency that led an object when it was made."""
        known = Slots.of(node.cls)
        used = self._used.get(node, ())
        lead = next((name for name in known.leads if name not in known.optional or name in used), None)
        return None if lead in known.lists else lead

    def _read_used(self) -> None:
        """Find which dependencies there were something for, of objects of which that is not plain from their class."""
        unknown = {node.winner.oid: node for node in self._suspect if Slots.of(node.cls).has_choice and node not in self._used
                   and node.winner is not None and any(is_replaced(mark) for mark in node.marks)}
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
        links, inside = self._links()
        if self._compare_moved(links):
            return True
        nodes = self.graph.nodes
        for target, _, child in links:
            node = nodes[target]
            if node.stands_on:
                node.stands_on.append(nodes[child])
            else:
                node.stands_on = [nodes[child]]
        for oid, node in nodes.items():
            if oid not in inside and not node.restarted:
                node.state = State.UP_TO_DATE
        return False

    def _links(self) -> tuple[list[tuple[int, int, int]], set[int]]:
        """The recorded inputs that lead from one object that needs a look to another, and all these objects: level by level."""
        inside, level, links = set(self.odd), set(self.odd), []
        while level:
            found = self.sweep.above(level)
            if not self._marked.isdisjoint(found):
                found = [link for link in found if link not in self._marked]
            links += found
            level = {link[0] for link in found} - inside
            inside |= level
            self._know({}, level)
        return links, inside

    def _find_available(self) -> None:
        """Of what had not been found, note what can be had now."""
        for oid, name, ask in self._absent:
            if ask.node is not None and (ask.node.winner is not None or ask.node.state is not State.MISSING):
                node = self.odd[oid] = self.graph.nodes[oid]
                node.marks = [*node.marks, Mark(name, None, ask)]
        self._absent = []

    def _compare_moved(self, links: list[tuple[int, int, int]]) -> bool:
        """Compare the groups of which a member was replaced by an object that is not one of them; say whether there are any."""
        if not self._groups:
            return False
        moved = self._moved(links)
        members = self.sweep.members({target for target, _ in moved}) if moved else {}
        suspect = [group for group, changed in moved.items() if has_left(changed, members[group])]
        nodes, wants = self.graph.nodes, [self._groups.pop(each) for each in sorted(suspect)]
        self._compare_groups([(nodes[want.target], Slots.of(nodes[want.target].cls).name_of[want.slot], want) for want in wants])
        return bool(suspect)

    def _moved(self, links: list[tuple[int, int, int]]) -> dict[tuple[int, int], list[tuple[int, list[Node]]]]:
        """The groups of which a member was replaced, by itself or below one: with the slots and objects where that shows."""
        nodes, groups = self.graph.nodes, self._groups
        found: dict[tuple[int, int], list[tuple[int, list[Node]]]] = {}
        for group in groups:
            node = nodes.get(group[0])
            if node is not None and node.has_changed_inputs:
                found[group] = [(group[1], [node])]
        below: dict[tuple[int, int], list[Node]] = {}
        for target, slot, child in links:
            node = nodes[child]
            if node.others or node.marks:
                there = below.get((target, slot))
                if there is None:
                    below[target, slot] = [node]
                else:
                    there.append(node)
        for group, changed in below.items():
            if group in groups:
                found.setdefault(group, []).append((Slots.of(nodes[group[0]].cls).source_of[group[1]], changed))
        return found


def list_slot(node: Node, name: str) -> DependencyList[Any]:
    """A set slot by its name."""
    slot = Slots.of(node.cls).by_name[name]
    assert isinstance(slot, DependencyList)
    return slot


def recorded_by(slot: DependencyList[Any], edges: list[EdgeNow]) -> dict[bytes, EdgeNow]:
    """The recorded members of a group, by what they are known by."""
    if is_makeable(slot.type) and slot.one_per is None:
        return dict(zip(ranked([(edge.sel, edge.at) for edge in edges]), edges, strict=True))
    return {edge.per or edge.sel: edge for edge in edges}


def has_left(changed: list[tuple[int, list[Node]]], members: str) -> bool:
    """Whether what is picked now in the place of a recorded input of some objects, each in one slot, is none of a group, or nothing."""
    for slot, nodes in changed:
        for node in nodes:
            for other in node.others:
                if other[1] == slot and f",{other[5]}," not in members:
                    return True
            for mark in node.marks:
                if mark.edge is not None and mark.edge.slot == slot:
                    now = picked(mark)
                    if now is None or f",{now.oid}," not in members:
                        return True
    return False


def picked(mark: Mark) -> Winner | None:
    """What the rule picks now in the place of a recorded input."""
    return mark.ask.node.winner if mark.ask.node is not None else None


def direct_reasons(node: Node) -> list[Why]:
    """Why an object is out of date, as far as other winners and other members say so."""
    found: list[Why] = [other for other in node.others if other.how & DIFFERS]
    found += [replaced(mark) for mark in node.marks if is_replaced(mark)]
    found += [Reason(Cause.REMOVED, (f"{class_of(edge.winner.class_id).__name__} {edge.winner.object_id[:8]}" if edge.winner else name,))
              for name, edge in node.gone]
    return found + [Reason(Cause.ADDED, (each.ask.node or each.ask,)) for each in node.more]


def is_replaced(mark: Mark) -> bool:
    """Whether something of another value is picked in the place of a recorded input."""
    now = picked(mark)
    return now is not None and mark.edge is not None and now.value != mark.edge.input_value


def replaced(mark: Mark) -> Reason:
    """Say that another object is now picked in the place of the recorded one."""
    now = picked(mark)
    assert now is not None and mark.edge is not None
    return Reason(Cause.REPLACED, (class_of(now.class_id).__name__, mark.edge.input, now.object_id[:8], date_of(now.created // DAY)))
