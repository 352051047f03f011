"""Errors as answers: which status they have; what a person is told is the message of the error."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from awe.errors import (
    AmbiguousError,
    AweError,
    CatalogueError,
    ConfigError,
    DeclarationError,
    ForbiddenError,
    HeldError,
    IngestError,
    InstanceError,
    InstrumentError,
    MakeError,
    MissingFileError,
    NotFoundError,
    QueryError,
    SchemaError,
    StoreError,
    TransientError,
    UnknownNameError,
)
from awe.services import patience
from awe.services.patience import was_broken_off

STATUS: dict[type[BaseException], int] = {
    UnknownNameError: 400, QueryError: 400, AmbiguousError: 409, NotFoundError: 404, ForbiddenError: 403, HeldError: 409,
    TransientError: 503, MakeError: 422, CatalogueError: 422, IngestError: 422, InstrumentError: 422, DeclarationError: 422,
    StoreError: 503, SchemaError: 503, InstanceError: 503, ConfigError: 503, AweError: 422,
    sa.exc.DataError: 400, sa.exc.OperationalError: 503, sa.exc.InterfaceError: 503, sa.exc.TimeoutError: 503}
#: What speaks of the inside of the server.
INSIDE = (sa.exc.DBAPIError, sa.exc.TimeoutError, StoreError, ConfigError, SchemaError)
PROBLEM = "application/problem+json"
TITLES = {400: "That cannot be read", 401: "Log in first", 403: "Not allowed", 404: "Nothing there", 405: "Not in this way",
          409: "Not one answer", 413: "Too large", 415: "Not in this form", 422: "It cannot be done", 429: "Too often",
          503: "Not now", 500: "A fault of awe"}


class Refused(AweError):
    """A request that cannot be answered, with the status that says so."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


def status_of(error: BaseException) -> int | None:
    """The status of an error that a user can meet; None for a fault of ours."""
    if isinstance(error, Refused):
        return error.status
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), None)


def message_of(error: BaseException) -> str:
    """What a person is told; where files and databases of the server lie is not their concern."""
    if isinstance(error, sa.exc.DataError):
        return "the database cannot compare with that value; give one that fits the attribute"
    if was_broken_off(error) or was_broken_off(error.__cause__):
        return f"that took longer than {patience.LONGEST:.0f} seconds, and was broken off; ask for less"
    if isinstance(error, MissingFileError):
        return "that file is not here; tell those who keep this server"
    if isinstance(error, INSIDE):
        return "the server cannot do it just now; try again in a moment, or tell those who keep it: its log says why"
    return " ".join(str(error).split())


def problem(status: int, message: str) -> dict[str, Any]:
    """An error as the API tells it (RFC 9457)."""
    return {"type": "about:blank", "title": TITLES.get(status, "Refused"), "status": status, "detail": message}
