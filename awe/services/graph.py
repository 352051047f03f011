"""The graph of a lineage, collapsed by kind: which kinds of objects stand on which, and where each is drawn."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from awe.face.lineage import Tree
from awe.persist.lineage import name_of_class

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 176, 42, 196, 70, 10


@dataclass
class Kind:
    """All objects of one class in a lineage.

    Attributes
    ----------
    name
        of the class
    members
        the objects, nearest first
    level
        steps from the top, along the longest way of any member
    x, y
        where its box begins
    """

    name: str
    members: list[Any] = field(default_factory=list)
    level: int = 0
    x: float = 0.0
    y: float = 0.0
    is_raw: bool = False

    @property
    def bad(self) -> int:
        """How many of them are invalid or flagged."""
        return sum(one.is_valid == 0 or bool(one.quality_flags) for one in self.members)


@dataclass
class Drawing:
    """Kinds in their places, the lines between them, and the size of the whole."""

    kinds: list[Kind]
    lines: list[tuple[str, str, str, int]]
    width: float
    height: float


def draw(tree: Tree) -> Drawing:
    """Collapse a lineage by kind, and place the kinds in rows by how far they are from the top.

    Links that are part of a key, such as the chip that a frame is of, are left out: every kind has them.
    """
    levels = longest(tree)
    kinds: dict[str, Kind] = {}
    for oid, one in tree.objects.items():
        name = name_of_class(one)
        kind = kinds.setdefault(name, Kind(name, is_raw=bool(type(one).raw_data)))
        kind.members.append(one)
        kind.level = max(kind.level, levels.get(oid, 0))
    links: Counter[tuple[str, str]] = Counter()
    for oid in tree.objects:
        for slot, members in tree.below(oid):
            for other in members:
                if slot not in tree.key_slots(other.oid if tree.down else oid):
                    links[name_of_class(tree.objects[oid]), name_of_class(other)] += 1
    last = max(kind.level for kind in kinds.values()) + 1
    for kind in kinds.values():
        if not any(kind.name in pair for pair in links) and kind.level:
            kind.level = last
    place(kinds, links)
    lines = [(path(kinds[here], kinds[there]), here, there, count) for (here, there), count in links.items() if here != there]
    rows = Counter(kind.level for kind in kinds.values())
    return Drawing(sorted(kinds.values(), key=lambda kind: (kind.level, kind.x)), lines,
                   2 * EDGE + ACROSS * max(rows.values()) - (ACROSS - WIDTH), 2 * EDGE + DOWN * max(rows) + HEIGHT)


def longest(tree: Tree) -> dict[int, int]:
    """The longest way from the top to each object: objects never stand on themselves, so there is one."""
    order: list[int] = []
    state: dict[int, int] = {}
    stack = [tree.top.oid]
    while stack:
        oid = stack[-1]
        if state.get(oid, 0) == 0:
            state[oid] = 1
            stack += [one.oid for _, members in tree.below(oid) for one in members if state.get(one.oid, 0) == 0]
        else:
            stack.pop()
            if state[oid] == 1:
                state[oid] = 2
                order.append(oid)
    levels = {tree.top.oid: 0}
    for oid in reversed(order):
        for _, members in tree.below(oid):
            for one in members:
                levels[one.oid] = max(levels.get(one.oid, 0), levels.get(oid, 0) + 1)
    return levels


def place(kinds: dict[str, Kind], links: Counter[tuple[str, str]]) -> None:
    """Put kinds into rows; within one in the order of what uses them, so that few lines cross."""
    rows: dict[int, list[Kind]] = {}
    for kind in kinds.values():
        rows.setdefault(kind.level, []).append(kind)
    longest_row = max(map(len, rows.values()))

    def middle(kind: Kind) -> tuple[float, str]:
        users = [kinds[here].x for here, there in links if there == kind.name and kinds[here].level < kind.level]
        return (sum(users) / len(users) if users else 0.0, kind.name)
    for level in sorted(rows):
        row = sorted(rows[level], key=middle)
        left = EDGE + ACROSS * (longest_row - len(row)) / 2
        for number, kind in enumerate(row):
            kind.x, kind.y = left + ACROSS * number, EDGE + DOWN * level


def path(here: Kind, there: Kind) -> str:
    """A curve from the lower side of one box to the upper side of another; a detour where boxes lie between."""
    x0, y0, x1, y1 = here.x + WIDTH / 2, here.y + HEIGHT, there.x + WIDTH / 2, there.y
    if y1 < y0:
        y0, y1 = here.y, there.y + HEIGHT
    bend = max(abs(y1 - y0) / 2, 16)
    aside = 0.0 if there.level - here.level <= 1 or abs(x1 - x0) > WIDTH / 2 else WIDTH * 0.62
    return f"M{x0:.0f} {y0:.0f}C{x0 + aside:.0f} {y0 + bend:.0f} {x1 + aside:.0f} {y1 - bend:.0f} {x1:.0f} {y1:.0f}"
