"""Makes what was asked for on a page: `awe get` in a process of its own, on behalf of who asked; what becomes of it stands in its run.

On PostgreSQL the process comes as the server does, and works for the user; nobody makes anything on behalf of another.
"""
from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from awe.persist.identity import Identity
from awe.services.failures import Refused
from awe.services.house import House

#: So many processes make something at once; who comes later is asked to wait.
AT_ONCE = 4


class Submissions:
    """The processes that make something for this server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []

    def running(self) -> int:
        """How many there are; those that ended are forgotten."""
        with self._lock:
            self._processes = [one for one in self._processes if one.poll() is None]
            return len(self._processes)

    def submit(self, house: House, who: Identity, words: Sequence[str]) -> None:
        """Begin `awe get` with these words; raises Refused where many are at it."""
        if self.running() >= AT_ONCE:
            raise Refused(429, f"{AT_ONCE} requests are being made already; wait until one has ended", {"Retry-After": "30"})
        home = str(house.instance.config.home.resolve())
        environment = {**os.environ, "AWE_HOME": home, "AWE_USER": who.user, "AWE_PROJECT": who.project}
        command = [sys.executable, "-m", "awe", "get", *words]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        with self._lock:
            self._processes.append(process)


submissions = Submissions()
