"""A plan as a tree that can be read at a glance: what is up to date ends its branch, and members that go the same way are told once."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from awe.dataflow.node import Ask, Node
from awe.dataflow.plan import MARK, Plan
from awe.dataflow.state import State
from awe.persist.declare import slots

#: So many reasons of one node are told.
REASONS = 3
#: The mark of an optional input that is not there, and what is said of it.
SPARED, NONE_NEEDED = "-", "none, and none is needed"


def plan_tree(plan: Plan, depth: int | None = None) -> str:
    """The plan as text; `plan.tree()` has every node."""
    seen: set[Node] = set()
    lines = [line for top in plan.tops for line in branch(top, 0, depth, seen)]
    return "\n".join([*lines, "", plan.summary()])


def branch(node: Node, level: int, depth: int | None, seen: set[Node]) -> Iterator[str]:
    """The lines of one node and of what it stands on."""
    ends = node.state is State.UP_TO_DATE or not node.inputs
    again = not ends and node in seen
    yield f"{'  ' * level}{f'{MARK[node.state]} {node.name}: {node.state.value} (shown above)' if again else told(node)}"
    seen.add(node)
    if ends or again or (depth is not None and level >= depth):
        return
    for name, asked in node.inputs.items():
        if isinstance(asked, Ask):
            if asked.node is not None and is_spared(node, name, asked.node):
                yield f"{'  ' * (level + 1)}{SPARED} {asked.node.name}: {NONE_NEEDED}"
            elif asked.node is not None and not is_settled_key(node, name, asked.node):
                yield from branch(asked.node, level + 1, depth, seen)
        else:
            yield from members(asked, level + 1, depth, seen)


def members(asked: list[Ask], level: int, depth: int | None, seen: set[Node]) -> Iterator[str]:
    """The lines of a group: the first of those that are in one state for the same causes, and how many others there are."""
    nodes = [ask.node for ask in asked if ask.node is not None]
    for _, group in groupby(sorted(nodes, key=way), key=way):
        first, *others = group
        if first.state is State.UP_TO_DATE and others:
            yield f"{'  ' * level}{MARK[first.state]} {len(others) + 1} {first.cls.__name__}: {first.state.value}"
            continue
        yield from branch(first, level, depth, seen)
        seen.update(others)
        if others:
            yield f"{'  ' * level}{MARK[first.state]} and {len(others)} more {first.cls.__name__}: {first.state.value}, likewise"


def way(node: Node) -> tuple[Any, ...]:
    """What members of a group have in common that go the same way."""
    return node.cls.__name__, list(State).index(node.state), sorted({reason.cause.name for reason in node.reasons})


def told(node: Node) -> str:
    """One node: its mark, name, state and reasons."""
    why = "; ".join(reason.text for reason in node.reasons[:REASONS])
    more = f" (and {len(node.reasons) - REASONS} more)" if len(node.reasons) > REASONS else ""
    return f"{MARK[node.state]} {node.name}: {node.state.value}{': ' + why if why else ''}{more}"


def is_spared(node: Node, slot: str, below: Node) -> bool:
    """Whether an input is not there, and a node does without it."""
    return below.state is State.MISSING and bool(getattr(slots(node.cls).get(slot), "optional", False))


def is_settled_key(node: Node, slot: str, below: Node) -> bool:
    """Whether a link is part of the key, which the name tells already, and there is nothing to do about it."""
    return below.state is State.UP_TO_DATE and bool(getattr(slots(node.cls).get(slot), "key", False))
