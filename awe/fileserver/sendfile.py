"""Files from the page cache straight into the connection, without a copy through Python.

ASGI has no message for this that uvicorn knows. So the protocol offers the application a function among the
`extensions` of each request; an application that finds none there, under another server, sends bytes as usual.
"""
from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, cast

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from awe.errors import StoreError

NAME = "awe.sendfile"
STEP = 16 << 20

SendPart = Callable[[int, int, int], Awaitable[None]]
"""``send_part(descriptor, start, stop)`` sends that part of an open file, after the start of the answer was sent."""


class SendfileProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it with h11, and `sendfile` offered to the application."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        application = cast(Callable[[Scope, Receive, Send], Awaitable[None]], self.app)

        async def offering(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and self.scheme == "http":
                scope.setdefault("extensions", {})[NAME] = self.send_part
            await application(scope, receive, send)

        self.app = cast(Any, offering)

    async def send_part(self, descriptor: int, start: int, stop: int) -> None:
        """Send the bytes `start` to `stop` of an open file; other requests go on between the steps."""
        loop = asyncio.get_running_loop()
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            while start < stop:
                count = min(STEP, stop - start)
                os.posix_fadvise(descriptor, start + count, STEP, os.POSIX_FADV_WILLNEED)
                try:
                    sent = await loop.sendfile(self.transport, file, start, count, fallback=False)
                except ConnectionError:
                    self.cycle.disconnected = True
                    self.transport.abort()
                    raise
                if sent < count:
                    raise StoreError(f"a file got shorter while it was sent: {sent} of {count} bytes at {start}")
                self.conn.send_with_data_passthrough(h11.Data(data=cast(bytes, _Sent(count))))
                start += count


class _Sent:
    """Tells h11, which only counts, how many bytes went past it."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count
