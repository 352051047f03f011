"""The rule of selection and staleness in plain Python: no SQL, object by object, straight recursion.

It is told what there is (`World`) and who asks, and says for a question which node answers it, in which state, why, and what it
stands on.  Nothing of the planner is used but the declarations of the classes and the digest of a derivation.
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from awe.dataflow.recipe import derivation_of
from awe.persist.declare import Dependency, DependencyList, natural_key, number_of, parameters, slots
from awe.persist.selector import class_name, selector_of
from awe.persist.types import FOREVER
from tests.dataflow.world import Edge, Obj, World

HOUR = 3_600_000_000
DAY = 24 * HOUR
SEARCH = 30 * DAY
WORK = {"to be made", "out of date", "undecided"}
BLOCKED = {"held", "missing raw data", "not visible"}


@dataclass(eq=False)
class Asked:
    """A question, and the node that answers it."""

    cls: type
    keys: dict[str, Any]
    at: int
    node: Node
    own: Any = None


@dataclass(eq=False)
class Node:
    """An object, or what would have to be made."""

    cls: type
    keys: dict[str, Any]
    obj: Obj | None = None
    anchor: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    below: dict[str, Any] = field(default_factory=dict)
    asked_at: list[int] = field(default_factory=list)
    inputs: dict[str, list[Asked]] = field(default_factory=dict)
    recorded: dict[str, dict[Any, Edge]] = field(default_factory=dict)
    more: dict[str, list[Asked]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    state: str = ""
    planned_anew: bool = False
    regrouped: set[str] = field(default_factory=set)
    needed: dict[str, int] = field(default_factory=dict)
    fresh: bool = False
    current: Obj | None = None

    @property
    def blocked(self) -> bool:
        return self.obj is None and self.state in BLOCKED

    @property
    def signature(self) -> Any:
        return ("object", self.obj.oid) if self.obj else ("new", self.cls.__name__, tuple(self.keys.items()), self.anchor)

    def __repr__(self) -> str:
        return f"<{self.signature} {self.state} {self.reasons}>"


class Refused(Exception):
    """It cannot be made: the kind of reason."""


class Oracle:
    """Answers questions about one world for one pair of eyes."""

    def __init__(self, world: World, sees: Callable[[Obj], bool], project: int, *, call: dict[str, dict[str, Any]] | None = None,
                 retry: bool = False, grow: bool = False) -> None:
        self.world, self.sees, self.project = world, sees, project
        self.call, self.retry, self.grow = call or {}, retry, grow
        self.by_question: dict[Any, Node] = {}
        self.existing: dict[int, Node] = {}
        self.planned: dict[Any, Node] = {}
        self.visible = [obj for obj in world.objects.values() if sees(obj)]
        self.finished: set[int] = set()

    # ------------------------------------------------------------------ parameters

    def wanted(self, cls: type, keys: dict[str, Any], at: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is wanted of `cls`: its own parameters, and what the call says of what it stands on."""
        values = {name: p.default for name, p in parameters(cls).items()}
        scope = tuple(keys.get(name) or "" if name in natural_key(cls) else "" for name in ("instrument", "chip", "filter"))
        places: dict[Any, dict[str, Any]] = {}
        newest: dict[Any, int] = {}
        for row in sorted(self.world.sets, key=lambda row: row.id):
            named = (row.instrument, row.chip, row.filter)
            if row.class_id == number_of(class_name(cls)) and row.project_id in (0, self.project) and row.t_start <= at < row.t_end \
                    and all(not name or name == ours for name, ours in zip(named, scope, strict=True)):
                place = (row.level, sum(map(bool, named)), row.project_id, *named)
                newest[place] = row.id
                for name, value in json.loads(row.values).items():
                    places.setdefault(place, {})[name] = value
        for place in sorted(places, key=lambda place: (place[0], place[1], newest[place])):
            stated = {name: value for name, value in places[place].items() if name in values and value is not None}
            values.update({name: type(values[name])(value) for name, value in stated.items()})
        values.update({name: type(values[name])(value) for name, value in self.call.get(cls.__name__, {}).items()})
        below = {}
        for other in stood_on(cls) - {cls}:
            for name, value in self.call.get(other.__name__, {}).items():
                default = parameters(other)[name].default
                if type(default)(value) != default or any(row.class_id == number_of(class_name(other)) for row in self.world.sets):
                    below[f"{other.__name__}.{name}"] = type(default)(value)
        return values, below

    def serves(self, obj: Obj, at: int) -> bool:
        """Whether an object has the parameters wanted of it at a time."""
        values, below = self.wanted(obj.cls, obj.keys, at)
        if not values:
            return obj.params == below
        if not obj.params:
            return True
        missing = {name: p.was for name, p in parameters(obj.cls).items() if name not in obj.params and p.was is not None}
        return {**missing, **obj.params} == {**values, **below}

    # ------------------------------------------------------------------ the rule

    def fits(self, obj: Obj, cls: type, keys: dict[str, Any]) -> bool:
        return issubclass(obj.cls, cls) and all(obj.get(name) == value for name, value in keys.items())

    def winner(self, cls: type, keys: dict[str, Any], at: int) -> Obj | None:
        """The latest of what fits, is valid then, eligible, visible, and has the parameters wanted."""
        found = [obj for obj in self.visible if self.fits(obj, cls, keys) and obj.start <= at < obj.end and obj.eligible
                 and self.serves(obj, at)]
        return max(found, key=lambda obj: obj.order, default=None)

    def group(self, slot: DependencyList[Any], keys: dict[str, Any], start: int, end: int) -> list[Obj]:
        """Who belongs to a group: each is what the rule picks for its own key at its own time."""
        return [obj for obj in self.visible if self.fits(obj, slot.member, keys) and start <= obj.anchor < end and obj.eligible
                and self.winner(obj.cls, obj.keys, obj.anchor) is obj]

    def answer(self, cls: type, keys: dict[str, Any], at: int, *, fresh: bool = False) -> Node:
        """What answers the question which `cls` with these keys is used at a time."""
        question = (cls, tuple(sorted(keys.items())), at, fresh)
        if question not in self.by_question:
            won = self.winner(cls, keys, at)
            if won is not None and not (fresh and makeable(cls)):
                node = self.existing.setdefault(won.oid, Node(won.cls, won.keys, won, won.anchor))
                self.by_question[question] = node
                node.values, node.below = self.wanted(won.cls, won.keys, at)
                self.look_below(node)
            else:
                self.by_question[question] = self.plan(cls, keys, at, fresh, won)
        node = self.by_question[question]
        node.asked_at.append(at)
        return node

    # ------------------------------------------------------------------ what is not there

    def plan(self, cls: type, keys: dict[str, Any], at: int, fresh: bool, current: Obj | None) -> Node:
        node = Node(cls, keys, None, at, fresh=fresh, current=current)
        node.values, node.below = self.wanted(cls, keys, at)
        if not makeable(cls):
            return refuse(node, "NO_RAW")
        return self.expand(node, at)

    def expand(self, node: Node, at: int) -> Node:
        """Find out what a node would be made from, for a time or for what leads it then."""
        leads = [name for name, slot in slots(node.cls).items() if not getattr(slot, "key", False)]
        try:
            for name in leads:
                slot = slots(node.cls)[name]
                asks = node.inputs[name] = self.ask_slot(node, name, at)
                usable = [ask.node for ask in asks if ask.node.obj is not None or ask.node.state != "missing raw data"]
                if not usable and slot.optional:
                    continue
                anchor = self.lead(node, name, asks, usable, at)
                break
            else:
                raise Refused("NO_RAW") if leads else StopIteration
        except Refused as why:
            return refuse(node, str(why), keep=True)
        except StopIteration:
            anchor, usable, name = at, [], ""
        node.anchor = anchor
        for skipped in leads[:leads.index(name)] if name else ():
            del node.inputs[skipped]
        if node.obj is None:
            identity = (node.cls, tuple(node.keys.items()), name, tuple(sorted(id(child) for child in usable)), anchor,
                        tuple(sorted({**node.values, **node.below}.items())))
            there = self.planned.setdefault(identity, node)
            there.fresh = there.fresh and node.fresh
            if there is not node:
                return there
        try:
            for other in slots(node.cls):
                if other not in node.inputs:
                    node.inputs[other] = self.ask_slot(node, other, anchor)
        except Refused as why:
            return refuse(node, str(why), keep=True)
        return node

    def lead(self, node: Node, name: str, asks: list[Asked], usable: list[Node], at: int) -> int:
        """The time of what leads, if the rule picks the same at that time; else the time asked for."""
        slot = slots(node.cls)[name]
        timed = isinstance(slot, DependencyList) and (slot.one_per is None or slot.one_per.raw_data or makeable(slot.one_per))
        times = [ask.at for ask in asks] if timed else [child.obj.anchor if child.obj else child.anchor for child in usable]
        anchor = (min(times) + max(times)) // 2 if times else at
        if timed or anchor == at:
            return anchor
        again = [Asked(ask.cls, ask.keys, anchor, self.answer(ask.cls, ask.keys, anchor), ask.own) for ask in asks]
        if all(new.node is old.node for new, old in zip(again, asks, strict=True)):
            node.inputs[name] = again
            return anchor
        return at

    def ask_slot(self, node: Node, name: str, at: int) -> list[Asked]:
        """The questions of one dependency at a time."""
        slot = slots(node.cls)[name]
        keys = {theirs: self.value(node, ours) for theirs, ours in slot.same}
        if None in keys.values():
            if slot.optional:
                return []
            raise Refused("NO_RAW")
        if isinstance(slot, Dependency):
            return [Asked(slot.type, keys, at, self.answer(slot.type, keys, at))]
        node.needed[name] = slot.at_least
        start, end = FOREVER if slot.within is None else (at - SEARCH - DAY, at + SEARCH + DAY)
        chosen = self.choose(slot, self.group(slot, keys, start, end), at)
        if chosen is None:
            if slot.optional:
                return []
            raise Refused("TOO_FEW")
        return [self.ask_member(node, slot, member, at) for member in chosen]

    def choose(self, slot: DependencyList[Any], found: list[Obj], at: int) -> list[Obj] | None:
        """The members of the nearest group that is large enough."""
        if slot.within is None:
            windows = {(min(obj.anchor for obj in found), max(obj.anchor for obj in found) + 1)} if found else set()
        elif slot.within == "night":
            windows = {night(obj.anchor) for obj in found}
        else:
            middle = at if slot.within < 1 else sum(night(at)) // 2
            half = round(slot.within * DAY)
            windows = {(middle - half, middle + half + 1)}
        best = None
        for window in windows:
            inside = latest(slot, [obj for obj in found if window[0] <= obj.anchor < window[1]])
            if len(inside) >= slot.at_least:
                mid = (min(obj.anchor for obj in inside) + max(obj.anchor for obj in inside)) // 2
                best = min(best or (1 << 62, 0, window), (abs(mid - at), mid, window))
        if best is None:
            return None
        inside = latest(slot, [obj for obj in found if best[2][0] <= obj.anchor < best[2][1]])
        return near(slot, inside, sum(best[2]) // 2)

    def ask_member(self, node: Node, slot: DependencyList[Any], member: Obj, at: int) -> Asked:
        if slot.one_per is None:
            keys = member.keys
        else:
            keys = {name: member.attributes[name] for name in natural_key(slot.type) if name in member.attributes}
            keys = {name: value.attributes["name"] if isinstance(value, Obj) else value for name, value in keys.items()}
            if slot.one_per.__name__.lower() in natural_key(slot.type) and "name" in member.attributes:
                keys[slot.one_per.__name__.lower()] = member.attributes["name"]
            keys.update({theirs: self.value(node, ours) for theirs, ours in slot.also})
        defined = slot.one_per is not None and not slot.member.raw_data and not makeable(slot.member)
        when = at if defined else member.anchor
        return Asked(slot.type, keys, when, self.answer(slot.type, keys, when), own_of(member))

    def value(self, node: Node, path: str) -> Any:
        first, _, rest = path.partition(".")
        if not rest and first in node.keys:
            return node.keys[first]
        if not rest and first in node.values:
            return node.values[first]
        asks = node.inputs.get(first)
        if not asks:
            return None
        child = asks[0].node
        if not rest:
            return asks[0].keys.get("name")
        if rest in asks[0].keys:
            return asks[0].keys[rest]
        return child.obj.get(rest) if child.obj is not None else None if child.state in BLOCKED else self.value(child, rest)

    # ------------------------------------------------------------------ what is there

    def look_below(self, node: Node) -> None:
        """What the rule picks now for all that an object was made from; planned anew where that is needed."""
        obj = node.obj
        assert obj is not None
        if not makeable(node.cls) or id(node) in self.finished:
            return
        self.finished.add(id(node))
        if obj.version not in (0, node.cls.version):
            self.plan_anew(node, ["VERSION"])
            return
        reasons: list[str] = []
        elsewhere = False
        for name, slot in slots(node.cls).items():
            edges = obj.edges.get(name, [])
            if isinstance(slot, DependencyList):
                changed = self.look_at_group(node, name, slot, edges, reasons)
                elsewhere = elsewhere or changed
            else:
                elsewhere = self.look_at_one(node, name, slot, edges, reasons) or elsewhere
        if elsewhere:
            self.plan_anew(node, reasons)

    def look_at_one(self, node: Node, name: str, slot: Dependency[Any], edges: list[Edge], reasons: list[str]) -> bool:
        """Ask again for a single input; say whether its change changes what else is asked for."""
        obj = node.obj
        if not edges:
            if name in obj.wants:
                keys = {theirs: obj.get(ours) for theirs, ours in slot.same}
                assert selector_of(slot.type, keys) == obj.wants[name][0]
                node.inputs[name] = [Asked(slot.type, keys, obj.wants[name][1], self.answer(slot.type, keys, obj.wants[name][1]))]
            return False
        edge = edges[0]
        keys = {theirs: edge.input.get(theirs) for theirs, _ in slot.same}
        assert selector_of(slot.type, keys) == edge.sel
        ask = Asked(slot.type, keys, edge.at, self.answer(slot.type, keys, edge.at))
        node.inputs[name], node.recorded[name] = [ask], {ask: edge}
        now = ask.node.obj
        if now is None or now.value == edge.value:
            return False
        reasons.append("REPLACED")
        return name in sources(node.cls) or (now.anchor != node.anchor and name == lead_of(obj))

    def look_at_group(self, node: Node, name: str, slot: DependencyList[Any], edges: list[Edge], reasons: list[str]) -> bool:
        """Compare the members of a group then and now; say whether they differ in a way that counts at once."""
        obj = node.obj
        node.needed[name] = slot.at_least
        recorded = {}
        for edge in sorted(edges, key=lambda edge: edge.at):
            recorded[place(recorded, edge.per or edge.sel, slot)] = edge
        node.inputs[name] = []
        gone, new = [], []
        now: dict[Any, Obj] | None = None
        if name in obj.wants:
            _, start, end, _ = obj.wants[name]
            keys = {theirs: obj.get(ours) for theirs, ours in slot.same}
            found = self.group(slot, keys, start, end)
            if not (not edges and slot.optional):
                found = latest(slot, found)
            if not edges and slot.optional:
                found = self.choose(slot, found, obj.anchor) or []
                if found:
                    node.regrouped.add(name)
            elif slot.is_open and slot.at_most is not None:
                rest = near(slot, [one for one in found if own_of(one) not in recorded], middle_of(found, start, end))
                kept = [one for one in found if own_of(one) in recorded]
                found = kept + rest[:max(0, slot.at_most - len(kept))]
            else:
                found = near(slot, found, middle_of(found, start, end))
            now = {}
            for one in sorted(found, key=lambda one: one.anchor if direct(slot) else one.order):
                now[place(now, own_of(one), slot)] = one
            gone = [own for own in recorded if own not in now]
            new = [own for own in now if own not in recorded]
        changed = False
        for own, edge in recorded.items():
            if own in gone:
                reasons.append("REMOVED")
                changed = True
                continue
            keys = {theirs: edge.input.get(theirs) for theirs in natural_key(slot.type)}
            assert selector_of(slot.type, keys) == edge.sel
            ask = Asked(slot.type, keys, edge.at, self.answer(slot.type, keys, edge.at), own)
            node.inputs[name].append(ask)
            node.recorded.setdefault(name, {})[ask] = edge
            if ask.node.obj is not None and ask.node.obj.value != edge.value:
                reasons.append("REPLACED")
                changed = changed or name in sources(node.cls)
        for own in new:
            keep = Node(node.cls, node.keys, obj, obj.anchor)
            keep.inputs = node.inputs
            node.more.setdefault(name, []).append(self.ask_member(keep, slot, now[own], obj.anchor))
            if not (slot.is_open or slot.optional):
                reasons.append("ADDED")
                changed = True
        return changed

    def plan_anew(self, node: Node, reasons: list[str]) -> None:
        more = [] if reasons == ["VERSION"] else [
            "ADDED" for name, asks in node.more.items() if slots(node.cls)[name].is_open or slots(node.cls)[name].optional for _ in asks]
        node.reasons, node.planned_anew = reasons + more, True
        node.inputs, node.more, node.recorded = {}, {}, {}
        self.expand(node, node.anchor)

    # ------------------------------------------------------------------ states

    def judge(self, node: Node) -> Node:
        """Give a node its state and the kinds of its reasons, and all it stands on too."""
        if not node.state:
            node.state = "?"
            for asks in (*node.inputs.values(), *node.more.values()):
                for ask in asks:
                    assert self.judge(ask.node).state != "?", "a circle"
            if node.obj is None or node.planned_anew:
                self.judge_planned(node)
            else:
                self.judge_existing(node)
            if node.state not in WORK:
                node.more = {}
            if node.state in ("to be made", "out of date"):
                self.look_for_earlier(node)
        else:
            for asks in node.inputs.values():
                for ask in asks:
                    if not ask.node.state:
                        self.judge(ask.node)
        return node

    def judge_planned(self, node: Node) -> None:
        blocked, states = 0, set()
        waits: list[Node] = []
        for name, asks in node.inputs.items():
            slot = slots(node.cls)[name]
            bad = [ask.node for ask in asks if ask.node.blocked]
            lenient = slot.optional or getattr(slot, "is_open", False)
            if bad and not slot.optional and (not lenient or len(asks) - len(bad) < node.needed[name]):
                blocked += len(bad)
                states |= {child.state for child in bad}
            waits += [ask.node for ask in asks if ask.node.state in WORK]
        if not node.reasons:
            node.reasons = self.explain(node)
        if blocked:
            node.state = "held" if states == {"held"} else "missing raw data"
            node.reasons = ["INPUT_BLOCKED"] * blocked + (node.reasons if node.obj else [])
        else:
            node.state = "out of date" if node.obj or self.before(node) else "to be made"
            node.reasons = node.reasons + told(waits)

    def before(self, node: Node) -> Obj | None:
        at = min(node.asked_at)
        return max((obj for obj in self.visible if self.fits(obj, node.cls, node.keys) and obj.start <= at < obj.end),
                   key=lambda obj: obj.order, default=None)

    def explain(self, node: Node) -> list[str]:
        before = self.before(node)
        if node.fresh:
            return ["FRESH"]
        if before is None:
            return ["NOTHING_THERE"]
        wanted = {**node.values, **node.below}
        changed = [name for name, value in wanted.items() if before.params.get(name, value) != value]
        return ["PARAMETER"] * len(changed) or ["INVALIDATED"]

    def judge_existing(self, node: Node) -> None:
        reasons, waits, blocked, grown, states = [], [], 0, 0, set()
        for name, asks in node.inputs.items():
            slot = slots(node.cls)[name]
            bad = [ask for ask in asks if ask.node.blocked]
            for ask in asks:
                edge, child = node.recorded.get(name, {}).get(ask), ask.node
                if edge is None:
                    reasons += ["NOW_AVAILABLE"] if child.obj is not None else []
                elif child.blocked:
                    lenient = slot.optional or getattr(slot, "is_open", False)
                    usable = len(asks) + sum(not one.node.blocked for one in node.more.get(name, []))
                    short = isinstance(slot, DependencyList) and not slot.optional and usable - len(bad) < node.needed[name]
                    if not lenient or short:
                        blocked += 1
                        states.add(child.state)
                    else:
                        reasons.append("REMOVED" if isinstance(slot, DependencyList) else "INVALIDATED")
                elif child.obj is not None and child.obj.value != edge.value:
                    reasons.append("REPLACED")
                waits += [child] if child.state in WORK else []
        for name, asks in node.more.items():
            slot = slots(node.cls)[name]
            usable = [ask for ask in asks if not ask.node.blocked]
            if name in node.regrouped:
                usable = usable if len(usable) >= slot.at_least else []
            elif slot.is_open and not self.grow:
                grown += len(usable)
                continue
            reasons += ["ADDED"] * len(usable)
            waits += [ask.node for ask in usable if ask.node.state in WORK]
        if blocked:
            node.state = "held" if states == {"held"} else "missing raw data"
            node.reasons = ["INPUT_BLOCKED"] * blocked + reasons
        elif reasons:
            node.state, node.reasons = "out of date", reasons + told(waits)
        elif waits:
            node.state, node.reasons = "undecided", told(waits)
        elif grown:
            node.state, node.reasons = "may grow", ["CAN_GROW"]
        else:
            node.state = "up to date"

    def look_for_earlier(self, node: Node) -> None:
        """Whether the very same was made before, and what came of it."""
        asks = [ask for several in (*node.inputs.values(), *node.more.values()) for ask in several]
        if any(ask.node.state in WORK for ask in asks):
            return
        listed = []
        for name, slot in slots(node.cls).items():
            several = [*node.inputs.get(name, []), *node.more.get(name, [])]
            found = [(name, selector_of(ask.cls, ask.keys), ask.node.obj.value) for ask in several if ask.node.obj is not None]
            if isinstance(slot, DependencyList):
                found = [] if slot.optional and len(found) < slot.at_least else sorted(found)
            listed += found
        digest = derivation_of(node.cls, node.values, listed, selector_of(node.cls, node.keys))
        same = sorted((obj for obj in self.visible if obj.derivation == digest), key=lambda obj: obj.order, reverse=True)
        good = [obj for obj in same if obj.eligible]
        if good:
            if node.fresh and node.current in good:
                node.obj, node.state, node.reasons = node.current, "up to date", []
                return
            node.reasons = [*node.reasons, "SHARES"]
        elif (same or digest in self.world.failures) and not self.retry:
            kind = "FAILED" if not same else "FLAGGED" if same[0].is_valid > 0 else "INVALID"
            node.state, node.reasons = "held", [kind, *node.reasons]


def told(waits: list[Node]) -> list[str]:
    """One reason for each that is waited for; but one for all of a class of which there are more than three."""
    counts = Counter(child.cls for child in waits)
    return ["INPUT_TO_MAKE"] * sum(1 if len(waits) > 3 and count > 3 else count for count in counts.values())


def refuse(node: Node, why: str, *, keep: bool = False) -> Node:
    node.state, node.reasons = "missing raw data", [why, *(node.reasons if keep else [])]
    return node


def makeable(cls: type) -> bool:
    return getattr(cls, "can_be_made", False)


def night(at: int) -> tuple[int, int]:
    start = (at - DAY // 2) // DAY * DAY + DAY // 2
    return start, start + DAY


def near(slot: DependencyList[Any], found: list[Obj], middle: int) -> list[Obj]:
    """Not more members than there may be: those nearest to the middle; in order of time."""
    if slot.at_most is not None:
        found = sorted(found, key=lambda obj: (abs(obj.anchor - middle), own_of(obj)))[:slot.at_most]
    return sorted(found, key=lambda obj: (obj.anchor, own_of(obj)))


def middle_of(found: list[Obj], start: int, end: int) -> int:
    if (start, end) != FOREVER:
        return (start + end) // 2
    return (min(obj.anchor for obj in found) + max(obj.anchor for obj in found) + 1) // 2 if found else 0


def own_of(obj: Obj) -> bytes:
    return selector_of(obj.cls, obj.keys)


def direct(slot: DependencyList[Any]) -> bool:
    """Whether several members may have one key, at different times."""
    return slot.one_per is None and makeable(slot.type)


def latest(slot: DependencyList[Any], found: list[Obj]) -> list[Obj]:
    """Of several members with one key the latest, unless they stand for different times."""
    return found if direct(slot) else list({own_of(obj): obj for obj in sorted(found, key=lambda obj: obj.order)}.values())


def place(taken: dict[Any, Any], own: bytes, slot: DependencyList[Any]) -> Any:
    """What a member is known by: its key; where several have the same, its place among them too."""
    return (own, sum(other[0] == own for other in taken)) if direct(slot) else own


def sources(cls: type) -> set[str]:
    """The dependencies by whose attributes others ask."""
    found = set()
    for name, slot in slots(cls).items():
        for _, ours in (*slot.same, *getattr(slot, "also", ())):
            first = ours.split(".")[0]
            if ("." in ours or ours not in natural_key(cls)) and first in slots(cls) and first != name:
                found.add(first)
    return found


def lead_of(obj: Obj) -> str | None:
    """The single dependency that led an object."""
    for name, slot in slots(obj.cls).items():
        if not getattr(slot, "key", False) and (not slot.optional or obj.edges.get(name)):
            return name if isinstance(slot, Dependency) else None
    return None


def stood_on(cls: type) -> set[type]:
    found: set[type] = set()
    below = [cls]
    for each in below:
        new = {slot.type for slot in slots(each).values()} - found
        found |= new
        below += new
    return found
