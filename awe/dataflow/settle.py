"""What is done about one node once its inputs are there: cut off, share, hold, or make."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from awe.dataflow.expand import listed
from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.recipe import derivation_of
from awe.persist.declare import DependencyList
from awe.persist.record import Input, WantRow
from awe.persist.selector import selector_of


class Result(NamedTuple):
    """The object that answers a node."""

    oid: int
    object_id: str
    value: bytes


@dataclass
class Settled:
    """The inputs of a node as they are now, and the derivation they make."""

    inputs: list[Input] = field(default_factory=list)
    wants: list[WantRow] = field(default_factory=list)
    derivation: bytes = b""
    blocked: list[Node] = field(default_factory=list)
    left_out: list[Node] = field(default_factory=list)

    def oids(self, cls: type) -> dict[str, int | list[int]]:
        """The row numbers of the inputs, slot by slot."""
        found: dict[str, Any] = {name: [] for name, slot in Slots.of(cls).by_name.items() if isinstance(slot, DependencyList)}
        for one in self.inputs:
            if isinstance(found.get(one.slot), list):
                found[one.slot].append(one.input)
            else:
                found[one.slot] = one.input
        return found


def settle(node: Node, parameters: dict[str, Any]) -> Settled:
    """Gather the inputs of `node`, all of which have been dealt with."""
    settled = Settled()
    values: list[tuple[str, bytes, bytes]] = []
    for name, slot in Slots.of(node.cls).by_name.items():
        asked = node.inputs.get(name)
        if isinstance(slot, DependencyList):
            found = gather_group(node, name, slot, listed(asked), settled)
            values.extend(sorted((name, ask.sel, result.value) for ask, result in found))
        elif isinstance(asked, Ask):
            result = result_of(asked)
            if result is not None:
                settled.inputs.append(Input(name, 0, result.oid, asked.sel, asked.at, result.value))
                values.append((name, asked.sel, result.value))
            elif slot.optional:
                settled.wants.append(WantRow(name, asked.sel, asked.at, asked.at + 1, 0))
            elif asked.node is not None:
                settled.blocked.append(asked.node)
    settled.derivation = derivation_of(node.cls, parameters, values, selector_of(node.cls, node.keys or {}))
    return settled


def gather_group(node: Node, name: str, slot: DependencyList[Any], asks: list[Ask], settled: Settled) -> list[tuple[Ask, Result]]:
    """The members of a set slot that are there; what an open set lacks is left out."""
    found: list[tuple[Ask, Result]] = []
    bad: list[Node] = []
    for ask in asks:
        result = result_of(ask)
        if result is not None:
            found.append((ask, result))
        elif ask.node is not None:
            bad.append(ask.node)
    is_short = len(found) < node.needed.get(name, slot.at_least)
    if bad and (not slot.is_open or is_short) and not slot.optional:
        settled.blocked.extend(bad)
    if slot.optional and is_short:
        found = []
    settled.left_out.extend(bad)
    settled.inputs.extend(Input(name, pos, result.oid, ask.sel, ask.at, result.value, node.pers.get((name, ask)))
                          for pos, (ask, result) in enumerate(found))
    if name in node.wants:
        sel, t_from, t_to = node.wants[name]
        settled.wants.append(WantRow(name, sel, t_from, t_to, len(found)))
    return found


def result_of(ask: Ask) -> Result | None:
    """What answers a question now."""
    return None if ask.node is None else result_of_node(ask.node)


def result_of_node(node: Node) -> Result | None:
    """What answers the questions that led to a node now."""
    if node.result is not None:
        result: Result = node.result
        return result
    return Result(node.winner.oid, node.winner.object_id, node.winner.value) if node.winner is not None else None


def is_cut_off(node: Node) -> bool:
    """Whether everything that was waited for came out with the value that was recorded."""
    for name, slot in Slots.of(node.cls).by_name.items():
        asks, recorded = listed(node.inputs.get(name)), node.edges.get(name, [])
        results = [(ask, result) for ask in asks if (result := result_of(ask)) is not None]
        if isinstance(slot, DependencyList):
            now = {node.own(name, ask): result.value for ask, result in results}
            then = {node.recorded_own(name, edge): edge.input_value for edge in recorded}
            if slot.is_open:
                now = {own: value for own, value in now.items() if own in then}
            if now != then:
                return False
        elif [result.value for _, result in results] != [edge.input_value for edge in recorded]:
            return False
    return True
