"""``python -m tests.forking.zygote SOCKET``: fork for everyone who asks at a socket, until the process that started this ends.

A request is one line of JSON with the words after `python`, the folder and the environment, and comes with the descriptors of stdin,
stdout and stderr. The answer is a line with the number of the process, and one with how it ended. Who goes away has it killed.
"""
from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from typing import NoReturn

import numba  # noqa: F401 - compiled kernels are loaded by it

import awe.cli.main
import awe.cli.opened
import awe.connection
import awe.dataflow.planner
import awe.ingest
import awe.science.compiling  # noqa: F401 - all modules of science


def serve(address: str) -> None:
    """Fork for who asks; in the forked process this returns never."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.freeze()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    asking: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, heard, listening, *asking.values()], [], [])
        for pid, connection in list(asking.items()):
            if connection in ready:
                os.kill(pid, signal.SIGKILL)  # whoever asked is gone
                asking.pop(pid).close()
        if heard in ready:
            os.read(heard, 4096)
            report(asking)
        if listening in ready:
            connection, _ = listening.accept()
            pid, request = fork(connection)
            if pid == 0:
                for one in (listening, connection, *asking.values()):
                    one.close()
                become(request)
            asking[pid] = connection
        if sys.stdin in ready:
            return


def report(asking: dict[int, socket.socket]) -> None:
    """Say of all processes that have ended how they did."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in asking:
            with asking.pop(pid) as connection:
                tell(connection, os.waitstatus_to_exitcode(status))


def tell(connection: socket.socket, number: int) -> None:
    """A number for who asked, if still there."""
    try:
        connection.sendall(b"%d\n" % number)
    except ConnectionError:
        connection.close()


def fork(connection: socket.socket) -> tuple[int, dict]:
    """Read what is asked, and fork; both sides get it."""
    text, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 20)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
    else:
        tell(connection, pid)
    for descriptor in descriptors:
        os.close(descriptor)
    return pid, json.loads(text)


def become(request: dict) -> NoReturn:
    """Be what was asked for, as if just started."""
    own = {os.path.abspath(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place}
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    places = [os.path.abspath(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    time.tzset()
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, encoding="utf8", buffering=1 if mode == "w" else -1, closefd=False)
                                         for number, mode in ((0, "r"), (1, "w"), (2, "w")))
    kind, program, *words = request["words"]
    sys.path[:] = ["" if kind == "-c" else os.getcwd(), *places, *(place for place in sys.path if place not in own)]
    sys.argv[:] = ["-c", *words] if kind == "-c" else [program, *words]
    if kind == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    sys.exit()


if __name__ == "__main__":
    serve(sys.argv[1])
