"""All checks of schemathesis on the OpenAPI document of an instance of its own: ``python -m tests.services.fuzz``; not part of the tests.

It needs ``pip install schemathesis``, and says so where that is missing.
"""
from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn

from awe.cli.instance import make_instance
from awe.cli.serving import SETTINGS
from awe.config import Config
from awe.services import tokens
from awe.services.app import create_app
from awe.services.house import open_house
from tests.services.conftest import Served, furnish

#: Which answers to what fits the schema are no failures: names and values that a schema does not know may still be refused.
EXPECTED = """[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 422, 429]
"""


def main(examples: int = 50) -> int:
    """Serve an instance, and let schemathesis ask; its exit code."""
    program = shutil.which("schemathesis")
    if program is None:
        print("schemathesis is not installed; `pip install schemathesis` brings it")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_instance(Config(home=home, user="ann", project="secret"))
        furnish(Served(None, None, home))  # type: ignore[arg-type]
        token = tokens.give(home, "ann", "secret", may_edit=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(create_app(open_house(home)), port=port, **SETTINGS))
        threading.Thread(target=server.run, daemon=True).start()
        while not server.started:
            time.sleep(0.05)
        (Path(folder) / "schemathesis.toml").write_text(EXPECTED)
        words = [program, "run", f"http://127.0.0.1:{port}/api/openapi.json", "--checks", "all", "--max-examples", str(examples),
                 "-H", f"Authorization: Bearer {token}"]
        done = subprocess.run(words, cwd=folder, check=False).returncode
        server.should_exit = True
    return done


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
