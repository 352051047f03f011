from __future__ import annotations

import json as real

from awe.prompt.lazy import LazyModule


def test_a_module_is_prepared_once_when_it_is_used() -> None:
    prepared: list[object] = []
    lazy = LazyModule("json", prepared.append)
    assert prepared == []
    assert lazy.loads("[1]") == [1] and lazy.dumps is real.dumps
    assert prepared == [real]
    assert "loads" in dir(lazy)
