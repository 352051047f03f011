"""The file server: GET and HEAD of files by name or hash, PUT by hash, over plain HTTP.

It knows nothing of users and rows: `resolve`, given by the layer above, says what the holder of a token may do. To one
without a token everything that is not open to all is 401, whether it exists or not; to one with a token what he may
not see is 404, whether it exists or not.

What was PUT stays for at least a day (the collector's `min_age`); by then a row must refer to it.
"""
from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from awe.errors import ForbiddenError, IntegrityError, MissingFileError, StoreError, StoreFullError
from awe.fileserver.answer import FileAnswer
from awe.fileserver.cache import Cache
from awe.fileserver.client import DAMAGED
from awe.fileserver.digest import is_hash
from awe.fileserver.grant import Grant, Resolve
from awe.fileserver.peers import HOPS, VIA, Holder, Peers, Way
from awe.fileserver.sendfile import SendfileProtocol
from awe.fileserver.store import Store

log = logging.getLogger("awe.fileserver")

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,4096})", re.IGNORECASE)
_HIDDEN = re.compile(r"[\x00-\x1f\x7f/\\\ufffd]|[\ud800-\udfff]")
_LONGEST_NAME = 255
PIECE = 1 << 20


class _Server:
    def __init__(self, store: Store, resolve: Resolve, peers: Peers, *, refer: bool) -> None:
        self.store, self.resolve, self.peers, self.refer = store, resolve, peers, refer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request under /files/."""
        request = Request(scope, receive)
        try:
            answer = await (self._put(request) if request.method == "PUT" else self._get(request))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _get(self, request: Request) -> ASGIApp:
        grant, name, token = await self._grant(request)
        if not grant.may_get:
            raise _unseen(token)
        path = await anyio.to_thread.run_sync(self.peers.here, self.store, grant.sha256)
        if path is None and (self.refer or request.method == "HEAD"):
            return await self._elsewhere(grant, token, request)
        path = path or await anyio.to_thread.run_sync(self.peers.fetch, self.store, grant.sha256, token, _way(request))
        if path is None:
            raise self._missing(grant, token)
        if grant.size is not None and path.stat().st_size != grant.size:
            log.error("%s is %d bytes long, and its row says %d: run `awe fsck`", path, path.stat().st_size, grant.size)
            raise _damaged()
        return FileAnswer(path, grant, request.headers, is_get=request.method == "GET", by_hash=is_hash(name))

    async def _elsewhere(self, grant: Grant, token: str | None, request: Request) -> Response:
        """What is not here: where a peer has it, or how long it is there."""
        def first() -> Holder | None:
            return next(self.peers.holders(grant.sha256, token, _way(request)), None)
        holder = await anyio.to_thread.run_sync(first)
        if holder is None:
            raise self._missing(grant, token)
        if self.refer:
            return Response(status_code=307, headers={"Location": f"{holder.address}/files/{grant.sha256}", "Cache-Control": "no-store",
                                                      "Vary": "Authorization"})
        return Response(headers={"ETag": f'"{grant.sha256}"', "Content-Length": str(holder.size), "Content-Type": grant.media_type,
                                 "Accept-Ranges": "bytes", "Cache-Control": "no-store", "Vary": "Authorization"})

    def _missing(self, grant: Grant, token: str | None) -> HTTPException:
        """The answer where no whole copy can be had: that it is damaged, where there is one that is."""
        if not self.store.has(grant.sha256):
            return _unseen(token)
        log.error("%s does not have the SHA-256 of its name: run `awe fsck --contents`", self.store.path(grant.sha256))
        return _damaged()

    async def _put(self, request: Request) -> Response:
        grant, name, token = await self._grant(request)
        if not is_hash(name):
            raise _refused(400, "a file is put under its SHA-256, in 64 lower-case hexadecimal digits")
        if not grant.may_put:
            raise _refused(403, "this token may not put files") if token else _unseen(token)
        try:
            await self._receive(request, name)
        except IntegrityError:
            raise _refused(400, "the bytes that came are not those of that name; nothing was kept") from None
        except StoreFullError:
            raise _refused(507, "there is no room; nothing was kept") from None
        return PlainTextResponse("kept", 201, {"ETag": f'"{name}"', "Location": f"/files/{name}"})

    async def _receive(self, request: Request, sha: str) -> None:
        """Write what comes, in pieces of a mebibyte, verify it and keep it; waiting for the disk in other threads."""
        with self.store.receive() as incoming:
            waiting = bytearray()
            async for piece in request.stream():
                waiting += piece
                if len(waiting) >= PIECE:
                    await anyio.to_thread.run_sync(incoming.write, memoryview(waiting))
                    waiting = bytearray()
            await anyio.to_thread.run_sync(incoming.write, memoryview(waiting))
            await anyio.to_thread.run_sync(self.store.keep, incoming, sha)
        await anyio.to_thread.run_sync(self.store.unpin, [sha])

    async def _grant(self, request: Request) -> tuple[Grant, str, str | None]:
        name = request.path_params["name"]
        match = _BEARER.fullmatch(request.headers.get("authorization", ""))
        token = match[1] if match else None
        if len(name) > _LONGEST_NAME or _HIDDEN.search(name):
            raise _unseen(token)
        try:
            grant = await anyio.to_thread.run_sync(self.resolve, name, token)
        except ForbiddenError:
            raise _refused(403, "this token is not allowed here") from None
        if grant is None:
            raise _unseen(token)
        return grant, name, token


def _refused(status: int, why: str) -> HTTPException:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="awe"'
    return HTTPException(status, why, headers)


def _damaged() -> HTTPException:
    return HTTPException(500, "the file is damaged here; tell those who keep this server", {"Cache-Control": "no-store", DAMAGED: "1"})


def _unseen(token: str | None) -> HTTPException:
    return _refused(404, "there is no such file for this token") if token else _refused(401, "a token is wanted")


def _way(request: Request) -> Way:
    text, via = request.headers.get(HOPS, "0"), request.headers.get(VIA, "")
    hops = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else 0
    return Way(hops, tuple(name for name in via[:2000].split(",") if re.fullmatch(r"[0-9a-f]{16}", name)))


async def _store_failed(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, error)
    return PlainTextResponse("the store does not work now; try again later", 503, {"Retry-After": "60"})


def app(store: Store, resolve: Resolve, peers: Iterable[str] = (), max_hops: int = 3, *,
        cache: Cache | None = None, refer: bool = False) -> Starlette:
    """Return the file server of `store` as an ASGI application.

    A file that is granted but not here is asked of `peers` (their base addresses), with the user's token, and kept in
    `cache`, or in the store where no cache is given; with `refer` who asks is told instead which peer has it. A request that
    came through `max_hops` servers, or through this one, is not passed on. What lies here with other bytes than its name says
    counts as not being here.
    """
    server = _Server(store, resolve, Peers(tuple(peers), max_hops, cache), refer=refer)
    application = Starlette(routes=[Route("/files/{name}", server, methods=["GET", "HEAD", "PUT"])],
                            exception_handlers={StoreError: _store_failed, MissingFileError: _store_failed})
    application.router.redirect_slashes = False
    return application


SETTINGS: dict[str, Any] = {"http": SendfileProtocol, "loop": "asyncio", "ws": "none", "lifespan": "off",
                            "access_log": False, "server_header": False, "log_level": "warning"}
"""How uvicorn is set for it: the event loop of the standard library is the one that has `sendfile`."""


def serve(application: ASGIApp, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until interrupted."""
    uvicorn.run(application, host=host, port=port, **SETTINGS)
