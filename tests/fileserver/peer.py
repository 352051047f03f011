"""A file server as a process of its own: ``python -m tests.fileserver.peer STORE TOKENS PORT [--refer] [PEER ...]``.

A file is granted by hash, and by ``name-HASH``, to those whose token is among TOKENS (with commas).  In the folder of the store
the file ``stuck`` lets it send a byte a second, and ``liar`` lets it send other bytes.
"""
from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from awe.fileserver import Cache, Grant, Store
from awe.fileserver.server import app, serve


class Odd:
    """A server that gets stuck, or lies, when it is told to."""

    def __init__(self, application: Any, root: Path) -> None:
        self.application, self.root = application, root

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        stuck, liar = ((self.root / name).exists() for name in ("stuck", "liar"))

        async def odd(message: Any) -> None:
            if message["type"] != "http.response.body" or not message["body"]:
                await send(message)
                return
            body = bytes(byte ^ 1 for byte in message["body"]) if liar else message["body"]
            for start in range(len(body)) if stuck else ():
                await send({**message, "body": body[start:start + 1], "more_body": True})
                await asyncio.sleep(1)
            if not stuck:
                await send({**message, "body": body})
        if stuck or liar:
            scope["extensions"] = {}
            await self.application(scope, receive, odd)
        else:
            await self.application(scope, receive, send)


def main() -> None:
    root, tokens, port, *peers = sys.argv[1:]
    refer = "--refer" in peers

    def resolve(name: str, token: str | None) -> Grant | None:
        sha = name.removeprefix("name-")
        return Grant(sha, name) if token in tokens.split(",") and len(sha) == 64 else None
    cache = None if refer else Cache(Path(root).parent / f"cache-{port}")
    application = app(Store(root), resolve, [peer for peer in peers if peer != "--refer"], cache=cache, refer=refer)
    serve(Odd(application, Path(root)), port=int(port))


if __name__ == "__main__":
    main()
