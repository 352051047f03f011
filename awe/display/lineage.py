"""Lineage as a tree, read by two statements and one a class, however deep it goes."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from awe.display.objects import title
from awe.persist import lineage
from awe.persist.declare import number_of, slots

#: So many members of one slot are shown; of more, the number.
MEMBERS = 4


class Tree:
    """What an object was made from, or what was made from it."""

    def __init__(self, obj: Any, *, down: bool = False) -> None:
        closure = lineage.descendants(obj) if down else lineage.ancestors(obj)
        self.top, self.down = obj, down
        self.objects = {each.oid: each for each in [obj, *closure.objects()]}
        self.links: dict[int, list[lineage.Link]] = {}
        for link in closure.links:
            self.links.setdefault(link.input if down else link.target, []).append(link)

    def below(self, oid: int) -> list[tuple[str, list[Any]]]:
        """The objects one step away, by the name of the slot, in the order of the page."""
        groups: dict[str, list[tuple[int, Any]]] = {}
        for link in self.links.get(oid, ()):
            other = self.objects.get(link.target if self.down else link.input)
            if other is not None:
                groups.setdefault(self.slot_name(link), []).append((link.pos, other))
        order = [*slots(type(self.objects[oid])), *groups]
        return [(name, [other for _, other in sorted(groups[name], key=lambda pair: (pair[0], pair[1].oid))])
                for name in dict.fromkeys(order) if name in groups]

    def slot_name(self, link: lineage.Link) -> str:
        """What the user of an object calls it."""
        user = self.objects.get(link.target)
        names = {number_of(name): name for name in slots(type(user))} if user is not None else {}
        return names.get(link.slot, "input")

    def lines(self, depth: int | None = None) -> Iterator[str]:
        """The tree, a line an object; what was shown before is shown once."""
        yield title(self.top)
        yield from self._branch(self.top.oid, 1, depth, {self.top.oid})

    def _branch(self, oid: int, level: int, depth: int | None, seen: set[int]) -> Iterator[str]:
        if depth is not None and level > depth:
            return
        for name, members in self.below(oid):
            hidden = len(members) - MEMBERS if len(members) > MEMBERS + 1 and not any(self.links.get(one.oid) for one in members) else 0
            for one in members[:len(members) - hidden]:
                again = one.oid in seen and self.links.get(one.oid)
                yield f"{'  ' * level}{name}: {title(one)}{' (shown above)' if again else ''}"
                if not again:
                    seen.add(one.oid)
                    yield from self._branch(one.oid, level + 1, depth, seen)
            if hidden:
                yield f"{'  ' * level}{name}: and {hidden} more {type(members[-1]).__name__}"

    def as_dict(self, depth: int | None = None) -> dict[str, Any]:
        """Nodes and links as plain data."""
        reached = {self.top.oid: 0}
        links = []
        for oid in reached_in_order(self, reached, depth):
            for name, members in self.below(oid):
                links += [{"slot": name, "from": self.objects[oid].object_id, "to": one.object_id} for one in members]
        return {"object_id": self.top.object_id, "direction": "down" if self.down else "up",
                "objects": [{**lineage.card(self.objects[oid]), "depth": depth} for oid, depth in reached.items()], "links": links}


def reached_in_order(tree: Tree, reached: dict[int, int], depth: int | None) -> Iterator[int]:
    """Walk outwards, noting in `reached` how far each object is; those at `depth` are not gone through."""
    level = list(reached)
    steps = 0
    while level and (depth is None or steps < depth):
        steps += 1
        following = []
        for oid in level:
            for _, members in tree.below(oid):
                for one in members:
                    if one.oid not in reached:
                        reached[one.oid] = steps
                        following.append(one.oid)
            yield oid
        level = following


def lineage_tree(obj: Any, *, down: bool = False, depth: int | None = None) -> str:
    """The lineage of an object as text: up to the raw data, or `down` to what was made from it."""
    return "\n".join(Tree(obj, down=down).lines(depth))
