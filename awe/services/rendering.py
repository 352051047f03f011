"""Pages as HTML: the frame that all have, and the words and figures that templates use."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from awe import __version__
from awe.persist.identity import LEVELS, WORLD, Identity
from awe.services import tally, words
from awe.services.access import Asker
from awe.services.asked import Asked
from awe.services.assets import Assets
from awe.services.failures import PROBLEM, TITLES, Refused, message_of, problem, status_of
from awe.services.page import Page
from awe.services.session import Session
from awe.services.shown import Shown

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "awe_theme"


@dataclass
class Frame:
    """What stands around a page: who asks, and the token that its forms carry."""

    request: Request
    identity: Identity
    session: Session
    token: str = ""
    asked: Asked | None = None
    has_form: bool = False

    def form_token(self) -> str:
        """The token of the forms of this page; from now on the answer carries the cookie that belongs to it."""
        self.has_form = True
        return self.token

    @property
    def theme(self) -> str:
        """Light, dark, or as the browser prefers."""
        wanted = self.request.cookies.get(THEME_COOKIE, "auto")
        return wanted if wanted in THEMES else "auto"

    @property
    def here(self) -> str:
        """The address of this page on this host."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")


class Renderer:
    """Fills templates; everything that comes from elsewhere is escaped."""

    def __init__(self, pages: list[Page], assets: Assets) -> None:
        self.menu = sorted((page for page in pages if page.menu), key=lambda page: (page.rank, page.menu))
        self.environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
                                              undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self.environment.filters.update(words.FILTERS)
        self.environment.globals.update({"asset": assets.url, "menu": self.menu, "version": __version__, "LEVELS": LEVELS})

    def page(self, shown: Shown, frame: Frame) -> Response:
        """A page in its frame."""
        template = self.environment.get_template(shown.template)
        text = template.render({**shown.data, **shown.more}, frame=frame, title=shown.title, awe=shown.awe, tally=tally.current.get(),
                               asked=frame.asked)
        return HTMLResponse(text, shown.status)

    def failure(self, request: Request, error: BaseException, who: Asker | None = None, *, is_api: bool) -> Response:
        """An error, as a page or as the API tells it; a fault of ours is said to be one, and nothing of it is shown."""
        headers: dict[str, str] = {}
        if isinstance(error, HTTPException):
            status, message, headers = error.status_code, WORDS.get(error.status_code, str(error.detail)), dict(error.headers or {})
        else:
            status = status_of(error) or 500
            message = message_of(error) if status != 500 else "this is a fault of awe itself; it was noted in the log of the server"
            headers = dict(error.headers) if isinstance(error, Refused) else {}
        if status == 401 and is_api:
            headers.setdefault("WWW-Authenticate", "Bearer")
        if status == 503:
            headers.setdefault("Retry-After", "10")
        if is_api:
            return JSONResponse(problem(status, message), status, headers, media_type=PROBLEM)
        identity, session = (who.identity, who.session) if who is not None else (Identity("", 0, "", 0, WORLD), Session())
        shown = Shown("error.html", TITLES.get(status, "Refused"), {"status": status, "message": message}, status=status)
        response = self.page(shown, Frame(request, identity, session))
        response.headers.update(headers)
        return response


WORDS = {404: "there is no such page; the menu leads to those there are", 405: "this page cannot be asked in that way"}
