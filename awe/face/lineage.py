"""Lineage as a tree, read by two statements and one a class, however deep it goes."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from awe.face.description import title
from awe.persist import lineage
from awe.persist.declare import name_of_slot, number_of, slots

#: Members of a slot that go back to nothing are told on one line where they are more than so many.
MEMBERS = 3


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
        return names.get(link.slot) or name_of_slot(link.slot)

    def lines(self, depth: int | None = None, *, full: bool = False) -> Iterator[str]:
        """The tree, a line an object; what was shown before is shown once.

        Of a group with many members the first is shown down to the raw data, and the others likewise only where it is `full`.
        """
        yield title(self.top)
        yield from self._branch(self.top.oid, 1, depth, {self.top.oid}, full)

    def _branch(self, oid: int, level: int, depth: int | None, seen: set[int], full: bool) -> Iterator[str]:
        if depth is not None and level > depth:
            return
        space = "  " * level
        for name, members in self.below(oid):
            ends = [one for one in members if not self.links.get(one.oid) or (self.is_raw(one) and not self.down)]
            if len(ends) > MEMBERS:
                yield f"{space}{name}: {together(ends)}"
                seen.update(one.oid for one in ends)
                members = [one for one in members if one not in ends]
            shown = 0
            for one in members:
                if one.oid in seen and name in self.key_slots(oid):
                    continue
                again, shown = one.oid in seen and self.links.get(one.oid), shown + 1
                likewise = not again and shown > 1 and len(members) > MEMBERS and not full
                yield f"{space}{name}: {title(one)}{' (shown above)' if again else ' (likewise)' if likewise else ''}"
                if not again and not likewise:
                    seen.add(one.oid)
                    yield from self._branch(one.oid, level + 1, depth, seen, full)

    def is_raw(self, obj: Any) -> bool:
        """Whether it was read out, and is made from nothing but what it says it is of."""
        return bool(obj.raw_data)

    def key_slots(self, oid: int) -> set[str]:
        """The links that are part of the natural key, which the title tells already."""
        return {name for name, slot in slots(type(self.objects[oid])).items() if getattr(slot, "key", False)}

    def as_dict(self, depth: int | None = None) -> dict[str, Any]:
        """Nodes and links as plain data."""
        reached = {self.top.oid: 0}
        links = []
        for oid in reached_in_order(self, reached, depth):
            for name, members in self.below(oid):
                links += [{"slot": name, "from": self.objects[oid].object_id, "to": one.object_id} for one in members]
        return {"object_id": self.top.object_id, "direction": "down" if self.down else "up",
                "objects": [{**lineage.card(self.objects[oid]), "depth": depth} for oid, depth in reached.items()], "links": links}


def together(members: list[Any]) -> str:
    """Several objects of one slot on one line."""
    names = sorted({type(one).__name__ for one in members})
    first = ", ".join(one.object_id[:8] for one in members[:MEMBERS])
    return f"{len(members)} {' and '.join(names)} ({first}, ...)"


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


def lineage_tree(obj: Any, *, down: bool = False, depth: int | None = None, full: bool = False) -> str:
    """The lineage of an object as text: up to the raw data, or `down` to what was made from it."""
    return "\n".join(Tree(obj, down=down).lines(depth, full=full))
