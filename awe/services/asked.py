"""One request, as a page sees it: who asks, what for, and the instance with their eyes."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import Headers

from awe.dataflow.instance import Instance
from awe.errors import QueryError, did_you_mean
from awe.persist.identity import Identity
from awe.persist.session import Database
from awe.services.failures import Refused
from awe.services.house import House
from awe.services.page import Page
from awe.services.session import Session


@dataclass
class Asked:
    """One request.

    Attributes
    ----------
    house
        what is served
    page
        the page that is asked for
    identity
        who asks
    session
        what the cookie holds; a page that returns `Done` may put another in its place
    values
        the parameters of the page, each in its type
    texts
        the same as they came
    is_api
        whether the twin is asked, which answers in JSON
    may_edit
        whether who asks may change something: with a cookie, or a token that says so
    headers, is_get
        what the request says of itself
    client
        the address of who asks
    instance
        the instance with their eyes, while the page answers
    """

    house: House
    page: Page
    identity: Identity
    session: Session
    values: Mapping[str, Any]
    texts: Mapping[str, Sequence[str]]
    is_api: bool = False
    may_edit: bool = False
    headers: Headers = field(default_factory=Headers)
    is_get: bool = True
    client: str = ""
    _instance: Instance | None = field(default=None, repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def instance(self) -> Instance:
        """The instance with the eyes of who asks."""
        assert self._instance is not None
        return self._instance

    @property
    def database(self) -> Database:
        """The database with the eyes of who asks."""
        return self.instance.database

    @property
    def path(self) -> str:
        """The path of the page with its parameters filled in."""
        return self.page.path.format(**{name: quote(str(self.texts[name][0]), safe="") for name in self.page.in_path})

    def url(self, **changes: Any) -> str:
        """A link to the same view with some parameters changed, or taken away by None: the permalink, where nothing is changed."""
        known = self.page.all_parameters
        given = {name: list(texts) for name, texts in self.texts.items() if name in known and name not in self.page.in_path}
        for name, value in changes.items():
            given[name] = [] if value is None else [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
        pairs = [(name, text) for name, texts in given.items() for text in texts]
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path

    def need_user(self) -> Identity:
        """Who asks; raises `Refused` for anonymous users."""
        if self.identity.is_anonymous:
            raise Refused(401, "this is for those who are logged in; log in, or show a token")
        return self.identity


def read_values(page: Page, texts: Mapping[str, Sequence[str]], *, strict: bool = False) -> dict[str, Any]:
    """The parameters of a page in their types; raises QueryError for what is not known or cannot be."""
    known = page.all_parameters
    for name in texts:
        if name not in known:
            raise QueryError(f"{name[:40]!r} is no parameter of this page{did_you_mean(name[:40], known)}")
    return {name: one.read(list(texts.get(name, ())), strict=strict) for name, one in known.items()}
