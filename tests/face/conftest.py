from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from awe.connection import connect
from awe.dataflow.instance import Instance
from tests.cli.conftest import home, ingested, run  # noqa: F401 - fixtures


@pytest.fixture
def instance(home: Path) -> Iterator[Instance]:  # noqa: F811
    opened = connect(home)
    yield opened
    opened.close()
