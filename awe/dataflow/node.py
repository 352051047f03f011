"""The graph a plan is made of: questions (`Ask`) and what answers them (`Node`)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from awe.dataflow.select import EdgeNow, Member, Winner
from awe.dataflow.state import Reason, State
from awe.persist.declare import number_of, slots


class Ask:
    """One question to the selection rule: which object of a class, with these keys, at this time.

    `keys` is None while only the digest of the question is known.
    """

    __slots__ = ("at", "cls", "keys", "node", "origin", "sel", "slot", "winner")

    def __init__(self, cls: type, sel: bytes, at: int, keys: dict[str, Any] | None = None, *,
                 origin: Node | None = None, slot: str = "") -> None:
        self.cls, self.sel, self.at, self.keys = cls, sel, at, keys
        self.origin, self.slot = origin, slot
        self.node: Node | None = None
        self.winner: Winner | None = None

    def __repr__(self) -> str:
        keys = "" if self.keys is None else ", ".join(f"{name}={value!r}" for name, value in self.keys.items())
        return f"{self.cls.__name__}({keys})"


class Node:
    """One target in a plan: an object that the rule picked, or one that would have to be made."""

    __slots__ = (
        "anchor",
        "asked_at",
        "cls",
        "derivation",
        "edges",
        "groups",
        "identity",
        "inputs",
        "keys",
        "level",
        "member_at",
        "obj",
        "parameters",
        "pending",
        "pers",
        "predecessor",
        "reasons",
        "result",
        "sel",
        "state",
        "tries",
        "wants",
        "winner",
    )

    def __init__(self, cls: type, sel: bytes, winner: Winner | None = None, keys: dict[str, Any] | None = None) -> None:
        self.cls, self.sel, self.winner, self.keys = cls, sel, winner, keys
        self.anchor: int = winner.anchor if winner else 0
        self.asked_at: list[int] = []
        self.inputs: dict[str, Ask | list[Ask]] = {}
        self.edges: dict[str, list[EdgeNow]] = {}
        self.groups: dict[str, dict[bytes, Member]] = {}
        self.wants: dict[str, tuple[bytes, int, int]] = {}
        self.pending: list[str] = []
        self.pers: dict[tuple[str, Ask], bytes] = {}
        self.tries: list[str] = []
        self.parameters: dict[str, Any] = {}
        self.identity: object = winner.oid if winner else None
        self.state: State = State.NOT_CHECKED
        self.reasons: list[Reason] = []
        self.predecessor: int | None = None
        self.derivation: bytes | None = None
        self.obj: Any = None
        self.result: Any = None
        self.level = 0
        self.member_at = 0

    def own(self, name: str, ask: Ask) -> bytes:
        """What a member of a set slot is known by: the natural key of the object it is made from, else its own."""
        return self.pers.get((name, ask), ask.sel)

    @property
    def exists(self) -> bool:
        """Whether there is an object that consumers can use as things are."""
        return self.winner is not None

    @property
    def is_blocked(self) -> bool:
        """Whether consumers can neither use it nor have it made."""
        return self.state.is_blocked and self.winner is None

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

    @property
    def lead(self) -> str | None:
        """The dependency that leads: the first that is not a key and that there is something for."""
        return next((name for name in Slots.of(self.cls).leads if self.inputs.get(name)), None)

    @property
    def name(self) -> str:
        """How a person would call it: its class and keys, or the start of its identity."""
        if self.keys:
            return f"{self.cls.__name__} {' '.join(str(value) for value in self.keys.values())}"
        return f"{self.cls.__name__} {self.winner.object_id[:8] if self.winner else '?'}"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.state.value}>"


class Slots:
    """The dependencies of a class, by name and by the number that stands for them in the database."""

    _of: dict[type, Slots] = {}

    def __init__(self, cls: type) -> None:
        self.by_name = slots(cls)
        self.name_of = {number_of(name): name for name in self.by_name}
        self.leads = [name for name, slot in self.by_name.items() if not getattr(slot, "key", False)]

    @classmethod
    def of(cls, target: type) -> Slots:
        """The slots of `target`, looked up once."""
        if target not in cls._of:
            cls._of[target] = cls(target)
        return cls._of[target]
