"""What is known of targets that would be made: whether the very same was made before, failed for good, or is being made."""
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from awe.dataflow import recipe
from awe.dataflow.expand import listed
from awe.dataflow.node import Node, Slots
from awe.dataflow.select import rows
from awe.dataflow.state import Cause, Reason, State
from awe.persist import tables
from awe.persist.selector import selector_of

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph

WORK = frozenset(state for state in State if state.is_work)


class Past:
    """Looks for earlier results of what the nodes of one graph would be made from."""

    def __init__(self, graph: Graph, *, retry: bool) -> None:
        self.graph, self.retry = graph, retry
        self._marks: tuple[frozenset[int], bool] | None = None

    def look(self, nodes: list[Node]) -> None:
        """Hold what was made before from the very same inputs with a result that will not do; say what will be shared."""
        settled = [node for node in self._perhaps_made(nodes) if not any(child.state in WORK for child in node.known())]
        if not settled:
            return
        self.graph.fill(settled)
        self.graph.load_objects([node for node in settled if node.keys is None])
        for node in settled:
            node.parameters, node.below = self.graph.parameters_of(node) if node.winner is not None else (node.parameters, node.below)
            node.derivation = recipe.derivation_of(node.cls, node.parameters, inputs_of(node), selector_of(node.cls, node.keys or {}))
        derivations = [node.derivation for node in settled if node.derivation is not None]
        connection = self.graph.connection
        earlier = recipe.made_before(connection, self.graph.sight, derivations)
        failed = recipe.failed_before(connection, derivations) if self._marks_of_jobs()[0] else {}
        leased = recipe.being_made(connection, derivations) if self._marks_of_jobs()[1] else {}
        for node in settled:
            assert node.derivation is not None
            self._judge(node, earlier.get(node.derivation, []), failed.get(node.derivation), leased.get(node.derivation))

    def _judge(self, node: Node, earlier: list[recipe.Earlier], failure: str | None, maker: str | None) -> None:
        verdict = hold(node.cls, earlier, failure)
        if verdict is not None and verdict.cause is Cause.SHARES:
            if node.fresh and node.current is not None and node.current.oid in {one.oid for one in earlier if is_good(node.cls, one)}:
                node.winner, node.state, node.reasons = node.current, State.UP_TO_DATE, []
                return
            node.reasons.append(verdict)
        elif verdict is not None and not self.retry:
            node.state, node.reasons = State.HELD, [verdict, *node.reasons]
            return
        if maker is not None:
            node.state, node.reasons = State.BEING_MADE, [Reason(Cause.LEASED, (maker,)), *node.reasons]

    def _perhaps_made(self, nodes: list[Node]) -> list[Node]:
        """Those of which the very same may have been made before; it was not where one of the new inputs has never been used."""
        if not nodes:
            return nodes
        failed, leased = self._marks_of_jobs()
        return nodes if leased else [node for node in nodes if node.restarted or not node.has_new_input or (
            failed and node.cls.__mapping__.class_id in failed)]  # type: ignore[attr-defined]

    def _marks_of_jobs(self) -> tuple[frozenset[int], bool]:
        """The classes of which some job failed for good, and whether anything is being made."""
        if self._marks is None:
            job, connection = tables.job.c, self.graph.connection
            statement = sa.select(job.class_id).where(job.state == "failed", job.permanent == 1).distinct()
            self._marks = (frozenset(connection.scalars(statement)), bool(rows(connection, "select 1 from lease limit 1")))
        return self._marks


def hold(cls: type, earlier: list[recipe.Earlier], failure: str | None) -> Reason | None:
    """What the past of a derivation says: share a good result, hold a bad one or a failure, or nothing."""
    good = next((one for one in earlier if is_good(cls, one)), None)
    if good is not None:
        return Reason(Cause.SHARES, (good.object_id[:8],))
    if earlier:
        if earlier[0].is_valid > 0:
            names = getattr(cls, "flag_names", lambda flags: [str(flags)])(earlier[0].quality_flags)
            return Reason(Cause.FLAGGED, (earlier[0].object_id[:8], ", ".join(names)))
        return Reason(Cause.INVALID, (earlier[0].object_id[:8],))
    return Reason(Cause.FAILED, (failure,)) if failure is not None else None


def is_good(cls: type, one: recipe.Earlier) -> bool:
    """Whether an earlier result can be used."""
    return one.is_valid > 0 and (not one.quality_flags & int(getattr(cls, "blocking_flags", -1)) or one.is_valid == 2)


def inputs_of(node: Node) -> Iterable[tuple[str, bytes, bytes]]:
    """The (slot, digest of the natural key, value) of every input as the rule picks them now."""
    for name in Slots.of(node.cls).by_name:
        asked: Any = node.inputs.get(name)
        found = [(name, ask.sel, ask.node.winner.value) for ask in listed(asked)
                 if ask.node is not None and ask.node.winner is not None and not ask.node.is_blocked]
        if isinstance(asked, list) and name in Slots.of(node.cls).optional and len(found) < node.needed.get(name, 1):
            continue
        yield from sorted(found) if isinstance(asked, list) else found
