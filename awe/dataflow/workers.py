"""Who makes targets: this process, or a pool of long-lived worker processes that are started afresh and spoken to in JSON."""
from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Self

from awe.dataflow.instance import Instance
from awe.dataflow.maker import Failure, Product, Spec, attempt
from awe.errors import DeclarationError

#: Libraries that compute in threads of their own share the cores among the workers, unless the person says otherwise.
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GRACE = 10.0
#: Found by its module name alone, never in the folder that somebody happens to be in.
COMMAND = [sys.executable, "-P", "-m", "awe.dataflow.worker"]

#: So a line begins that is no answer yet.
LOG = b'{"log": '

Outcome = Product | Failure
#: Takes the object_id of what is being made, and what was logged so far.
Logged = Callable[[str, str], None]


def unheard(object_id: str, text: str) -> None:
    """Nobody wants to know what is logged before the end."""


class Makers(Protocol):
    """Those who make targets."""

    #: Told, from some thread, what was logged so far of a target that is being made.
    logged: Logged

    @property
    def room(self) -> int:
        """How many targets are handed out at a time."""
        ...

    def submit(self, spec: Spec) -> Future[Outcome]:
        """Have a target made."""
        ...

    def stop(self, spec: Spec) -> None:
        """Give up a target that is being made, where that can be done; its future ends with a failure then."""
        ...


class Here:
    """Makes targets in this process, one at a time, before `submit` returns."""

    room = 1

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.logged: Logged = unheard

    def submit(self, spec: Spec) -> Future[Outcome]:
        """Make a target."""
        done: Future[Outcome] = Future()
        done.set_result(attempt(spec, self.instance, functools.partial(self.logged, spec.object_id)))
        return done

    def stop(self, spec: Spec) -> None:
        """Nothing can be stopped: `submit` returns when all is done."""


class Workers:
    """`number` processes that make targets of one instance; they are started when there is something to do.

    `modules` are those that define the classes to be made, besides those of installed packages.  A worker that dies takes with
    it what it was making, and nothing else; another one is started for what comes next.
    """

    def __init__(self, instance: Instance, number: int, modules: Iterable[str] = ()) -> None:
        modules = sorted(modules)
        if "__main__" in modules:
            raise DeclarationError("a class of targets is defined in the script itself, where worker processes cannot find it; "
                                   "move it to a module of its own, or make it without workers")
        who = instance.database.identity
        config = replace(instance.config, user=who.user, project=who.project, privileges=who.privileges)
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(config).items()}
        self.number = number
        self.greeting = json.dumps({"path": sys.path, "settings": settings, "owner": instance.store.owner, "modules": modules})
        self.waiting: queue.SimpleQueue[tuple[Spec, Future[Outcome]] | None] = queue.SimpleQueue()
        self.given_up: set[str] = set()
        self.logged: Logged = unheard
        self.workers = [Worker(self) for _ in range(number)]

    @property
    def room(self) -> int:
        """How many targets are handed out at a time: one more than there are workers, so that none has to wait for a commit."""
        return self.number + 1

    def submit(self, spec: Spec) -> Future[Outcome]:
        """Have a target made."""
        answer: Future[Outcome] = Future()
        self.waiting.put((spec, answer))
        return answer

    def stop(self, spec: Spec) -> None:
        """Give a target up: the process that makes it is ended, and another one takes its place for what comes next."""
        self.given_up.add(spec.object_id)
        for worker in self.workers:
            worker.stop(spec)

    def close(self) -> None:
        """End the processes, whatever they do."""
        for _ in self.workers:
            self.waiting.put(None)
        for worker in self.workers:
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Worker:
    """One process of a pool, and the thread that speaks with it."""

    def __init__(self, pool: Workers) -> None:
        self.pool = pool
        self.process: subprocess.Popen[bytes] | None = None
        self.spec: Spec | None = None
        self.lock = threading.Lock()
        self.ended = False
        self.thread = threading.Thread(target=self._work, name="awe worker", daemon=True)
        self.thread.start()

    def end(self) -> None:
        """End the process, whatever it does."""
        with self.lock:
            self.ended, process = True, self.process
        if process is not None and process.poll() is None:
            process.terminate()
        self.thread.join(GRACE)
        if process is not None and self.thread.is_alive():
            process.kill()
            self.thread.join()
        self._see_off()

    def _work(self) -> None:
        while (job := self.pool.waiting.get()) is not None:
            spec, answer = job
            with self.lock:
                self.spec = spec
            outcome = self._ask(spec) if spec.object_id not in self.pool.given_up else Failure("it was given up before it was begun")
            with self.lock:
                self.spec = None
            answer.set_result(outcome)

    def stop(self, spec: Spec) -> None:
        """End the process where it makes this target."""
        with self.lock:
            if self.spec is not None and self.spec.object_id == spec.object_id and self.process is not None:
                self.process.kill()

    def _ask(self, spec: Spec) -> Outcome:
        """Have the process make a target; start one where there is none, and say so where it dies."""
        failure = self._start()
        if failure is not None:
            return failure
        assert self.process is not None
        said = self._converse(spec.as_json())
        if said is None:
            return Failure(f"the worker process that made it {self._see_off()}; ask again")
        return Product(**said["product"]) if "product" in said else Failure(**said["failure"])

    def _start(self) -> Failure | None:
        """See that there is a process that is ready; else say why not."""
        if self.process is not None and self.process.poll() is None:
            return None
        self._see_off()
        threads = dict.fromkeys(THREADS, str(max(1, (os.cpu_count() or 1) // self.pool.number)))
        environ = {**threads, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with self.lock:
            if self.ended:
                return Failure("the pool of workers was closed before it was made; ask again")
            self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        said = self._converse(self.pool.greeting)
        if said is not None and "ready" in said:
            return None
        end = self._see_off()
        return Failure(**said["failure"]) if said is not None else Failure(f"a worker process {end} at its start; ask again")

    def _converse(self, line: str) -> dict[str, Any] | None:
        """Send one line and wait for the answer; None where the process is gone."""
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(line.encode("ascii") + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            while answer.startswith(LOG) and self.spec is not None:
                self.pool.logged(self.spec.object_id, json.loads(answer)["log"])
                answer = process.stdout.readline()
        except (OSError, ValueError):  # it is gone, or the pool was closed meanwhile
            return None
        return json.loads(answer) if answer.endswith(b"\n") else None

    def _see_off(self) -> str:
        """See that the process has ended, and tell how it did."""
        process, self.process = self.process, None
        if process is None:
            return "was not there"
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):  # what was not yet sent cannot be
            process.stdin.close()
        process.stdout.close()
        try:
            code = process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
