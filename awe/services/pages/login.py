"""Log-in, log-out, the project somebody works for, and light or dark."""
from __future__ import annotations

import math

from starlette.responses import RedirectResponse, Response

from awe.errors import ForbiddenError
from awe.services.asked import Asked
from awe.services.declared import Parameter
from awe.services.failures import Refused
from awe.services.page import Page
from awe.services.rendering import THEME_COOKIE, THEMES
from awe.services.session import Session
from awe.services.shown import Done, Shown

NEXT = Parameter("next", str, "the page to go on to", "/")
YEAR = 365 * 86400


def inside(path: str) -> str:
    """The path, where it is one of ours; else the front page."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not any(ord(one) < 33 or ord(one) > 126 for one in path)
    return path if ours else "/"


def form(asked: Asked) -> Shown:
    """The form that asks for user and password."""
    return Shown("login.html", "Log in", {"user": asked["user"]}, more={"next": inside(asked["next"])})


def log_in(asked: Asked) -> Done:
    """Compare user and password with the account; somebody who tries often has to wait."""
    user, house = asked["user"].strip(), asked.house
    wait = max(house.tries.wait(("user", user)), house.callers.wait(("from", asked.client)))
    if wait:
        raise Refused(429, f"that was tried too often; wait {math.ceil(wait)} seconds", {"Retry-After": str(math.ceil(wait))})
    account = house.accounts.verify(user, asked["password"])
    if account is None:
        raise Refused(403, "user and password do not belong together; go back, and try again")
    house.tries.forgive(("user", user))
    who = house.identity(user, house.instance.config.project)
    asked.session = Session.new(user=user, epoch=account.epoch, project=who.project)
    return Done(f"Welcome, {user}; you work for {who.project}.", inside(asked["next"]))


def log_out(asked: Asked) -> Done:
    """Forget who is logged in."""
    asked.session = Session()
    return Done("", "/")


def work_for(asked: Asked) -> Done:
    """Work for another project."""
    who = asked.house.identity(asked.identity.user, asked["project"])
    if who.project != asked["project"]:
        raise ForbiddenError(f"{asked.identity.user} cannot work for {asked['project']!r}: there is no such project, or it is private")
    asked.session = Session(asked.session.user, asked.session.epoch, who.project, asked.session.nonce)
    return Done(f"You work for {who.project} now.", inside(asked["next"]), awe=f"context.set_project({who.project!r})")


def theme(asked: Asked) -> Response:
    """Show pages light, dark, or as the browser prefers."""
    response = RedirectResponse(inside(asked["next"]), 303)
    response.set_cookie(THEME_COOKIE, asked["theme"], max_age=YEAR, samesite="lax", path="/")
    return response


PAGES = [
    Page("login", "/login", form, "the form to log in", (NEXT, Parameter("user", str, "the name of the user", "", longest=63)), api=""),
    Page("log in", "/login", log_in, "log in", (NEXT, Parameter("user", str, "the name of the user", required=True, longest=63),
                                                Parameter("password", str, "the password", required=True, longest=1000)),
         method="POST", api=""),
    Page("log out", "/logout", log_out, "log out", method="POST", api=""),
    Page("work for", "/project", work_for, "work for another project",
         (NEXT, Parameter("project", str, "the project", required=True, longest=63)), method="POST", api="", needs_user=True),
    Page("theme", "/theme", theme, "show pages light or dark", (NEXT, Parameter("theme", str, "which", "auto", choices=THEMES)),
         method="POST", api="", needs_form=False),
]
