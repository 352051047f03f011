"""A real browser before a served instance: Debian's Chromium, driven by Playwright."""
from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from awe.cli.serving import SETTINGS

#: Nothing is looked up, updated or reported by the browser on its own.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Milliseconds that an element is waited for, on a machine that does other things too.
PATIENCE = 60_000


@contextlib.contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of an application that is served by a thread; the house behind it stays open."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, **{**SETTINGS, "lifespan": "off"}))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    assert server.started, "the server ended before it began to serve"
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@contextlib.contextmanager
def browsing(**context: Any) -> Iterator[Any]:
    """A page of a new browser; what goes wrong in its console is a failure at the end.  Skips where there is no browser."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)} is installed; `apt-get install chromium` brings one")
    sync_api = pytest.importorskip("playwright.sync_api", reason="`pip install playwright` drives the browser")
    with tempfile.TemporaryDirectory() as folder, sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch_persistent_context(folder, executable_path=program, args=list(FLAGS), **context)
        opened.set_default_timeout(PATIENCE)
        page, wrong = opened.pages[0], []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
        yield page
        opened.close()
    assert not wrong, wrong
