"""Looks at many files, here or in worker processes; workers are handed JSON."""
from __future__ import annotations

import functools
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from awe.errors import TransientError
from awe.ingest.look import look
from awe.instruments import Definition, load


def look_at_all(files: Sequence[str], definitions: Sequence[Definition], workers: int) -> Iterator[dict[str, Any]]:
    """What `look` says of each file, in the order given."""
    if workers < 2 or len(files) < 2:
        for path in files:
            yield look(path, definitions)
        return
    texts = json.dumps([definition.text for definition in definitions])
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for answer in pool.map(functools.partial(look_here, texts), files, chunksize=4):
                yield json.loads(answer)
        except BrokenProcessPool:
            raise TransientError("a process that looked at files was killed, perhaps for want of memory; what was taken before is there; "
                                 "ingest the same again, with fewer workers") from None


def look_here(texts: str, path: str) -> str:
    """Look at one file in a worker."""
    return json.dumps(look(path, definitions_of(texts)))


@functools.lru_cache(maxsize=4)
def definitions_of(texts: str) -> tuple[Definition, ...]:
    """The instrument files, read once in each worker."""
    return tuple(load(text) for text in json.loads(texts))
