"""A stored file as an HTTP answer: whole, in one part or in several."""
from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from awe.errors import StoreError
from awe.fileserver.grant import Grant
from awe.fileserver.ranges import matches, parse_ranges
from awe.fileserver.sendfile import NAME as SENDFILE
from awe.fileserver.sendfile import SendPart

CHUNK = 1 << 20
_YEAR = 365 * 86400

Piece = bytes | tuple[int, int]
"""Bytes as they are, or a part (start, stop) of the file."""


class FileAnswer:
    """Sends the file at `path`, or what the conditions and ranges in the request leave of it.

    The name says which bytes they are, so the entity tag is the hash, and a copy asked by hash never gets old.
    """

    def __init__(self, path: Path, grant: Grant, request: Headers, *, is_get: bool, by_hash: bool) -> None:
        self.path, self.request, self.is_get = path, request, is_get
        self.media_type = grant.media_type
        self.tag = f'"{grant.sha256}"'
        self.headers = {
            "ETag": self.tag,
            "Accept-Ranges": "bytes",
            "Cache-Control": f"private, max-age={_YEAR}, immutable" if by_hash else "private, no-cache",
            "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(grant.sha256)).decode()}:",
            "Content-Disposition": disposition(grant.global_name or grant.sha256),
            "X-Content-Type-Options": "nosniff",
            "Vary": "Authorization",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            await self._answer(descriptor, os.fstat(descriptor).st_size, scope, receive, send)
        finally:
            os.close(descriptor)

    async def _answer(self, descriptor: int, size: int, scope: Scope, receive: Receive, send: Send) -> None:
        early = self._condition()
        if early is not None:
            await Response(status_code=early, headers=self.headers)(scope, receive, send)
            return
        parts = self._parts(size)
        if parts == []:
            headers = {**self.headers, "Content-Range": f"bytes */{size}"}
            await Response(status_code=416, headers=headers)(scope, receive, send)
            return
        if parts is None:
            await self._start(send, 200, size, {"Content-Type": self.media_type})
            pieces: list[Piece] = [(0, size)]
        elif len(parts) == 1:
            (start, stop), = parts
            await self._start(send, 206, stop - start, {"Content-Type": self.media_type,
                                                        "Content-Range": f"bytes {start}-{stop - 1}/{size}"})
            pieces = [(start, stop)]
        else:
            boundary = secrets.token_hex(16)
            pieces = _multipart(parts, size, self.media_type, boundary)
            length = sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
            await self._start(send, 206, length, {"Content-Type": f"multipart/byteranges; boundary={boundary}"})
        await self._body(scope, send, descriptor, pieces if self.is_get else [])

    def _condition(self) -> int | None:
        """Return 412 or 304 where a condition of the request says so."""
        if_match, if_none_match = self.request.get("if-match"), self.request.get("if-none-match")
        if if_match is not None and not matches(if_match, self.tag, weak=False):
            return 412
        if if_none_match is not None and matches(if_none_match, self.tag, weak=True):
            return 304
        return None

    def _parts(self, size: int) -> list[tuple[int, int]] | None:
        """Return the parts that are asked for; a date in If-Range never matches, for files have none."""
        if not self.is_get or self.request.get("if-range", self.tag).strip() != self.tag:
            return None
        return parse_ranges(self.request.get("range"), size)

    async def _start(self, send: Send, status: int, length: int, headers: Mapping[str, str]) -> None:
        everything = {**self.headers, **headers, "Content-Length": str(length)}
        raw = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in everything.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})

    async def _body(self, scope: Scope, send: Send, descriptor: int, pieces: list[Piece]) -> None:
        send_part: SendPart = (scope.get("extensions") or {}).get(SENDFILE) or _by_copying(send)
        for piece in pieces:
            if isinstance(piece, bytes):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                continue
            try:
                await send_part(descriptor, *piece)
            except ConnectionError:
                break  # who asked went away
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _by_copying(send: Send) -> SendPart:
    """Return a function that sends part of an open file under any server."""

    async def send_part(descriptor: int, start: int, stop: int) -> None:
        while start < stop:
            block = await anyio.to_thread.run_sync(os.pread, descriptor, min(CHUNK, stop - start), start)
            if not block:
                raise StoreError(f"a file got shorter while it was sent: it ends at {start} instead of {stop}")
            start += len(block)
            await send({"type": "http.response.body", "body": block, "more_body": True})

    return send_part


def _multipart(parts: list[tuple[int, int]], size: int, media_type: str, boundary: str
               ) -> list[Piece]:
    pieces: list[Piece] = []
    for start, stop in parts:
        head = (f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
                f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n\r\n")
        pieces += [head.encode("latin-1"), (start, stop)]
    pieces.append(f"\r\n--{boundary}--\r\n".encode("latin-1"))
    return pieces


def disposition(name: str) -> str:
    """Return a Content-Disposition that offers `name`, in ASCII and, where that loses something, in UTF-8 too."""
    name = name.replace("/", "_").replace("\\", "_")
    plain = "".join(c if " " <= c <= "~" and c not in '"%' else "_" for c in name)
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return f'attachment; filename="{plain}"{extended}'
