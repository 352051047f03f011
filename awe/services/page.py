"""A page as it is declared: one function that answers, from which come the page, its twin in the API and its entry in OpenAPI."""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from awe.services.declared import Parameter

API = "/api/v1"


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes
    ----------
    name
        its identifier, unique among all pages
    path
        where it is, with its path parameters in braces
    answer
        the function that answers: it takes an `Asked` and returns a `Shown`, `Done` or `Sent`
    summary
        what it shows or does, on one line
    parameters
        what it takes, those of the path among them
    method
        ``GET`` for what looks, ``POST`` for what changes something
    api
        where its twin is; by default at the same path under ``/api/v1``; empty where it has none
    needs_user
        whether anonymous users are asked to log in
    needs_form
        whether a change has to come from a form of a page of the same session
    formats
        in which forms other than a page its table can be had, such as ``csv``
    menu
        its word in the navigation; empty where it does not stand there
    rank
        where in the navigation
    """

    name: str
    path: str
    answer: Callable[[Any], Any]
    summary: str
    parameters: tuple[Parameter, ...] = ()
    method: str = "GET"
    api: str | None = None
    needs_user: bool = False
    needs_form: bool = True
    formats: tuple[str, ...] = ()
    menu: str = ""
    rank: int = 50

    @property
    def twin(self) -> str:
        """The path of its twin in the API; empty where there is none."""
        return f"{API}{self.path.rstrip('/')}" if self.api is None else self.api

    @property
    def in_path(self) -> tuple[str, ...]:
        """The names of its path parameters."""
        return tuple(re.findall(r"{(\w+)(?::\w+)?}", self.path))

    @property
    def all_parameters(self) -> dict[str, Parameter]:
        """Everything it takes, by name: its own, and the format where it has some."""
        own = {one.name: one for one in self.parameters}
        if self.formats and "format" not in own:
            own["format"] = Parameter("format", str, "in which form", "html", choices=("html", *self.formats))
        return own
