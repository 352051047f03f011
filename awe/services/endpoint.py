"""From a request to the answer of a page: who asks, what for, and in which form they get it."""
from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from awe.face.plain import plain
from awe.fileserver.answer import FileAnswer
from awe.services import tally
from awe.services.access import FORM_FIELD, Asker, asker, check_form
from awe.services.asked import Asked, read_values
from awe.services.export import exported
from awe.services.failures import INSIDE, Refused, status_of
from awe.services.house import House
from awe.services.page import Page
from awe.services.reading import LONGEST_QUERY, Texts, body_of, texts_of
from awe.services.rendering import Frame, Renderer
from awe.services.session import Cookies, Session
from awe.services.shown import Done, Sent, Shown

log = logging.getLogger("awe.services")

class Endpoint:
    """One page, or its twin in the API.

    What waits for the database is done in threads, a few at a time.
    """

    def __init__(self, house: House, cookies: Cookies, renderer: Renderer, page: Page, limiter: anyio.CapacityLimiter, *,
                 is_api: bool) -> None:
        self.house, self.cookies, self.renderer, self.page, self.limiter, self.is_api = house, cookies, renderer, page, limiter, is_api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self.answered(Request(scope, receive))
        await answer(scope, receive, send)

    async def answered(self, request: Request) -> Response | FileAnswer:
        """The answer to one request."""
        counted = tally.Tally()
        tally.current.set(counted)
        try:
            if len(request.scope.get("query_string", b"")) > LONGEST_QUERY:
                raise Refused(400, f"an address has at most {LONGEST_QUERY} characters after its question mark")
            body = await body_of(request) if request.method not in ("GET", "HEAD") else b""
        except Refused as error:
            return self.renderer.failure(request, error, is_api=self.is_api)
        except ClientDisconnect:
            return Response(status_code=400)
        response = await anyio.to_thread.run_sync(self.work, request, body, limiter=self.limiter)
        response.headers["Server-Timing"] = f'total;dur={counted.milliseconds:.1f}, sql;desc="{counted.statements}"'
        response.headers.setdefault("Vary", "Cookie, Authorization")
        return response

    def work(self, request: Request, body: bytes) -> Response | FileAnswer:
        """Answer, in a thread of its own."""
        who: Asker | None = None
        try:
            who = asker(self.house, self.cookies, request)
            return self.answer(request, who, texts_of(request, body, self.page))
        except Exception as error:
            status = status_of(error)
            if status is None:
                log.exception("%s %s failed", request.method, request.url.path)
            elif status == 503 or isinstance(error, INSIDE):
                log.error("%s %s: %s", request.method, request.url.path, error)
            elif status == 401 and not self.is_api and request.method == "GET" and who is not None and not who.by_token:
                return RedirectResponse(f"/login?next={quote(request.url.path, safe='/')}", 303)
            return self.renderer.failure(request, error, who, is_api=self.is_api)

    def answer(self, request: Request, who: Asker, texts: Texts) -> Response | FileAnswer:
        """Ask the page, with the eyes of who asks."""
        page = self.page
        token = "".join(texts.pop(FORM_FIELD, [])[:1]) if page.method != "GET" else ""
        if page.needs_user and who.identity.is_anonymous:
            raise Refused(401, "this is for those who are logged in; log in, or show a token")
        check_form(self.cookies, who, page, request, token)
        asked = Asked(self.house, page, who.identity, who.session, read_values(page, texts, strict=self.is_api), texts, self.is_api,
                      who.may_edit, request.headers, request.method == "GET", request.client.host if request.client else "")
        with self.house.seen_by(who.identity) as instance:
            asked._instance = instance
            found = page.answer(asked)
            return self.sent(request, asked, who, found)

    def sent(self, request: Request, asked: Asked, who: Asker, found: Any) -> Response | FileAnswer:
        """What a page answered, in the form that was asked for."""
        if isinstance(found, Response | FileAnswer):
            return found
        if isinstance(found, Sent):
            headers = {**found.headers, **({"Content-Disposition": f'inline; filename="{found.name}"'} if found.name else {})}
            return Response(found.body, found.status, headers, media_type=found.media_type)
        if isinstance(found, Done):
            return self.done(request, asked, found)
        assert isinstance(found, Shown)
        form = asked.values.get("format", "html")
        if found.table is not None and form not in ("html", "json"):
            return exported(found.table, form)
        if self.is_api or form == "json":
            return JSONResponse(plain(found.data), found.status)
        session, fresh = asked.session, Session()
        if not who.by_token:
            fresh = session if session.nonce else Session.new(user=session.user, epoch=session.epoch, project=session.project)
        frame = Frame(request, asked.identity, fresh, self.cookies.form_token(fresh) if fresh.nonce else "", asked)
        response = self.renderer.page(found, frame)
        if fresh.said or (frame.has_form and fresh != session):
            self.cookies.write(response, Session(fresh.user, fresh.epoch, fresh.project, fresh.nonce), secure=request.url.scheme == "https")
        return response

    def done(self, request: Request, asked: Asked, found: Done) -> Response:
        """Something was done: on to the next page, or plain data."""
        if self.is_api:
            return JSONResponse(plain({"message": found.message, **found.data}))
        response = RedirectResponse(found.to, 303)
        session = asked.session
        if found.message:
            session = (session if session.nonce else Session.new()).saying(found.message)
        self.cookies.write(response, session, secure=request.url.scheme == "https")
        return response
