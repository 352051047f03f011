"""Grows the graph of a plan, level by level.

Every kind of question is one statement for a whole level, so that the number of statements depends on how deep the graph is
and not on how many targets there are.  Of objects that exist only what is not as it was recorded becomes part of the graph at
first, and what stands on it; the rest is read when somebody wants to see it.
"""
from __future__ import annotations

import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from awe.dataflow import select
from awe.dataflow.changes import Changes
from awe.dataflow.expand import Expansion
from awe.dataflow.filling import Filling
from awe.dataflow.garbage import uninterrupted
from awe.dataflow.groups import Groups
from awe.dataflow.node import Ask, Node, Slots, Swept, is_makeable
from awe.dataflow.parameters import ParameterBook, scope_of
from awe.dataflow.paths import asked_keys, keys_of_object, value_of_object
from awe.dataflow.scopes import Scopes
from awe.dataflow.select import Sight, Winner
from awe.dataflow.site import Site
from awe.dataflow.state import State
from awe.persist.declare import Dependency, natural_key
from awe.persist.mapping import class_of
from awe.persist.selector import selector_of

Loader = Callable[[type, Iterable[int]], Mapping[int, Any]]


class Graph:
    """All that some targets depend on, as the rule picks it now.

    Parameters
    ----------
    connection
        an open connection; nothing is written but temporary tables
    sight
        whose eyes look
    book
        which parameters are wanted
    load
        reads objects of a class by their row numbers, all at once
    site
        the habits of an instrument, by name
    """

    def __init__(self, connection: sa.Connection, sight: Sight, book: ParameterBook, load: Loader, site: Callable[[str], Site]) -> None:
        self.connection, self.sight, self.book, self.load = connection, sight, book, load
        self.site = functools.cache(site)
        self.scopes = Scopes(connection)
        self.asks: dict[tuple[bytes, int], Ask] = {}
        self.nodes: dict[int, Node] = {}
        self.made: dict[object, Node] = {}
        self.reading: Callable[[], AbstractContextManager[sa.Connection]] | None = None
        self.filling = Filling(self)
        self.recorded: dict[Ask, int] = {}
        self._new: list[Ask] = []
        self._fresh: list[Ask] = []
        self._frontier: list[Node] = []
        self.groups = Groups(self)
        self.expansion = Expansion(self)

    # ------------------------------------------------------------------ asking

    def ask(self, cls: type, keys: dict[str, Any], at: int, *, fresh: bool = False) -> Ask:
        """Put the question which `cls` with these keys is used at time `at`; the same question is put once.

        A `fresh` one is answered by what would be made from the nearest raw data, whatever is there.
        """
        ask = Ask(cls, selector_of(cls, keys), at, keys)
        if fresh and is_makeable(cls):
            self._fresh.append(ask)
            return ask
        return self.put(ask)

    def put(self, ask: Ask) -> Ask:
        """Put a question, unless it has been put before; return the one that counts."""
        there = self.asks.setdefault((ask.sel, ask.at), ask)
        if there is ask:
            self._new.append(ask)
        elif there.keys is None:
            there.keys = ask.keys
        return there

    def grow(self) -> None:
        """Look up everything that has been asked for, and all that it depends on."""
        changes = Changes(self)
        while True:
            self._grow_until_quiet(changes)
            again = changes.to_restart()
            self.load_objects(again)
            for node in again:
                node.parameters, node.below = self.parameters_of(node)
                self.expansion.restart(node)
            if not again and not changes.join_up():
                break
        self.expansion.tell_distances()

    def _grow_until_quiet(self, changes: Changes) -> None:
        while self._new or self._fresh or self._frontier or self.expansion.waiting:
            asks, self._new = self._new, []
            fresh, self._fresh = self._fresh, []
            self._answer(asks, fresh)
            frontier, self._frontier = self._frontier, []
            changes.look_below(frontier)
            before = self.expansion.signature()
            self.expansion.step()
            if not asks and not fresh and not frontier and not self._new and self.expansion.signature() == before:
                self.expansion.give_up()

    # ------------------------------------------------------------------ answering

    def _answer(self, asks: list[Ask], fresh: list[Ask]) -> None:
        """Find the winner of each question; what has none is to be made."""
        self._give_keys([ask for ask in asks if ask.keys is None and self.book.uniform(ask.cls) is None])
        found = select.pick(self.connection, self.sight, [(ask.sel, ask.at, self._ids(ask)) for ask in (*asks, *fresh)])
        for ask, winner in zip(asks, found, strict=False):
            if winner is not None:
                self.settle(ask, winner)
        missing = [ask for ask in asks if ask.node is None]
        self._give_keys([ask for ask in missing if ask.keys is None])
        for ask in missing:
            self.expansion.start(ask)
        for ask, winner in zip(fresh, found[len(asks):], strict=True):
            self.expansion.start(ask, current=winner, fresh=True)

    def _ids(self, ask: Ask) -> tuple[int, ...]:
        ids = self.book.uniform(ask.cls)
        return self.book.wanted(ask.cls, scope_of(ask.cls, ask.keys or {}), ask.at).ids if ids is None else ids

    def ids_for(self, winner: Winner, at: int) -> tuple[int, ...]:
        """The parameters that will do for an object like this one at a time."""
        cls = class_of(winner.class_id)
        return self.book.wanted(cls, self.scopes.of(cls, winner.scope_id), at).ids

    def settle(self, ask: Ask, winner: Winner) -> Node:
        """Let `winner` be the answer to `ask`."""
        node = self.node_of(winner)
        if node.keys is None and ask.keys is not None and set(ask.keys) == set(natural_key(node.cls)):
            node.keys = ask.keys
        node.want_at(ask.at)
        ask.node = node
        return node

    def node_of(self, winner: Winner, sel: bytes = b"") -> Node:
        """The node of an object that exists."""
        node = self.nodes.get(winner.oid)
        if node is None:
            node = self.nodes[winner.oid] = Node(class_of(winner.class_id), sel, winner)
            if is_makeable(node.cls) and Slots.of(node.cls).by_name:
                node.partial, node.graph = True, self
                self._frontier.append(node)
            else:
                node.state = State.UP_TO_DATE
        return node

    def untouched(self, winner: Winner) -> Node:
        """The node of an object below which nothing needs a look."""
        node = self.nodes.get(winner.oid)
        if node is None:
            node = self.nodes[winner.oid] = Node(class_of(winner.class_id), b"", winner)
            node.state = State.UP_TO_DATE
            node.partial, node.graph = is_makeable(node.cls) and bool(Slots.of(node.cls).by_name), self
        return node

    def complete(self, nodes: Iterable[Node]) -> None:
        """Read what nodes stand on, their keys and parameters, whenever somebody asks."""
        listed = list(nodes)
        if self.reading is None:
            self.fill(listed)
            return
        with self.reading() as connection, uninterrupted():
            self.connection = self.scopes.connection = self.book.connection = connection
            self.identify([node for node in listed if isinstance(node, Swept)])
            self.fill(listed)
            self.load_objects([node for node in listed if node.keys is None and node.winner is not None])
            for node in listed:
                if node.state.is_work and node.winner is not None and not node.parameters and not node.below:
                    node.parameters, node.below = self.parameters_of(node)

    def identify(self, nodes: Iterable[Swept]) -> None:
        """Read the objects of nodes of which only class and anchor are known; with them, all others that are not known yet."""
        unread = {node.oid: node for node in nodes if node.is_unread}
        if not unread:
            return
        unread.update((oid, node) for oid, node in self.nodes.items() if isinstance(node, Swept) and node.is_unread)
        with self.reading() if self.reading is not None else contextlib.nullcontext(self.connection) as connection:
            found = {winner.oid: winner for winner in select.objects(connection, list(unread))}
        for oid, node in unread.items():
            node.winner = found.get(oid) or gone(oid, node)

    def let_go(self) -> None:
        """Forget what was found: nobody wants it as a whole any more, and nodes refer to their graph."""
        for ask in self.asks.values():
            ask.origin = None
        for found in (self.nodes, self.asks, self.made, self.recorded):
            found.clear()

    def fill(self, nodes: Iterable[Node]) -> None:
        """Read all that these nodes stand on."""
        self.filling.fill(nodes, self.connection)

    # ------------------------------------------------------------------ reading objects

    def _give_keys(self, asks: list[Ask]) -> None:
        """Find the keys of questions that are known by their digest only, from what was recorded, else from whoever asked."""
        by_class: dict[type, set[int]] = defaultdict(set)
        for ask in asks:
            if ask in self.recorded:
                by_class[ask.cls].add(self.recorded[ask])
        there = {oid: obj for cls, oids in by_class.items() for oid, obj in self.load(cls, sorted(oids)).items()}
        rest = []
        for ask in asks:
            obj = there.get(self.recorded.get(ask, 0))
            if obj is not None and ask.origin is not None:
                ask.keys = {name: value_of_object(obj, name) for name in names_asked(ask)}
            else:
                rest.append(ask)
        self.load_objects([ask.origin for ask in rest if ask.origin is not None])
        for ask in rest:
            if ask.origin is not None and isinstance(slot := Slots.of(ask.origin.cls).by_name[ask.slot], Dependency):
                ask.keys = asked_keys(ask.origin, slot)

    def load_objects(self, nodes: Iterable[Node]) -> bool:
        """Read the objects behind these nodes, one statement a class; say whether there were any that had not been read."""
        by_class: dict[type, list[Node]] = defaultdict(list)
        for node in nodes:
            if node.obj is None and node.winner is not None:
                by_class[node.cls].append(node)
        some = False
        for cls, group in by_class.items():
            found = self.load(cls, [node.winner.oid for node in group if node.winner])
            for node in group:
                assert node.winner is not None
                node.obj = found.get(node.winner.oid)
                if node.obj is not None:
                    node.keys, some = keys_of_object(node.obj), True
        return some

    def parameters_of(self, node: Node) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters that an object that exists was selected by: its own, and those of what it stands on."""
        assert node.winner is not None
        at = node.anchor if node.asked_from is None else node.asked_from
        wanted = self.book.wanted(node.cls, self.scopes.of(node.cls, node.winner.scope_id), at)
        return wanted.values, wanted.below


def gone(oid: int, node: Swept) -> Winner:
    """What is left to say of an object that was deleted after it was looked at."""
    return Winner(oid, b"", node.cls.__mapping__.class_id, 0, bytes(16), node.anchor, 0, 0, 0)  # type: ignore[attr-defined]


def names_asked(ask: Ask) -> tuple[str, ...]:
    """By which attributes a question asks."""
    assert ask.origin is not None
    slot = Slots.of(ask.origin.cls).by_name[ask.slot]
    return tuple(theirs for theirs, _ in slot.same) if isinstance(slot, Dependency) else natural_key(slot.type)
