"""Who asks: the holder of a token, somebody who logged in, or nobody in particular."""
from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request

from awe.errors import ForbiddenError
from awe.persist.identity import Identity
from awe.services.failures import Refused
from awe.services.house import House
from awe.services.page import Page
from awe.services.session import Cookies, Session

BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,4096})", re.IGNORECASE)
#: What a program that has the cookie says beside it, in place of the field of a form.
FORM_HEADER, FORM_FIELD = "X-CSRF-Token", "csrf"


@dataclass(frozen=True)
class Asker:
    """Who asks, how they said so, and whether they may change something."""

    identity: Identity
    session: Session
    by_token: bool = False
    may_edit: bool = False


def asker(house: House, cookies: Cookies, request: Request) -> Asker:
    """Who sent a request.

    Raises Refused for a token that is not known, and for another form of authorization.
    """
    stated = request.headers.get("authorization")
    if stated is not None:
        match = BEARER.fullmatch(stated)
        if match is None:
            raise Refused(401, "the Authorization header is no bearer token; write `Authorization: Bearer TOKEN`",
                          {"WWW-Authenticate": "Bearer"})
        try:
            held = house.tokens.held(match[1])
            return Asker(house.identity(held.user, held.project), Session(), True, held.may_edit)
        except ForbiddenError as error:
            raise Refused(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error
    session = cookies.read(request)
    account = house.accounts.of(session.user) if session.user else None
    if account is None or account.epoch != session.epoch:
        session = Session(nonce=session.nonce, said=session.said) if not session.user else Session()
        return Asker(house.identity("", house.instance.config.project), session)
    try:
        return Asker(house.identity(session.user, session.project), session, may_edit=True)
    except ForbiddenError:
        return Asker(house.identity("", house.instance.config.project), Session())


def check_form(cookies: Cookies, who: Asker, page: Page, request: Request, token: str) -> None:
    """Raise Refused where a change was not asked for by who it seems."""
    if page.method == "GET" or who.by_token:
        if page.method != "GET" and page.needs_user and not who.may_edit:
            raise Refused(403, "this token may look, and not change anything; `awe user token --may-edit` makes one that may")
        return
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "this form was sent by a page of another site")
    if page.needs_form and not cookies.is_ours(who.session, request.headers.get(FORM_HEADER) or token):
        raise Refused(403, "this form is too old, or was not sent by a page of ours; go back, load the page anew, and send it again")
