"""Gives every node of a graph its state and the reasons, from the raw data upwards.

Values along winners decide, transitively: a node is up to date when every input that the rule picks now has the value that
was recorded, and is itself up to date.  What waits for an input that will be remade is *undecided*: the new input may turn
out equal, and then nothing above it is remade.
"""
from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from awe.dataflow import recipe, select
from awe.dataflow.graph import Graph
from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.state import Cause, Reason, State
from awe.persist import tables
from awe.persist.declare import DependencyList
from awe.persist.types import from_microseconds


class Judge:
    """Decides the states of one graph.

    `retry` makes held targets again, `grow` remakes open sets that others now match.
    """

    def __init__(self, graph: Graph, *, retry: bool = False, grow: bool = False) -> None:
        self.graph, self.retry, self.grow = graph, retry, grow

    def judge(self, tops: Iterable[Node]) -> list[Node]:
        """Give a state to all that `tops` stand on; return the nodes, inputs before what is made of them."""
        ordered = in_order(tops)
        self._explain_missing([node for node in ordered if not node.exists and node.state is State.NOT_CHECKED])
        level: list[Node] = []
        for node in ordered:
            if level and node.level != level[0].level:
                self._judge_level(level)
                level = []
            level.append(node)
        self._judge_level(level)
        return ordered

    def _judge_level(self, level: list[Node]) -> None:
        for node in level:
            if node.state is State.NOT_CHECKED:
                if node.exists:
                    self._judge_existing(node)
                else:
                    self._judge_missing(node)
        self._look_for_earlier([node for node in level if node.state in (State.TO_BE_MADE, State.OUT_OF_DATE)])

    # ------------------------------------------------------------------ objects that exist

    def _judge_existing(self, node: Node) -> None:
        assert node.winner is not None
        reasons: list[Reason] = []
        waits: list[Reason] = []
        blocked: list[Reason] = []
        version = getattr(node.cls, "version", None)
        if version is not None and can_check_version(node) and node.winner.version != version:
            node.reasons.append(Reason(Cause.VERSION, (node.winner.version, version)))
            self._judge_missing(node, State.OUT_OF_DATE)
            return
        grown = 0
        for name, slot in Slots.of(node.cls).by_name.items():
            if isinstance(slot, DependencyList):
                grown += self._compare_group(node, name, slot, reasons, waits, blocked)
            else:
                self._compare_one(node, name, reasons, waits, blocked)
        if blocked:
            node.state, node.reasons = State.HELD, blocked + reasons
        elif reasons:
            node.state, node.reasons = State.OUT_OF_DATE, reasons + waits
        elif waits:
            node.state, node.reasons = State.UNDECIDED, waits
        elif grown:
            node.state, node.reasons = State.MAY_GROW, [Reason(Cause.CAN_GROW, (grown, "frames"))]
        else:
            node.state = State.UP_TO_DATE

    def _compare_one(self, node: Node, name: str, reasons: list[Reason], waits: list[Reason], blocked: list[Reason]) -> None:
        ask = node.inputs.get(name)
        if ask is None:
            return
        assert isinstance(ask, Ask)
        child, recorded = ask.node, next(iter(node.edges.get(name, ())), None)
        if child is None:
            return
        if recorded is None:
            if child.exists or not child.is_blocked:
                reasons.append(Reason(Cause.NOW_AVAILABLE, (child.name,)))
        elif child.is_blocked:
            if Slots.of(node.cls).by_name[name].optional:
                reasons.append(Reason(Cause.INVALIDATED, (ask.cls.__name__, "")))
            else:
                blocked.append(Reason(Cause.INPUT_BLOCKED, (child.name, child.state.value)))
        elif child.winner is not None and child.winner.value != recorded.input_value:
            reasons.append(replaced(ask, recorded.input, child))
        if child.state.is_work:
            waits.append(Reason(Cause.INPUT_TO_MAKE, (child.name,)))

    def _compare_group(self, node: Node, name: str, slot: DependencyList[Any], reasons: list[Reason], waits: list[Reason],
                       blocked: list[Reason]) -> int:
        """Compare the members then and now, both ways; return by how many an open set could grow."""
        asks = node.inputs.get(name, [])
        assert isinstance(asks, list)
        recorded = {edge.per or edge.sel: edge for edge in node.edges.get(name, ())}
        now: set[bytes] = set()
        grown = 0
        for ask in asks:
            own, child = node.own(name, ask), ask.node
            assert child is not None
            edge = recorded.get(own)
            if child.is_blocked:
                if not slot.is_open:
                    blocked.append(Reason(Cause.INPUT_BLOCKED, (child.name, child.state.value)))
                elif edge is not None:
                    reasons.append(Reason(Cause.REMOVED, (ask.cls.__name__, child.name)))
                now.add(own)
                continue
            now.add(own)
            if edge is None:
                if slot.is_open and not self.grow:
                    grown += 1
                    continue
                reasons.append(Reason(Cause.ADDED, (child.name, "")))
            elif child.winner is not None and child.winner.value != edge.input_value:
                reasons.append(replaced(ask, edge.input, child))
            if child.state.is_work:
                waits.append(Reason(Cause.INPUT_TO_MAKE, (child.name,)))
        reasons.extend(Reason(Cause.REMOVED, (slot.member.__name__, "")) for own in recorded if own not in now)
        return grown

    # ------------------------------------------------------------------ objects that do not exist

    def _explain_missing(self, nodes: list[Node]) -> None:
        """Find what each would replace, and say in words why that does not do."""
        if not nodes:
            return
        before = select.newest_of_any_kind(self.graph.connection, self.graph.sight, [(node.sel, at_of(node)) for node in nodes])
        oids = sorted({oid for oid in before if oid is not None})
        o = tables.object_
        rows: dict[int, Any] = {}
        for start in range(0, len(oids), 500):
            found = self.graph.connection.execute(sa.select(o.c.oid, o.c.object_id, o.c.params_id, o.c.is_valid, o.c.quality_flags)
                                                  .where(o.c.oid.in_(oids[start:start + 500])))
            rows.update({row.oid: row for row in found})
        for node, oid in zip(nodes, before, strict=True):
            node.predecessor = oid
            node.reasons.extend(self._why_not(node, rows[oid]) if oid is not None else [Reason(Cause.NOTHING_THERE)])

    def _why_not(self, node: Node, row: Any) -> list[Reason]:
        had = self.graph.book.values_of(row.params_id)
        changed = [Reason(Cause.PARAMETER, (name, had.get(name, "none"), value))
                   for name, value in node.parameters.items() if had.get(name, value) != value]
        return changed or [Reason(Cause.INVALIDATED, (node.cls.__name__, row.object_id[:8]))]

    def _judge_missing(self, node: Node, otherwise: State = State.TO_BE_MADE) -> None:
        blocked: list[Reason] = []
        waits: list[Reason] = []
        missing = False
        for name, asked in node.inputs.items():
            slot = Slots.of(node.cls).by_name[name]
            open_set = isinstance(slot, DependencyList) and slot.is_open
            children = [ask.node for ask in (asked if isinstance(asked, list) else [asked]) if ask.node is not None]
            bad = [child for child in children if child.is_blocked]
            usable = len(children) - len(bad)
            if bad and not slot.optional and (not open_set or usable < getattr(slot, "at_least", 1)):
                blocked.extend(Reason(Cause.INPUT_BLOCKED, (child.name, because(child))) for child in bad)
                missing = missing or any(child.state is State.MISSING for child in bad)
            waits.extend(Reason(Cause.INPUT_TO_MAKE, (child.name,)) for child in children if child.state.is_work)
        if blocked:
            node.state, node.reasons = State.MISSING if missing else State.HELD, blocked
        else:
            node.state = State.OUT_OF_DATE if node.predecessor is not None else otherwise
            node.reasons.extend(waits)

    # ------------------------------------------------------------------ what was made before

    def _look_for_earlier(self, nodes: list[Node]) -> None:
        """Hold what was made before from the very same inputs with a result that will not do."""
        settled = [node for node in nodes if not any(child.state.is_work for child in node.children())]
        for node in settled:
            node.derivation = recipe.derivation_of(node.cls, self.parameters(node), inputs_of(node))
        derivations = [node.derivation for node in settled if node.derivation is not None]
        earlier = recipe.made_before(self.graph.connection, self.graph.sight, derivations)
        failed = recipe.failed_before(self.graph.connection, derivations)
        for node in settled:
            assert node.derivation is not None
            verdict = hold(node.cls, earlier.get(node.derivation, []), failed.get(node.derivation))
            if verdict is None or (verdict.cause is not Cause.SHARES and self.retry):
                continue
            if verdict.cause is Cause.SHARES:
                node.reasons.append(verdict)
            else:
                node.state, node.reasons = State.HELD, [verdict, *node.reasons]

    def parameters(self, node: Node) -> dict[str, Any]:
        """The parameters wanted of a node."""
        if not node.parameters and node.winner is not None:
            scope = self.graph.scope(node.winner.scope_id)
            node.parameters = dict(self.graph.book.wanted(node.cls, scope, node.anchor).values)
        return node.parameters


def hold(cls: type, earlier: list[recipe.Earlier], failure: str | None) -> Reason | None:
    """What the past of a derivation says: share a good result, hold a bad one or a failure, or nothing."""
    blocking = int(getattr(cls, "blocking_flags", -1))
    good = [one for one in earlier if one.is_valid > 0 and (not one.quality_flags & blocking or one.is_valid == 2)]
    if good:
        return Reason(Cause.SHARES, (good[0].object_id[:8],))
    if earlier:
        if earlier[0].is_valid > 0:
            names = getattr(cls, "flag_names", lambda flags: [str(flags)])(earlier[0].quality_flags)
            return Reason(Cause.FLAGGED, (earlier[0].object_id[:8], ", ".join(names)))
        return Reason(Cause.INVALID, (earlier[0].object_id[:8],))
    return Reason(Cause.FAILED, (failure,)) if failure is not None else None


def inputs_of(node: Node) -> list[tuple[str, bytes, bytes]]:
    """The (slot, digest of the natural key, value) of every input as the rule picks them now."""
    listed = []
    for name in Slots.of(node.cls).by_name:
        asked = node.inputs.get(name, [])
        found = [(name, ask.sel, ask.node.winner.value) for ask in (asked if isinstance(asked, list) else [asked])
                 if ask.node is not None and ask.node.winner is not None and not ask.node.is_blocked]
        listed.extend(sorted(found) if isinstance(asked, list) else found)
    return listed


def in_order(tops: Iterable[Node]) -> list[Node]:
    """All nodes below `tops` and themselves, by level: raw data first."""
    level: dict[Node, int] = {}
    stack: list[tuple[Node, bool]] = [(top, False) for top in tops]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            node.level = level[node] = 1 + max((level.get(child, -1) for child in node.children()), default=-1)
        elif node not in level:
            level[node] = -1
            stack.append((node, True))
            stack.extend((child, False) for child in node.children() if child not in level)
    return sorted(level, key=lambda node: node.level)


def can_check_version(node: Node) -> bool:
    """Whether objects of this class have a recipe; what was ingested has none."""
    return bool(getattr(node.cls, "can_be_made", False))


def at_of(node: Node) -> int:
    """The time a node was asked for."""
    return node.asked_at[0] if node.asked_at else node.anchor


def because(child: Node) -> str:
    """The state of a blocked child with its first reason."""
    return f"{child.state.value}: {child.reasons[0].text}" if child.reasons else child.state.value


def replaced(ask: Ask, old: int, child: Node) -> Reason:
    """Say that another object is now picked in place of the recorded one."""
    assert child.winner is not None
    when: datetime.datetime = from_microseconds(child.winner.created)
    return Reason(Cause.REPLACED, (ask.cls.__name__, f"#{old}", child.winner.object_id[:8], f"{when:%Y-%m-%d}"))
