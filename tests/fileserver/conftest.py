from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from awe.fileserver import Store
from awe.fileserver.server import SETTINGS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


@contextlib.contextmanager
def running(application: Any, **settings: Any) -> Iterator[str]:
    """Run a real server in a thread; gives its address."""
    chosen = {**SETTINGS, "log_config": None, **settings}
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, **chosen))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    """Start servers that end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda application, **settings: stack.enter_context(running(application, **settings))
