"""A pool of long-lived worker processes that make targets; they are spawned, and handed JSON."""
from __future__ import annotations

import importlib
import json
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

from awe.config import Config
from awe.dataflow.instance import Instance, current, open_instance
from awe.dataflow.maker import Product, Spec, make
from awe.dataflow.registry import load_targets
from awe.errors import TransientError
from awe.fileserver import Store


class Workers:
    """`number` processes that make targets of one instance.

    `modules` are those that define the classes to be made, besides those of installed packages.
    """

    def __init__(self, instance: Instance, number: int, modules: Iterable[str] = ()) -> None:
        who = instance.database.identity
        config = replace(instance.config, user=who.user, project=who.project, privileges=who.privileges)
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(config).items()}
        self.number = number
        self.pool = ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("spawn"), initializer=start,
                                        initargs=(json.dumps(settings), instance.store.owner, json.dumps(sorted(modules))))

    @property
    def room(self) -> int:
        """How many targets are handed out at a time."""
        return self.number + 1

    def submit(self, spec: Spec) -> Future[Product]:
        """Have a target made."""
        answer: Future[Product] = Future()

        def passed_on(done: Future[str]) -> None:
            error = done.exception()
            if isinstance(error, BrokenProcessPool):
                answer.set_exception(TransientError("a worker process was killed while making it; ask again"))
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(Product(**json.loads(done.result())))
        self.pool.submit(work, spec.as_json()).add_done_callback(passed_on)
        return answer

    def close(self) -> None:
        """End the processes."""
        self.pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start(settings: str, owner: str, modules: str) -> None:
    """Open the instance in a worker; pins are set in the name of the parent, who commits."""
    values: dict[str, Any] = json.loads(settings)
    instance = open_instance(Config(**{**values, "home": Path(values["home"])}))
    instance.store = Store(instance.store.root, owner=owner)
    load_targets()
    for module in json.loads(modules):
        importlib.import_module(module)


def work(spec: str) -> str:
    """Make a target in a worker."""
    return make(Spec(**json.loads(spec)), current()).as_json()


