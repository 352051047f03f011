"""Who is logged in: a signed cookie with user, project and what belongs to forms; nothing of it is kept on the server."""
from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "awe_session"
#: How long a log-in lasts, in seconds.
LASTS = 7 * 86400
LONGEST = 4000


@dataclass(frozen=True)
class Session:
    """What the cookie holds.

    Attributes
    ----------
    user, epoch
        who logged in, and the epoch of their account then
    project
        the project they work for
    nonce
        drawn anew at each log-in: what forms are signed with
    said
        what is to be said on the next page
    """

    user: str = ""
    epoch: int = 0
    project: str = ""
    nonce: str = ""
    said: str = ""

    @classmethod
    def new(cls, **values: Any) -> Self:
        """A new session."""
        return cls(nonce=secrets.token_urlsafe(12), **values)

    def saying(self, text: str) -> Session:
        """The same, with something to say on the next page."""
        return replace(self, said=text[:500])


class Cookies:
    """Writes and reads the cookie of the session."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._signer = URLSafeTimedSerializer(key, salt="awe-session", signer_kwargs={"digest_method": hashlib.sha256})

    def read(self, request: Request) -> Session:
        """The session of a request; an empty one where the cookie is missing, old or not ours."""
        text = request.cookies.get(COOKIE, "")
        if not text or len(text) > LONGEST:
            return Session()
        try:
            held = self._signer.loads(text, max_age=LASTS)
            return Session(str(held["user"]), int(held["epoch"]), str(held["project"]), str(held["nonce"]), str(held["said"]))
        except (BadData, KeyError, TypeError, ValueError, UnicodeError):
            return Session()

    def write(self, response: Response, session: Session, *, secure: bool) -> None:
        """Let an answer set the cookie; an empty session takes it away."""
        if session == Session():
            response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="lax")
            return
        response.set_cookie(COOKIE, str(self._signer.dumps(asdict(session))), max_age=LASTS, path="/", secure=secure, httponly=True,
                            samesite="lax")

    def form_token(self, session: Session) -> str:
        """What a form of this session carries; nobody else's page can know it."""
        return hmac.new(self._key, f"form:{session.nonce}:{session.user}".encode(), hashlib.sha256).hexdigest()

    def is_ours(self, session: Session, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return bool(session.nonce) and hmac.compare_digest(self.form_token(session).encode(), token.encode("utf8", "replace"))
