"""The application: all pages, their twins in the API, the OpenAPI document, and what belongs to none of them."""
from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import AsyncIterator

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from awe.services import openapi, pages
from awe.services.assets import Assets
from awe.services.endpoint import Endpoint
from awe.services.house import House
from awe.services.middleware import SecurityHeaders
from awe.services.page import Page
from awe.services.rendering import Renderer
from awe.services.session import Cookies

#: How many requests wait for the database at once; each takes one connection, or two where it looks at the past.
AT_ONCE = 6


def all_pages() -> list[Page]:
    """The pages of all modules in `awe.services.pages`, in alphabetical order of the modules."""
    found: list[Page] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(pages.__path__)):
        found.extend(importlib.import_module(f"awe.services.pages.{module}").PAGES)
    return found


class Crossroads:
    """The endpoints at one path, by method."""

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on to the one that is asked."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await self.endpoints[method](scope, receive, send)


def create_app(house: House) -> Starlette:
    """The ASGI application that serves an instance."""
    listed, assets, limiter = all_pages(), Assets(), anyio.CapacityLimiter(AT_ONCE)
    renderer, cookies = Renderer(listed, assets), Cookies(house.accounts.key())
    routes = [Route("/static/{digest}/{name}", assets.send, methods=["GET"], name="static")]
    described = openapi.document(listed)

    async def document(request: Request) -> Response:
        return JSONResponse(described)
    routes.append(Route("/api/openapi.json", document, methods=["GET"], name="openapi"))
    ways: dict[str, dict[str, Endpoint]] = {}
    for page in listed:
        for path, is_api in ((page.path, False), (page.twin, True)):
            if path:
                ways.setdefault(path, {})[page.method] = Endpoint(house, cookies, renderer, page, limiter, is_api=is_api)
    plain_first = sorted(ways, key=lambda path: "{" in path)  # what says which ways of asking there are, where none of them fits
    routes += [Route(path, Crossroads(ways[path]), methods=list(ways[path]), name=path) for path in plain_first]

    async def refused(request: Request, error: Exception) -> Response:
        return renderer.failure(request, error, is_api=request.url.path.startswith("/api/"))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        house.close()
    application = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers={HTTPException: refused},
                            lifespan=lifespan)
    application.router.redirect_slashes = False
    application.state.house = house
    return application
