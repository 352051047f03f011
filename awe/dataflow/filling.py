"""Reads what of existing objects was left out of a graph because it is as it was recorded.

What was recorded never changes, and what is picked in its place is known where it differs; so this can be read at any time
after the graph was grown, and shows the same.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from awe.dataflow import select
from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.select import EdgeNow, WantNow, Winner

if TYPE_CHECKING:
    import sqlalchemy as sa

    from awe.dataflow.graph import Graph


class Filling:
    """Completes the nodes of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.others: dict[int, Winner] = {}

    def fill(self, nodes: Iterable[Node], connection: sa.Connection) -> None:
        """Complete these nodes: two statements, however many they are."""
        listed = list(nodes)
        partial = {node.winner.oid: node for node in listed if node.partial and node.winner is not None}
        self._read(partial, connection)
        for node in listed:
            if node.more and node.state.is_work:
                take_more(node)

    def _read(self, partial: dict[int, Node], connection: sa.Connection) -> None:
        if not partial:
            return
        edges: dict[int, list[EdgeNow]] = defaultdict(list)
        wants: dict[int, list[WantNow]] = defaultdict(list)
        for edge in select.edges_of(connection, sorted(partial)):
            edges[edge.target].append(edge)
        self.others = {winner.oid: winner for winner in select.objects(
            connection, sorted({other.oid for node in partial.values() for other in node.others}))}
        for want in select.wants_of(connection, sorted(partial)):
            wants[want.target].append(want)
        for oid, node in partial.items():
            node.partial = False
            self._fill(node, edges[oid], wants[oid])

    def _fill(self, node: Node, edges: list[EdgeNow], wants: list[WantNow]) -> None:
        slots = Slots.of(node.cls)
        marks: dict[tuple[int, int], Ask] = {mark.edge[1:3]: mark.ask for mark in node.marks if mark.edge is not None}  # type: ignore[misc]
        others = {other[1:3]: self.others[other.oid] for other in node.others}
        gone = {(edge.slot, edge.pos) for _, edge in node.gone}
        inputs: dict[str, Ask | list[Ask]] = {}
        recorded: dict[str, list[EdgeNow]] = {}
        pers: dict[tuple[str, Ask], bytes] = {}
        for edge in edges:
            name = slots.name_of.get(edge.slot)
            if name is None:
                continue
            recorded.setdefault(name, []).append(edge)
            place = (edge.slot, edge.pos)
            if place in gone:
                continue
            ask = marks.get(place) or self._ask(node, name, edge, others.get(place, edge.winner))
            if edge.per is not None:
                pers[name, ask] = edge.per
            if name in slots.lists:
                inputs.setdefault(name, []).append(ask)  # type: ignore[union-attr]
            else:
                inputs[name] = ask
        node._inputs, node._edges, node.pers = inputs, recorded, pers
        self._fill_wants(node, wants)
        for mark in node.marks:
            if mark.edge is None:
                inputs[mark.slot] = mark.ask
        for name in slots.lists:
            inputs.setdefault(name, [])

    def _fill_wants(self, node: Node, wants: list[WantNow]) -> None:
        slots, groups = Slots.of(node.cls), self.graph.groups
        node.wants, node.needed = {}, {}
        for want in wants:
            name = slots.name_of.get(want.slot)
            if name is None:
                continue
            slot = slots.by_name[name]
            if name in slots.lists:
                node.wants[name] = node.regrouped.get(name) or (want.sel, want.t_from, want.t_to)
                node.needed[name] = groups.needed(node, slot)  # type: ignore[arg-type]
            elif node._inputs is not None:
                node._inputs[name] = self.graph.asks.get((want.sel, want.t_from)) or Ask(slot.type, want.sel, want.t_from)

    def _ask(self, node: Node, name: str, edge: EdgeNow, now: Winner | None) -> Ask:
        """The question behind a recorded input, answered by what is picked now."""
        ask = self.graph.asks.get((edge.sel, edge.at))
        if ask is None:
            ask = self.graph.asks[edge.sel, edge.at] = Ask(Slots.of(node.cls).by_name[name].type, edge.sel, edge.at)
        if ask.node is None:
            assert now is not None
            ask.node = self.graph.untouched(now)
            ask.node.want_at(edge.at)
        return ask


def take_more(node: Node) -> None:
    """Let the new members of its groups be inputs of what is going to be remade."""
    for each in node.more:
        asked: Any = node.inputs.setdefault(each.slot, [])
        asked.append(each.ask)
        slot = Slots.of(node.cls).by_name[each.slot]
        if getattr(slot, "one_per", None) is not None:
            node.pers[each.slot, each.ask] = each.own
    node.more = ()
