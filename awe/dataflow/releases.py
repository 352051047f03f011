"""What differs between two releases, and why."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from awe.dataflow.difference import differences
from awe.dataflow.node import is_makeable
from awe.persist.release import Release
from awe.persist.selector import selector_of
from awe.persist.types import to_microseconds
from awe.persist.value import keys_of

#: How many pairs are followed down to where their differences begin.
FOLLOWED = 100

Place = tuple[bytes, int]


@dataclass
class Comparison:
    """Two releases beside one another; objects that are in both are not listed.

    Attributes
    ----------
    first, second
        the releases
    both
        how many objects are in both
    equal
        pairs of the same keys and time that are other objects of the same value
    different
        pairs of the same keys and time that have different values
    only_first, only_second
        objects for whose keys and time the other has nothing
    """

    first: Release
    second: Release
    both: int
    equal: list[tuple[Any, Any]]
    different: list[tuple[Any, Any]]
    only_first: list[Any]
    only_second: list[Any]

    def causes(self, most: int = FOLLOWED) -> list[str]:
        """Where the differences begin, in words; at most so many of the pairs are followed, products that nothing was made from first."""
        found: dict[str, None] = {}
        made = [pair for pair in self.different if is_makeable(type(pair[0]))]
        for difference in differences(list(reversed(made or self.different))[:most]):
            found.update(dict.fromkeys(difference.causes()))
        return list(found)

    def lines(self, most: int = 20) -> Iterator[str]:
        """A summary that can be read; of each kind at most so many are named."""
        a, b = self.first.name, self.second.name
        yield (f"{a} and {b}: {self.both} objects in both, {len(self.different)} of the same keys with different values, "
               f"{len(self.equal)} with equal values, {len(self.only_first)} only in {a}, {len(self.only_second)} only in {b}")
        for title, some in ((f"only in {a}", self.only_first), (f"only in {b}", self.only_second)):
            yield from (f"  {title}: {obj!r}" for obj in some[:most])
            if len(some) > most:
                yield f"  and {len(some) - most} more {title}"
        yield from (f"  different: {one!r} | {other!r}" for one, other in self.different[:most])
        if len(self.different) > most:
            yield f"  and {len(self.different) - most} more that differ"
        yield from (f"  because of {cause}" for cause in self.causes())

    def __str__(self) -> str:
        return "\n".join(self.lines())


def compare(first: Release, second: Release) -> Comparison:
    """Lay two releases side by side: by natural key and time; what is alone of its key on either side is a pair at any time."""
    ours, theirs = ({obj.oid: obj for obj in release.objects()} for release in (first, second))
    mine, yours = by_place(obj for oid, obj in ours.items() if oid not in theirs), \
        by_place(obj for oid, obj in theirs.items() if oid not in ours)
    pairs = [(mine.pop(place), yours.pop(place)) for place in sorted(mine.keys() & yours.keys())]
    pairs += lonely(mine, yours)
    equal = [pair for pair in pairs if pair[0].value == pair[1].value]
    return Comparison(first, second, len(ours.keys() & theirs.keys()), equal, [pair for pair in pairs if pair[0].value != pair[1].value],
                      list(mine.values()), list(yours.values()))


def by_place(objects: Iterator[Any]) -> dict[Place, Any]:
    """Objects by natural key and time, the latest of each."""
    found: dict[Place, Any] = {}
    for obj in sorted(objects, key=lambda obj: (obj.creation_date, obj.object_id)):
        found[selector_of(type(obj), keys_of(obj)), to_microseconds(obj.anchor)] = obj
    return found


def lonely(mine: dict[Place, Any], yours: dict[Place, Any]) -> list[tuple[Any, Any]]:
    """Take out pairs of which each is alone with its natural key."""
    places: list[dict[bytes, list[Place]]] = [defaultdict(list), defaultdict(list)]
    for known, some in zip(places, (mine, yours), strict=True):
        for place in some:
            known[place[0]].append(place)
    both = sorted(key for key, found in places[0].items() if len(found) == 1 and len(places[1].get(key, ())) == 1)
    return [(mine.pop(places[0][key][0]), yours.pop(places[1][key][0])) for key in both]
