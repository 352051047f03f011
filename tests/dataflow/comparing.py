"""Compares what the planner says with what the oracle says, node by node."""
from __future__ import annotations

from collections import Counter
from typing import Any

from awe.dataflow.instance import Instance
from awe.dataflow.node import Node
from awe.dataflow.plan import Plan
from awe.dataflow.planner import Options, Planner
from awe.dataflow.request import Request
from tests.dataflow import oracle
from tests.dataflow.oracle import Oracle
from tests.dataflow.world import Obj, World


def eyes(instance: Instance):
    """Who may be made from what, in words of its own: the readers of what is made see what it is made from."""
    who = instance.database.identity

    def sees(obj: Obj) -> bool:
        if obj.privileges >= 3:
            return obj.privileges >= min(who.privileges, 4)
        if obj.privileges == 2:
            return who.privileges <= 2 and obj.project == who.project_id
        return who.privileges == 1 and obj.creator == who.user_id
    return sees


def answers(instance: Instance, asked: list[Request], **options: Any) -> list[oracle.Node]:
    """What the oracle says of the present."""
    theirs = Oracle(World.read(instance.database), eyes(instance), instance.database.identity.project_id, call=options.get("pars"),
                    retry=options.get("retry", False), grow=options.get("grow", False))
    tops = [theirs.answer(one.cls, one.keys, one.at, fresh=options.get("fresh", False)) for one in asked]
    for top in tops:
        theirs.judge(top)
    return tops


def agree(plan: Plan, tops: list[oracle.Node]) -> dict[Node, oracle.Node]:
    """Fail where a plan differs from what the oracle said; return which node is which."""
    seen: dict[Node, oracle.Node] = {}
    for ours, other in zip(plan.tops, tops, strict=True):
        same(ours, other, seen)
    assert set(plan.nodes) == set(seen)
    return seen


def compare(instance: Instance, asked: list[Request], **options: Any) -> Plan:
    """Plan, ask the oracle the same, and fail where they differ; return the plan."""
    plan = Planner(instance, Options(**options)).plan(asked)
    seen = agree(plan, answers(instance, asked, **options))
    assert len(set(map(id, seen.values()))) == len(seen), "two nodes of the planner are one for the oracle"
    assert all(seen[child] for node in plan.todo for child in node.known())
    position = {node: n for n, node in enumerate(plan.nodes)}
    assert all(position[child] < position[node] for node in plan.nodes for child in node.children())
    return plan


def same(ours: Node, other: oracle.Node, seen: dict[Node, oracle.Node]) -> None:
    """Two nodes and all they stand on are the same."""
    if ours in seen:
        assert seen[ours] is other, f"{ours!r} stands for {seen[ours]} and {other}"
        return
    seen[ours] = other
    where = f"\nplanner {signature(ours)} {ours!r} {[str(reason) for reason in ours.reasons]}\noracle  {other}"
    assert signature(ours) == other.signature, where
    assert ours.state.value == other.state, where
    assert Counter(reason.cause.name for reason in ours.reasons) == Counter(other.reasons), where
    theirs: dict[str, list[Any]] = {name: sorted_asks(asks) for name, asks in other.inputs.items() if asks}
    for name, asks in other.more.items():
        if asks:
            theirs[name] = sorted_asks([*theirs.get(name, []), *asks])
    mine = {name: sorted_asks(asked if isinstance(asked, list) else [asked]) for name, asked in ours.inputs.items() if asked}
    put, their_put = ({name: [(ask.cls.__name__, ask.at) for ask in asks] for name, asks in each.items()} for each in (mine, theirs))
    assert put == their_put, f"{where}\nasks {put}\nnot  {their_put}"
    for name, asks in mine.items():
        for ask, their in zip(asks, theirs[name], strict=True):
            assert ask.node is not None, f"{where}\n{name} is not answered"
            same(ask.node, their.node, seen)


def signature(node: Node) -> Any:
    if node.winner is not None:
        return ("object", node.winner.oid)
    assert node.keys is not None
    return ("new", node.cls.__name__, tuple(node.keys.items()), node.anchor)


def sorted_asks(asks: list[Any]) -> list[Any]:
    return sorted(asks, key=lambda ask: (ask.at, repr(key_of(ask.node))))


def key_of(node: Any) -> Any:
    if node is None:
        return ()
    if isinstance(node, Node):
        return signature(node)
    return node.signature
