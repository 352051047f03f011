"""Plans are given up when nobody holds them any more, without a look for garbage."""
from __future__ import annotations

import gc
import weakref

import pytest

from awe.dataflow.planner import Planner
from tests.dataflow.conftest import Observatory
from tests.dataflow.test_statements import fill, replace
from tests.dataflow.toy import RawFlat, RawFrame


@pytest.mark.parametrize("state", ["not made", "frames replaced", "flats replaced"])
def test_nodes_go_with_their_plan(observatory: Observatory, state: str) -> None:
    asked, planner = fill(observatory, 2), Planner(observatory.instance)
    if state != "not made":
        planner.get(asked)
        replace((RawFrame if state == "frames replaced" else RawFlat).select_all())
    plan = planner.plan(asked)
    assert plan.todo and plan.tree()
    nodes = [weakref.ref(node) for node in plan.nodes]
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        del plan
        assert [node() for node in nodes if node() is not None] == []
    finally:
        if was_enabled:
            gc.enable()


def test_a_node_is_complete_without_its_plan(observatory: Observatory) -> None:
    asked = fill(observatory, 2)
    Planner(observatory.instance).get(asked)
    replace(RawFrame.select_all())
    top = Planner(observatory.instance).plan(asked).tops[0]
    assert top.winner is not None and [child.name for child in top.children()] and top.edges
