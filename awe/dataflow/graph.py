"""Grows the graph of a plan, level by level.

Every kind of question is one statement for a whole level, so that the number of statements depends on how deep the graph is
and not on how many targets there are.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from awe.dataflow import select
from awe.dataflow.expand import Expansion, can_be_made, member_class, member_time, scope_of_keys
from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.parameters import NOWHERE, ParameterBook, Scope
from awe.dataflow.paths import asked_keys, keys_of_object
from awe.dataflow.select import EdgeNow, Member, Sight, Winner
from awe.dataflow.site import Site
from awe.errors import DeclarationError
from awe.persist import tables
from awe.persist.declare import Dependency, DependencyList, parameters
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
    depth
        how many levels below the targets are looked at; None is all
    """

    def __init__(self, connection: sa.Connection, sight: Sight, book: ParameterBook, load: Loader,
                 site: Callable[[str], Site], *, depth: int | None = None) -> None:
        self.connection, self.sight, self.book, self.load, self.site, self.depth = connection, sight, book, load, site, depth
        self.asks: dict[tuple[bytes, int], Ask] = {}
        self.nodes: dict[int, Node] = {}
        self.made: dict[object, Node] = {}
        self._new: list[Ask] = []
        self._frontier: list[Node] = []
        self._scopes: dict[int, Scope] = {0: NOWHERE}
        self.expansion = Expansion(self)

    # ------------------------------------------------------------------ asking

    def ask(self, cls: type, keys: dict[str, Any], at: int, *, fresh: bool = False) -> Ask:
        """Put the question which `cls` with these keys is used at time `at`; the same question is put once.

        A `fresh` one is answered by what would be made from the nearest raw data, whatever is there.
        """
        ask = Ask(cls, selector_of(cls, keys), at, keys)
        if fresh:
            self.asks[ask.sel, ask.at] = ask
            self.expansion.start(ask)
            return ask
        return self._put(ask)

    def _put(self, ask: Ask) -> Ask:
        there = self.asks.setdefault((ask.sel, ask.at), ask)
        if there is ask:
            self._new.append(ask)
        elif there.keys is None:
            there.keys = ask.keys
        return there

    def grow(self) -> None:
        """Look up everything that has been asked for, and all that it depends on."""
        level = 0
        while self._new or self._frontier or self.expansion.waiting:
            asks, self._new = self._new, []
            self._give_keys(asks)
            self._answer(asks)
            frontier, self._frontier = self._frontier, []
            if self.depth is None or level < self.depth:
                self._look_below(frontier)
            before = self.expansion.signature()
            self.expansion.step()
            if not asks and not frontier and not self._new and self.expansion.signature() == before:
                raise DeclarationError(self.expansion.stuck())
            level += 1

    # ------------------------------------------------------------------ answering

    def _give_keys(self, asks: list[Ask]) -> None:
        """Find the keys of questions that are known by their digest only, from whoever asked."""
        unknown = [ask for ask in asks if ask.keys is None]
        self.load_objects([ask.origin for ask in unknown if ask.origin is not None])
        for ask in unknown:
            assert ask.origin is not None
            slot = Slots.of(ask.origin.cls).by_name[ask.slot]
            ask.keys = asked_keys(ask.origin, slot)

    def load_objects(self, nodes: Iterable[Node]) -> None:
        """Read the objects behind these nodes, one statement a class."""
        by_class: dict[type, list[Node]] = defaultdict(list)
        for node in nodes:
            if node.obj is None and node.winner is not None:
                by_class[node.cls].append(node)
        for cls, group in by_class.items():
            found = self.load(cls, [node.winner.oid for node in group if node.winner])
            for node in group:
                assert node.winner is not None
                node.obj = found.get(node.winner.oid)
                if node.obj is not None:
                    node.keys = keys_of_object(node.obj)

    def _answer(self, asks: list[Ask]) -> None:
        """Find the winner of each question; what has none is to be made."""
        questions = [(ask, (ask.sel, ask.at, params)) for ask in asks for params in self._params(ask)]
        best: dict[Ask, Winner] = {}
        found = select.winners(self.connection, self.sight, [question for _, question in questions])
        for (ask, _), winner in zip(questions, found, strict=True):
            if winner and (ask not in best or (winner.created, winner.object_id) > (best[ask].created, best[ask].object_id)):
                best[ask] = winner
        for ask in asks:
            if ask in best:
                self.settle(ask, best[ask])
            else:
                self.expansion.start(ask)

    def _params(self, ask: Ask) -> tuple[int, ...]:
        if not parameters(ask.cls):
            return (0,)
        return self.book.wanted(ask.cls, scope_of_keys(ask.keys or {}), ask.at).ids

    def settle(self, ask: Ask, winner: Winner) -> Node:
        """Let `winner` be the answer to `ask`."""
        ask.winner = winner
        node = self.nodes.get(winner.oid)
        if node is None:
            node = self.nodes[winner.oid] = Node(ask.cls, ask.sel, winner, ask.keys)
            self._frontier.append(node)
        elif node.keys is None:
            node.keys = ask.keys
        ask.node = node
        return node

    # ------------------------------------------------------------------ what existing objects depend on

    def _look_below(self, frontier: list[Node]) -> None:
        """Find what the rule picks now for every recorded input of these objects, and who is in their groups."""
        by_oid = {node.winner.oid: node for node in frontier if node.winner and Slots.of(node.cls).by_name and can_be_made(node.cls)}
        outdated = [node for node in by_oid.values() if node.winner and node.winner.version != getattr(node.cls, "version", 0)]
        self.load_objects(outdated)
        for node in outdated:
            assert node.winner is not None
            del by_oid[node.winner.oid]
            self.expansion.restart(node)
        for edge in select.edges_now(self.connection, self.sight, list(by_oid)):
            self._follow(by_oid[edge.target], edge)
        self._ask_groups(by_oid)

    def _follow(self, node: Node, edge: EdgeNow) -> None:
        """Turn one recorded input into a question, answered at once where the parameters are as wanted."""
        name = Slots.of(node.cls).name_of.get(edge.slot)
        if name is None:
            return
        slot = Slots.of(node.cls).by_name[name]
        ask = Ask(slot.type, edge.sel, edge.at, origin=node, slot=name)
        there = self.asks.get((edge.sel, edge.at))
        if there is not None:
            ask = there
        elif edge.winner is not None and self._as_wanted(slot.type, edge):
            self.asks[edge.sel, edge.at] = ask
            self.settle(ask, edge.winner)
        elif isinstance(slot, Dependency):
            self._put(ask)
        node.edges.setdefault(name, []).append(edge)
        if edge.per is not None:
            node.pers[name, ask] = edge.per
        if isinstance(slot, Dependency):
            node.inputs[name] = ask

    def _as_wanted(self, cls: type, edge: EdgeNow) -> bool:
        return not parameters(cls) or edge.input_params in self.book.wanted(cls, self.scope(edge.input_scope), edge.at).ids

    def scope(self, scope_id: int) -> Scope:
        """The instrument, chip and filter behind a row of `scope`."""
        if scope_id not in self._scopes:
            rows = self.connection.execute(sa.select(tables.scope))
            self._scopes.update({row.id: (row.instrument, row.chip, row.filter) for row in rows})
        return self._scopes[scope_id]

    def _ask_groups(self, by_oid: dict[int, Node]) -> None:
        """Evaluate the set slots of existing objects, and the single slots that had found nothing."""
        wants = []
        for want in select.wants_of(self.connection, list(by_oid)):
            node = by_oid[want.target]
            name = Slots.of(node.cls).name_of.get(want.slot)
            if name is None:
                continue
            if isinstance(Slots.of(node.cls).by_name[name], DependencyList):
                wants.append((node, name, (want.sel, want.t_from, want.t_to)))
            else:
                node.inputs[name] = self._put(Ask(Slots.of(node.cls).by_name[name].type, want.sel, want.t_from, origin=node, slot=name))
        groups = select.members(self.connection, self.sight, [group for _, _, group in wants])
        for (node, name, group), found in zip(wants, groups, strict=True):
            node.wants[name], node.groups[name] = group, found
        self._name_members([(node, name) for node, name, _ in wants])

    def _name_members(self, grouped: list[tuple[Node, str]]) -> None:
        """Turn the members of groups into questions: those recorded, and those that are new."""
        fresh: list[tuple[Node, str, Member]] = []
        for node, name in grouped:
            slot = Slots.of(node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            recorded = {edge.per or edge.sel: edge for edge in node.edges.get(name, ())}
            if not recorded and slot.optional and len(node.groups[name]) < self.expansion.needed(node, slot):
                node.groups[name] = {}
            asks: list[Ask] = []
            for own, member in node.groups[name].items():
                edge = recorded.get(own)
                known = self.asks.get((edge.sel, edge.at)) if edge else None
                if known is None:
                    fresh.append((node, name, member))
                else:
                    asks.append(known)
            node.inputs[name] = asks
        self._ask_new_members(fresh)

    def _ask_new_members(self, fresh: list[tuple[Node, str, Member]]) -> None:
        self.load_objects({id(node): node for node, _, _ in fresh}.values())
        by_class: dict[type, list[int]] = defaultdict(list)
        for node, name, member in fresh:
            by_class[member_class(node, name)].append(member.oid)
        sources = {cls: self.load(cls, oids) for cls, oids in by_class.items()}
        for node, name, member in fresh:
            slot = Slots.of(node.cls).by_name[name]
            assert isinstance(slot, DependencyList)
            source = sources[slot.member][member.oid]
            ask = self.ask(slot.type, self.expansion.member_keys(node, slot, source), member_time(slot, member, node))
            if slot.one_per:
                node.pers[name, ask] = member.own
            asked = node.inputs[name]
            assert isinstance(asked, list)
            asked.append(ask)
