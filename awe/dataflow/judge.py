"""Gives every node of a graph its state and the reasons, from the raw data upwards.

Values along winners decide, transitively: a node is up to date when every input that the rule picks now has the value that
was recorded, and is itself up to date.  What waits for an input that will be remade is *undecided*: the new input may turn
out equal, and then nothing above it is remade.
"""
from __future__ import annotations

from collections.abc import Iterable

from awe.dataflow import select
from awe.dataflow.changes import is_replaced, replaced
from awe.dataflow.expand import listed
from awe.dataflow.graph import Graph
from awe.dataflow.node import Ask, Mark, Node, Slots, Why
from awe.dataflow.past import Past
from awe.dataflow.select import Before
from awe.dataflow.state import Cause, Reason, State
from awe.dataflow.sweep import DIFFERS
from awe.persist.declare import DependencyList

#: How many inputs of one class are named that a node waits for.
FEW = 3

BLOCKED, WORK = frozenset({State.HELD, State.MISSING, State.NOT_VISIBLE}), frozenset(state for state in State if state.is_work)
PLANNED = frozenset({State.TO_BE_MADE, State.OUT_OF_DATE})
#: Those that are looked at for every node: the members of an Enum are slow to reach.
NOT_CHECKED, OUT_OF_DATE, UP_TO_DATE = State.NOT_CHECKED, State.OUT_OF_DATE, State.UP_TO_DATE


class Judge:
    """Decides the states of one graph.

    `retry` makes held targets again, `grow` remakes open sets that others now match.
    """

    def __init__(self, graph: Graph, *, retry: bool = False, grow: bool = False) -> None:
        self.graph, self.grow = graph, grow
        self.past = Past(graph, retry=retry)

    def judge(self, tops: Iterable[Node]) -> list[Node]:
        """Give a state to all that `tops` stand on and that needs a look; return those, inputs before what is made of them."""
        levels = by_level(tops)
        self._explain([node for level in levels for node in level if not node.exists and node.state is NOT_CHECKED])
        for level in levels:
            judged = [node for node in level if node.state is NOT_CHECKED]
            for node in judged:
                if node.is_bottom:
                    reasons: list[Why] = [other for other in node.others if other[4] & DIFFERS]
                    if reasons:
                        node.state, node.reasons = OUT_OF_DATE, reasons
                    else:
                        node.state = UP_TO_DATE
                elif node.restarted or not node.exists:
                    self._judge_planned(node)
                else:
                    self._judge_existing(node)
            self.past.look([node for node in judged if node.state in PLANNED])
        return [node for level in levels for node in level]

    # ------------------------------------------------------------------ objects that exist

    def _judge_existing(self, node: Node) -> None:
        reasons: list[Why] = [other for other in node.others if other.how & DIFFERS]
        waiting = [child for child in node.stands_on if child.state in WORK] if node.stands_on else []
        is_unchecked = len(waiting) < len(node.stands_on) and any(child.state is NOT_CHECKED for child in node.stands_on)
        bad: list[Mark] = []
        for mark in node.marks:
            child = mark.ask.node
            assert child is not None
            if mark.edge is not None and not child.exists and child.state in BLOCKED:
                bad.append(mark)
                continue
            if mark.edge is None and child.exists:
                reasons.append(Reason(Cause.NOW_AVAILABLE, (child,)))
            elif mark.edge is not None and is_replaced(mark):
                reasons.append(replaced(mark))
            if child.state in WORK:
                waiting.append(child)
            is_unchecked = is_unchecked or (mark.edge is not None and child.state is State.NOT_CHECKED)
        grown = self._grown(node, reasons, waiting) if node.more else 0
        blocked = self._blocked(node, bad, reasons) if bad else []
        if blocked:
            missing = any(mark.ask.node is not None and mark.ask.node.state is not State.HELD for mark in bad)
            node.state, node.reasons = State.MISSING if missing else State.HELD, blocked + reasons
        elif reasons:
            node.state, node.reasons = State.OUT_OF_DATE, reasons + waits_for(waiting)
        elif waiting:
            node.state, node.reasons = State.UNDECIDED, waits_for(waiting)
        elif is_unchecked:
            node.state, node.reasons = State.NOT_CHECKED, [Reason(Cause.DEPTH)]
        elif grown:
            node.state, node.reasons = State.MAY_GROW, [Reason(Cause.CAN_GROW, (grown, kind_of_more(node)))]
        else:
            node.state = State.UP_TO_DATE
        if node.more and not node.state.is_work:
            node.more = ()

    def _grown(self, node: Node, reasons: list[Why], waiting: list[Node]) -> int:
        """Say which members have come to groups; return by how many an open set could grow."""
        grown, usable = 0, [each for each in node.more if each.ask.node is not None and not each.ask.node.is_blocked]
        for each in usable:
            slot, child = Slots.of(node.cls).by_name[each.slot], each.ask.node
            assert child is not None and isinstance(slot, DependencyList)
            if each.slot in node.regrouped:
                if sum(other.slot == each.slot for other in usable) < self.graph.groups.needed(node, slot):
                    continue
            elif slot.is_open and not self.grow:
                grown += 1
                continue
            reasons.append(Reason(Cause.ADDED, (child,)))
            if child.state in WORK:
                waiting.append(child)
        return grown

    def _blocked(self, node: Node, bad: list[Mark], reasons: list[Why]) -> list[Why]:
        """What inputs that can neither be used nor made mean: the end, or that it is made without them."""
        slots = Slots.of(node.cls)
        blocked: list[Why] = []
        for mark in bad:
            assert mark.ask.node is not None and mark.edge is not None
            child, siblings = mark.ask.node, sum(other.slot == mark.slot for other in bad)
            if mark.slot not in slots.lenient or (mark.slot in slots.lists and mark.slot not in slots.optional
                                                  and self._usable(node, mark.slot) - siblings < node.needed.get(mark.slot, 1)):
                blocked.append(Reason(Cause.INPUT_BLOCKED, (child, because(child))))
            elif mark.slot in slots.lists:
                reasons.append(Reason(Cause.REMOVED, (child,)))
            else:
                reasons.append(Reason(Cause.INVALIDATED, (child.cls.__name__, f"#{mark.edge.input}")))
        return blocked

    def _usable(self, node: Node, name: str) -> int:
        """How many members a set has, those that are blocked among them."""
        return len(listed(node.inputs.get(name))) + sum(each.slot == name and each.ask.node is not None and not each.ask.node.is_blocked
                                                        for each in node.more)

    # ------------------------------------------------------------------ objects that do not exist, or are planned anew

    def _explain(self, nodes: list[Node]) -> None:
        """Find what each would replace, and say in words why that does not do."""
        before = select.newest_of_any_kind(self.graph.connection, self.graph.sight,
                                           [(node.sel, node.anchor if node.asked_from is None else node.asked_from) for node in nodes])
        for node, one in zip(nodes, before, strict=True):
            node.predecessor = one.oid if one is not None else None
            if node.fresh:
                node.reasons.append(Reason(Cause.FRESH))
            else:
                node.reasons.extend(self._why_not(node, one) if one is not None else [Reason(Cause.NOTHING_THERE)])

    def _why_not(self, node: Node, one: Before) -> list[Why]:
        had, wanted = self.graph.book.values_of(one.params_id), {**node.parameters, **node.below}
        changed: list[Why] = [Reason(Cause.PARAMETER, (name, had.get(name, "none"), value)) for name, value in wanted.items()
                              if had.get(name, value) != value]
        return changed or [Reason(Cause.INVALIDATED, (node.cls.__name__, one.object_id[:8]))]

    def _judge_planned(self, node: Node) -> None:
        slots = Slots.of(node.cls)
        blocked: list[Why] = []
        waiting: list[Node] = []
        missing = False
        for name, asked in node.inputs.items():
            children = [ask.node for ask in listed(asked) if ask.node is not None]
            bad = [child for child in children if child.is_blocked]
            if bad and name not in slots.optional and (
                    name not in slots.lenient or len(children) - len(bad) < node.needed.get(name, 1)):
                blocked.extend(Reason(Cause.INPUT_BLOCKED, (child, because(child))) for child in bad)
                missing = missing or any(child.state is not State.HELD for child in bad)
            waiting.extend(child for child in children if child.state in WORK)
        if blocked:
            node.state, node.reasons = State.MISSING if missing else State.HELD, blocked + (node.reasons if node.exists else [])
        else:
            node.state = State.OUT_OF_DATE if node.exists or node.predecessor is not None else State.TO_BE_MADE
            node.reasons.extend(waits_for(waiting))


def by_level(tops: Iterable[Node]) -> list[list[Node]]:
    """All nodes that need a look, below `tops` and themselves: those that stand on nothing first, level by level."""
    done: dict[Node, bool] = {}
    levels: list[list[Node]] = [[]]
    for top in tops:
        if top in done:
            continue
        done[top] = False
        path = [(top, iter(list(top.known())))]
        top.level = 0
        while path:
            node, children = path[-1]
            for child in children:
                is_done = done.get(child)
                if is_done is None:
                    done[child] = is_bottom = child.is_bottom
                    child.level = 0
                    if not is_bottom:
                        path.append((child, iter(list(child.known()))))
                        break
                    levels[0].append(child)
                elif not is_done:
                    leave_out(node, child)
                    continue
                if node.level <= child.level:
                    node.level = child.level + 1
            else:
                path.pop()
                done[node] = True
                if node.level == len(levels):
                    levels.append([])
                levels[node.level].append(node)
                if path and path[-1][0].level <= node.level:
                    path[-1][0].level = node.level + 1
    return levels


def leave_out(node: Node, child: Node) -> None:
    """Let `node` do without `child`, which would have to be made from it."""
    slots = Slots.of(node.cls)
    if node.partial:
        node.stands_on = [each for each in node.stands_on if each is not child]
        node.marks = [mark for mark in node.marks if mark.ask.node is not child]
        node.more = [each for each in node.more if each.ask.node is not child]
        return
    for name, asked in node.inputs.items():
        if all(ask.node is not child for ask in listed(asked)):
            continue
        if name not in slots.lenient:
            node.state, node.reasons = State.MISSING, [Reason(Cause.CIRCLE, (child,))]
        elif isinstance(asked, list):
            node.inputs[name] = [ask for ask in asked if ask.node is not child]
        else:
            node.inputs[name] = Ask(asked.cls, asked.sel, asked.at, asked.keys)


def waits_for(waiting: list[Node]) -> list[Why]:
    """What a node waits for: each by its name; of many of one class how many they are."""
    if len(waiting) <= FEW:
        return [Reason(Cause.INPUT_TO_MAKE, (child,)) for child in waiting]
    counts: dict[type, int] = {}
    for child in waiting:
        counts[child.cls] = counts.get(child.cls, 0) + 1
    few: list[Why] = [Reason(Cause.INPUT_TO_MAKE, (child,)) for child in waiting if counts[child.cls] <= FEW]
    return few + [Reason(Cause.INPUT_TO_MAKE, (f"{count} {cls.__name__}",)) for cls, count in counts.items() if count > FEW]


def because(child: Node) -> str:
    """The state of a blocked child with its first reason."""
    return f"{child.state.value}: {child.reasons[0].text}" if child.reasons else child.state.value


def kind_of_more(node: Node) -> str:
    """What an open set could grow by."""
    return Slots.of(node.cls).by_name[node.more[0].slot].type.__name__ if node.more else "objects"
