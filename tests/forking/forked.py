"""A forked process, with the face of `subprocess`."""
from __future__ import annotations

import atexit
import functools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("client.py")


@functools.cache
def zygote() -> str:
    """The address of the process that forks for this one; it ends with it."""
    folder = tempfile.mkdtemp(prefix="awe-zygote-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = f"{folder}/socket"
    words = [sys.executable, "-P", "-m", "tests.forking.zygote", address]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == b"ready\n"
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    return address


def stand_in(words: str) -> str:
    """A script for the shell that runs Python with some words, and what it is given."""
    return f'#!/bin/sh\nexec "{sys.executable}" -IS "{CLIENT}" "{zygote()}" {words} "$@"\n'


class Forked(subprocess.Popen):
    """`subprocess.Popen`, for the words after `python`."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any, env: Any,
                       startupinfo: Any, creationflags: Any, shell: Any, p2cread: int, p2cwrite: int, c2pread: int, c2pwrite: int,
                       errread: int, errwrite: int, *_: Any) -> None:
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(zygote())
        request = {"words": list(map(str, args)), "folder": str(cwd or os.getcwd()),
                   "environment": dict(os.environ if env is None else env)}
        streams = [own if own != -1 else number for number, own in enumerate((p2cread, c2pwrite, errwrite))]
        socket.send_fds(self.connection, [json.dumps(request).encode() + b"\n"], streams)
        self.answers = self.connection.makefile("r")
        self.pid = int(self.answers.readline())
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """How it ended, as `os.waitpid` says it: by way of the process that forked it."""
        if wait_flags & os.WNOHANG and not select.select([self.connection], [], [], 0)[0]:
            return 0, 0
        code = int(self.answers.readline())
        self.answers.close()
        self.connection.close()
        return self.pid, code << 8 if code >= 0 else -code

    def _internal_poll(self, _deadstate: Any = None, **_: Any) -> int | None:
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid == self.pid:
                self._handle_exitstatus(status)
        return self.returncode


def run_forked(*words: object, check: bool = False, timeout: float = 280, **given: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run`, with what it says as text; `words` are those after `python`."""
    with Forked(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **given) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    done = subprocess.CompletedProcess(words, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done
