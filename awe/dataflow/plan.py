"""A plan: everything that some targets stand on, each with a state and the reasons in words."""
from __future__ import annotations

import functools
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.request import Request
from awe.dataflow.state import WORK, State

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph

MARK = {State.UP_TO_DATE: "=", State.TO_BE_MADE: "+", State.OUT_OF_DATE: "~", State.UNDECIDED: "?", State.HELD: "!",
        State.MAY_GROW: "^", State.BEING_MADE: "*", State.MISSING: "x", State.NOT_VISIBLE: "x", State.NOT_CHECKED: "."}


class Completion:
    """Reads what nodes of a graph stand on, and names them, whenever somebody asks; the graph lives as long as this does.

    Nodes refer to their graph, and it to them: it lets go of them when no plan is left that shows them, so that they need not be
    looked for as garbage.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        weakref.finalize(self, graph.let_go).atexit = False

    def __call__(self, nodes: Iterable[Node]) -> None:
        self.graph.complete(nodes)


@dataclass
class Plan:
    """What would be done for `tops`, and why; nothing has been made.

    Attributes
    ----------
    tops
        the nodes of what was asked for
    looked_at
        the nodes that needed a look, inputs before what is made of them; all else is up to date
    asked
        the requests
    complete
        reads all that the given nodes stand on, and names them
    """

    tops: list[Node]
    looked_at: list[Node]
    asked: Sequence[Request] = ()
    complete: Callable[[Iterable[Node]], None] = lambda nodes: None

    @functools.cached_property
    def nodes(self) -> list[Node]:
        """All nodes, inputs before what is made of them."""
        below, seen = list(dict.fromkeys(self.tops)), set(self.tops)
        while below:
            self.complete(below)
            below = [child for child in dict.fromkeys(child for node in below for child in node.children()) if child not in seen]
            seen.update(below)
        return in_order(self.tops)

    @functools.cached_property
    def todo(self) -> list[Node]:
        """The nodes there is something to do about, in order: what is wanted, and what that waits for."""
        wanted = {top for top in self.tops if top.state in WORK}
        for node in reversed(self.looked_at):
            if node.level and node in wanted:
                wanted.update([child for child in node.known() if child.state in WORK])
        return [node for node in self.looked_at if node in wanted]

    @property
    def blocked(self) -> list[Node]:
        """The nodes that cannot be had as things are."""
        return [node for node in self.nodes if node.state.is_blocked]

    @property
    def is_up_to_date(self) -> bool:
        """Whether all that was asked for is there and up to date."""
        return all(top.state in (State.UP_TO_DATE, State.MAY_GROW) for top in self.tops)

    def counts(self) -> dict[str, int]:
        """How many nodes are in each state; what is missing and not needed does not count."""
        spared = self.spared()
        found = Counter(node.state for node in self.nodes if node not in spared)
        return {state.value: found[state] for state in State if found[state]}

    def spared(self) -> set[Node]:
        """What is not there, and what could use it does without."""
        missing = {node for node in self.nodes if node.state is State.MISSING}.difference(self.tops)
        for node in self.nodes if missing else ():
            for name, asked in node.inputs.items():
                if name not in Slots.of(node.cls).optional:
                    missing.difference_update(one.node for one in ([asked] if isinstance(asked, Ask) else asked) if one.node is not None)
        return missing

    def tree(self, depth: int | None = None) -> str:
        """The plan as an indented tree; what was shown before is shown once."""
        self.complete(self.nodes)
        seen: set[Node] = set()
        lines = [line for top in self.tops for line in branch(top, 0, depth, seen)]
        return "\n".join([*lines, "", self.summary()])

    def summary(self) -> str:
        """One line: how many are in each state."""
        return ", ".join(f"{count} {state}" for state, count in self.counts().items()) or "nothing was asked for"

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain data, for programs."""
        number = {node: n for n, node in enumerate(self.nodes)}
        self.complete(self.nodes)
        return {"counts": self.counts(), "targets": [number[top] for top in self.tops],
                "nodes": [{"class": node.cls.__name__, "keys": plain_keys(node), "state": node.state.value,
                           "object_id": node.winner.object_id if node.winner else None,
                           "reasons": [reason.text for reason in node.reasons],
                           "inputs": [number[child] for child in node.children() if child in number]}
                          for node in self.nodes]}

    def __str__(self) -> str:
        return self.tree()

    def __repr__(self) -> str:
        return self.tree(depth=3)


def branch(node: Node, indent: int, depth: int | None, seen: set[Node]) -> Iterator[str]:
    """The lines of one node and all below it."""
    why = "; ".join(reason.text for reason in node.reasons[:3])
    more = f" (and {len(node.reasons) - 3} more reasons)" if len(node.reasons) > 3 else ""
    shown = " (shown above)" if node in seen and node.inputs else ""
    yield f"{'  ' * indent}{MARK[node.state]} {node.name}: {node.state.value}{': ' + why if why else ''}{more}{shown}"
    if shown or (depth is not None and indent >= depth):
        return
    seen.add(node)
    for asked in node.inputs.values():
        yield from members(asked, indent + 1, depth, seen)


def members(asked: Ask | list[Ask], indent: int, depth: int | None, seen: set[Node]) -> Iterator[str]:
    """The lines of one slot: a group of raw data that is all up to date is one line."""
    if isinstance(asked, Ask):
        if asked.node is not None:
            yield from branch(asked.node, indent, depth, seen)
        return
    nodes = [ask.node for ask in asked if ask.node is not None]
    leaves = [node for node in nodes if not node.inputs and node.state is State.UP_TO_DATE]
    if len(leaves) > 3:
        yield f"{'  ' * indent}= {len(leaves)} x {leaves[0].cls.__name__}: up to date"
    for node in nodes:
        if len(leaves) <= 3 or node not in leaves:
            yield from branch(node, indent, depth, seen)


def plain_keys(node: Node) -> dict[str, Any]:
    """The keys of a node as plain data."""
    return {name: value if isinstance(value, int | float | str) else str(value) for name, value in (node.keys or {}).items()}


def in_order(tops: Iterable[Node]) -> list[Node]:
    """All nodes that `tops` stand on and themselves: inputs before what is made of them."""
    done: dict[Node, None] = {}
    started: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(top, False) for top in reversed(list(tops))]
    while stack:
        node, is_expanded = stack.pop()
        if is_expanded:
            done[node] = None
        elif node not in started:
            started.add(node)
            stack.append((node, True))
            stack.extend((child, False) for child in node.children() if child not in started)
    return list(done)
