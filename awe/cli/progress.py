"""Progress of long work, as a bar on stderr; there is none where stderr is no terminal."""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from awe.dataflow.node import Node

Tell = Callable[[int, int, str], None]


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Tell]:
    """A function to call with how many are done, how many there are, and what is being done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[now]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, now="")

        def tell(done: int, total: int, now: str = "") -> None:
            bar.update(task, completed=done, total=total, now=now)
        yield tell


def of_targets(tell: Tell) -> Callable[[str, Node, int, int], None]:
    """The same for the making of targets."""
    return lambda word, node, done, planned: tell(done, planned, f"{word} {node.name}")
