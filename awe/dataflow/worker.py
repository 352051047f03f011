"""What a worker process does: ``python -m awe.dataflow.worker``, started by `Workers` and spoken to in lines of JSON.

The first line says which instance to open; each further one what to make, and gets one line in answer, before which there may be
some with what was logged so far.  What targets print goes
to stderr.  A worker ends with its standard input, also in the middle of its work: then the process that would commit is gone.
"""
from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from awe.config import Config
from awe.dataflow.instance import Instance, open_instance
from awe.dataflow.maker import Failure, Spec, attempt
from awe.dataflow.registry import load_targets
from awe.fileserver import Store


def main() -> None:
    """Answer one line after the other until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(sys.stdin.buffer, lines), daemon=True).start()
    try:
        instance = start(json.loads(lines.get()))
    except Exception as error:  # noqa: BLE001 - told to whoever started this process
        reply(answers, json.dumps({"failure": vars(Failure.of(error))}))
        return
    reply(answers, json.dumps({"ready": os.getpid()}))
    while True:
        done = attempt(Spec(**json.loads(lines.get())), instance, lambda text: reply(answers, json.dumps({"log": text})))
        kind = "failure" if isinstance(done, Failure) else "product"
        reply(answers, json.dumps({kind: vars(done)}))


def listen(source: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    """Read lines until there are no more, and then end the process, whatever it does."""
    for line in source:
        lines.put(line)
    os._exit(0)


def reply(answers: BinaryIO, text: str) -> None:
    """Send one line."""
    answers.write(text.encode("ascii") + b"\n")
    answers.flush()


def start(words: dict[str, Any]) -> Instance:
    """Open the instance and import what defines the targets; pins are set in the name of the process that commits."""
    sys.path[:] = words["path"]
    values: dict[str, Any] = words["settings"]
    instance = open_instance(Config(**{**values, "home": Path(values["home"])}))
    instance.store = Store(instance.store.root, owner=words["owner"])
    load_targets()
    for module in words["modules"]:
        importlib.import_module(module)
    return instance


if __name__ == "__main__":
    main()
