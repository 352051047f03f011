"""The graph a plan is made of: questions (`Ask`) and what answers them (`Node`)."""
from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from awe.dataflow.select import EdgeNow, Winner
from awe.dataflow.state import Reason, State
from awe.persist.declare import Dependency, DependencyList, natural_key, number_of, slots

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph
    from awe.dataflow.sweep import Other


class Ask:
    """One question to the selection rule: which object of a class, with these keys, at this time.

    `keys` is None while only the digest of the question is known; then `origin` and `slot` say who asks.
    """

    __slots__ = ("at", "cls", "keys", "node", "origin", "sel", "slot")

    def __init__(self, cls: type, sel: bytes, at: int, keys: dict[str, Any] | None = None, origin: Node | None = None,
                 slot: str = "") -> None:
        self.cls, self.sel, self.at, self.keys = cls, sel, at, keys
        self.origin, self.slot = origin, slot
        self.node: Node | None = None

    def __repr__(self) -> str:
        keys = "" if self.keys is None else ", ".join(f"{name}={value!r}" for name, value in self.keys.items())
        return f"{self.cls.__name__}({keys})"


class Mark(NamedTuple):
    """A recorded input that was asked for again; `edge` is None where nothing had been found."""

    slot: str
    edge: EdgeNow | None
    ask: Ask


class Candidate(NamedTuple):
    """A member of a group that was not used: which object it is, or is made from, and the question for it."""

    slot: str
    own: bytes
    ask: Ask


#: Why a node is in its state; what replaced a recorded input says it itself.
Why: TypeAlias = "Reason | Other"
#: Stands for what most nodes have none of; never written to.
NOTHING: Any = MappingProxyType({})
#: Stands for an object of which no more is known than its class and anchor: it is read when somebody wants to see it.
UNREAD: Any = ()
NOT_CHECKED = State.NOT_CHECKED


class Node:
    """One target in a plan: an object that the rule picked, or one that would have to be made.

    Of an object that exists only what needs a look is known at first (`others`, `marks`, `stands_on`, `gone`, `more`); everything
    else below it is as recorded, and is read when `inputs` are asked for.  There are very many of them: what each has is in slots, the
    rest stands in the class until it is set.

    Attributes
    ----------
    others
        recorded inputs in whose place something else is picked that cannot itself be out of date
    has_new_input
        whether one of these has another value, and nothing was ever made from it
    marks
        recorded inputs that were asked for again
    stands_on
        what recorded inputs are that are still picked, and themselves need a look
    gone
        recorded members of groups that no longer belong to them
    more
        members of groups that were not used
    inputs
        the questions of each dependency
    edges
        the recorded inputs of each dependency
    wants, regrouped
        the group that each set of dependencies asked for; the groups that can now be had where there had been none
    asked_from, asked_until
        the earliest and the latest time it is wanted for
    """

    __slots__ = ("__dict__", "__weakref__", "_winner", "anchor", "cls", "graph", "has_new_input", "keys", "level", "oid", "others",
                 "reasons", "sel", "state")

    marks: list[Mark] | tuple[()] = ()
    stands_on: list[Node] | tuple[()] = ()
    gone: list[tuple[str, EdgeNow]] | tuple[()] = ()
    more: list[Candidate] | tuple[()] = ()
    wants: dict[str, tuple[bytes, int, int]] = NOTHING
    regrouped: dict[str, tuple[bytes, int, int]] = NOTHING
    needed: dict[str, int] = NOTHING
    parameters: dict[str, Any] = NOTHING
    below: dict[str, Any] = NOTHING
    pers: dict[tuple[str, Ask], bytes] = NOTHING
    _inputs: dict[str, Ask | list[Ask]] | None = None
    _edges: dict[str, list[EdgeNow]] | None = None
    partial = False
    restarted = False
    fresh = False
    asked_from: int | None = None
    asked_until: int | None = None
    led_by: str | None = None
    predecessor: int | None = None
    current: Winner | None = None
    derivation: bytes | None = None
    identity: object = None
    obj: Any = None
    result: Any = None

    def __init__(self, cls: type, sel: bytes, winner: Winner | None = None, keys: dict[str, Any] | None = None) -> None:
        self.cls, self.sel, self._winner, self.keys = cls, sel, winner, keys
        self.anchor: int = winner.anchor if winner else 0
        self.level, self.state, self.has_new_input = 0, NOT_CHECKED, False
        self.reasons: list[Why] = []
        self.others: list[Other] | tuple[()] = ()
        self.graph: Graph | None = None

    @classmethod
    def planned(cls, ask: Ask) -> Node:
        """The node of something that has no object yet."""
        node = cls(ask.cls, ask.sel, None, ask.keys)
        node.begin_anew()
        return node

    def begin_anew(self) -> None:
        """Forget what it was made from: it is going to be planned as if nothing were there."""
        self._inputs, self.wants, self.pers = {}, {}, {}
        self.needed = {}
        self.pending = list(Slots.of(self.cls).by_name)
        self.tries = list(Slots.of(self.cls).leads)
        self.partial = False

    # ------------------------------------------------------------------ what it stands on

    @property
    def inputs(self) -> dict[str, Ask | list[Ask]]:
        """The questions of each dependency, all of them."""
        if self.partial and self.graph is not None:
            self.graph.complete([self])
        if self._inputs is None:
            self._inputs = {}
        return self._inputs

    @property
    def edges(self) -> dict[str, list[EdgeNow]]:
        """The recorded inputs of each dependency, all of them."""
        if self.partial and self.graph is not None:
            self.graph.complete([self])
        return self._edges if self._edges is not None else {}

    def asks(self) -> Iterator[Ask]:
        """All questions this node depends on, slot by slot."""
        for asked in self.inputs.values():
            if isinstance(asked, list):
                yield from asked
            else:
                yield asked

    def children(self) -> Iterator[Node]:
        """The nodes this one depends on."""
        for ask in self.asks():
            if ask.node is not None:
                yield ask.node

    def known(self) -> Iterator[Node]:
        """The nodes this one depends on, as far as they need a look."""
        if not self.partial:
            yield from self.children()
        else:
            yield from self.stands_on
            for mark in self.marks:
                if mark.ask.node is not None:
                    yield mark.ask.node
        for candidate in self.more:
            if candidate.ask.node is not None:
                yield candidate.ask.node

    @property
    def is_bottom(self) -> bool:
        """Whether it exists and stands on nothing that itself needs a look."""
        return self.partial and not (self.stands_on or self.marks or self.more)

    @property
    def has_changed_inputs(self) -> bool:
        """Whether something else is picked, or asked for, in the place of a recorded input."""
        return bool(self.others or self.marks)

    def own(self, name: str, ask: Ask) -> bytes:
        """What a member of a set slot is known by: the natural key of the object it is made from, else its own."""
        return self.pers.get((name, ask)) or own_of(Slots.of(self.cls).by_name[name], ask.sel, ask.at)

    def recorded_own(self, name: str, edge: EdgeNow) -> bytes:
        """What a recorded member of a set slot is known by."""
        return edge.per or own_of(Slots.of(self.cls).by_name[name], edge.sel, edge.at)

    def want_at(self, at: int) -> None:
        """Note that it is wanted for this time too."""
        self.asked_from = at if self.asked_from is None else min(at, self.asked_from)
        self.asked_until = at if self.asked_until is None else max(at, self.asked_until)

    # ------------------------------------------------------------------ what it is

    @property
    def winner(self) -> Winner | None:
        """The object that the rule picked; None where there is none."""
        return self._winner

    @winner.setter
    def winner(self, winner: Winner | None) -> None:
        self._winner = winner

    @property
    def exists(self) -> bool:
        """Whether there is an object that consumers can use as things are."""
        return self._winner is not None

    @property
    def is_blocked(self) -> bool:
        """Whether consumers can neither use it nor have it made."""
        return self._winner is None and self.state.is_blocked

    @property
    def name(self) -> str:
        """How a person would call it: its class and keys, or the start of its identity."""
        if self.keys:
            return f"{self.cls.__name__} {' '.join(str(value) for value in self.keys.values())}"
        return f"{self.cls.__name__} {self.winner.object_id[:8] if self.winner else '?'}"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{self.name}: {self.state.value}>"


class Swept(Node):
    """An object below which, or about which, something is not as it was recorded; it is read when somebody wants to see it."""

    __slots__ = ()

    partial = True

    def __init__(self, cls: type, anchor: int, graph: Graph, oid: int, winner: Winner = UNREAD) -> None:
        self.cls, self.anchor, self.graph, self.oid, self._winner = cls, anchor, graph, oid, winner
        self.sel, self.keys, self.reasons, self.others = b"", None, [], ()
        self.level, self.state, self.has_new_input = 0, NOT_CHECKED, False

    @property
    def winner(self) -> Winner | None:
        """The object that the rule picked."""
        if self._winner is UNREAD and self.graph is not None:
            self.graph.identify([self])
        return self._winner

    @winner.setter
    def winner(self, winner: Winner | None) -> None:
        self._winner = winner

    @property
    def is_unread(self) -> bool:
        """Whether it stands for an object that has not been read."""
        return self._winner is UNREAD


def own_of(slot: Dependency[Any] | DependencyList[Any], sel: bytes, at: int) -> bytes:
    """What a member is known by: its natural key; with its time where several of one key may stand side by side."""
    return sel + at.to_bytes(8, "big", signed=True) if is_makeable(slot.type) else sel


def is_makeable(cls: type) -> bool:
    """Whether a class says how it is made; raw data and definitions do not."""
    return bool(getattr(cls, "can_be_made", False))


class Slots:
    """The dependencies of a class, by name and by the number that stands for them in the database.

    Attributes
    ----------
    leads
        the names of those that are no keys, in the order of the page: the first that can be had decides for which time an object is
    sources
        those whose attributes say what others ask for
    """

    _of: dict[type, Slots] = {}

    def __init__(self, cls: type) -> None:
        self.by_name = slots(cls)
        self.name_of = {number_of(name): name for name in self.by_name}
        self.leads = [name for name, slot in self.by_name.items() if not getattr(slot, "key", False)]
        self.optional = {name for name, slot in self.by_name.items() if slot.optional}
        self.lists = {name for name, slot in self.by_name.items() if isinstance(slot, DependencyList)}
        self.lenient = {name for name, slot in self.by_name.items() if slot.optional or getattr(slot, "is_open", False)}
        self.has_choice = bool(self.optional.intersection(self.leads[:1]))
        self.source_of = {number_of(name): number_of(source_slot(slot) or "") for name, slot in self.by_name.items()
                          if isinstance(slot, DependencyList)}
        self.sources = frozenset(source for name, slot in self.by_name.items() for source in asks_through(cls, name, slot))

    @classmethod
    def of(cls, target: type) -> Slots:
        """The slots of `target`, looked up once."""
        if target not in cls._of:
            cls._of[target] = cls(target)
        return cls._of[target]


def asks_through(cls: type, name: str, slot: Dependency[Any] | DependencyList[Any]) -> set[str]:
    """The dependencies whose attributes `slot` asks by; a link that is a key is known by its name."""
    pairs = [*slot.same, *getattr(slot, "also", ())]
    firsts = {ours.split(".", 1)[0] for _, ours in pairs if "." in ours or ours not in natural_key(cls)}
    return {first for first in firsts if first != name and first in slots(cls)}


def source_slot(slot: DependencyList[Any]) -> str | None:
    """The dependency by which each member of a set is made from the object that it stands for; None where there is none.

    Through it a member shows by itself when that object changes.
    """
    known = natural_key(slot.type)
    return next((name for name, one in slots(slot.type).items()
                 if isinstance(one, Dependency) and one.type is slot.one_per and not one.optional
                 and all(ours in known for _, ours in one.same) and {theirs for theirs, _ in one.same} == set(natural_key(one.type))), None)
