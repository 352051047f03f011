"""Plans that look only so many levels deep."""
from __future__ import annotations

from collections.abc import Iterable

from awe.dataflow.graph import Graph
from awe.dataflow.node import Ask, Mark, Node, Slots, is_makeable
from awe.dataflow.state import Cause, Reason, State


def cut(graph: Graph, tops: Iterable[Node], depth: int) -> None:
    """Leave out what lies more than `depth` levels below `tops`; what stands on it is not checked."""
    level, seen = list(dict.fromkeys(tops)), set(tops)
    for _ in range(depth):
        graph.fill(level)
        for node in level:
            if node.winner is not None and not node.restarted:
                show_all(node)
        level = [child for child in dict.fromkeys(child for node in level for child in node.known()) if child not in seen]
        seen.update(level)
    for node in level:
        if is_makeable(node.cls) and Slots.of(node.cls).by_name and node.state is not State.MISSING:
            node.begin_anew()
            node.pending, node.others, node.marks, node.stands_on, node.gone, node.more = [], (), (), (), (), ()
            node.reasons = [*node.reasons, Reason(Cause.DEPTH)]
            node.state = State.NOT_CHECKED if node.winner is not None else State.TO_BE_MADE


def show_all(node: Node) -> None:
    """Let every input of an object be looked at."""
    marked = {mark.edge[1:3] for mark in node.marks if mark.edge is not None}
    gone = {(edge.slot, edge.pos) for _, edge in node.gone}
    for name, edges in node.edges.items():
        asks = {(ask.sel, ask.at): ask for ask in asks_of(node, name)}
        node.marks = [*node.marks, *(Mark(name, edge, asks[edge.sel, edge.at]) for edge in edges
                                     if edge[1:3] not in marked and edge[1:3] not in gone)]
    node.others, node.stands_on = (), ()
    if node.state is State.UP_TO_DATE and node.marks:
        node.state = State.NOT_CHECKED


def asks_of(node: Node, name: str) -> list[Ask]:
    """The questions of one dependency."""
    asked = node.inputs.get(name, [])
    return asked if isinstance(asked, list) else [asked]
