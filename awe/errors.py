"""Every error a user can meet.

::

    AweError
    ├── ConfigError (ValueError)            the instance or its settings are not usable
    │   └── InstanceError                   no instance, store or database where one was expected
    ├── DeclarationError (TypeError)        a persistent class is written wrongly
    ├── QueryError (ValueError)             an expression is not a query
    │   └── UnknownNameError (AttributeError)   an attribute, key or class that does not exist
    ├── NotFoundError (LookupError)         nothing there that can be seen
    │   ├── AmbiguousError                  several, where one was meant
    │   ├── NoRawDataError                  what was asked has no raw data to be made from
    │   └── MissingFileError                a file that no store has
    ├── ForbiddenError (PermissionError)    the context does not allow it
    ├── HeldError                           a result was flagged, or failed for good: not remade unasked
    ├── MakeError                           making a target failed
    │   ├── PermanentError                  it will fail again: data or parameters are at fault
    │   └── TransientError                  it may succeed next time: killed, disk full, database gone
    ├── IngestError (ValueError)            a file was refused
    │   ├── HeaderError                     a header lacks something, or says what cannot be
    │   ├── FitsError                       not a FITS file that can be read safely
    │   └── CatalogueError                  a table of sources that cannot be read or used
    ├── InstrumentError (ValueError)        an instrument file is wrong
    ├── StoreError (OSError)                the file store cannot do it
    │   ├── IntegrityError                  bytes are not what their name says
    │   └── StoreFullError                  no room
    └── SchemaError                         the database is older or newer than the code

Catch all of them with::

    try:
        CoaddFrame.get(object="M13", filter="g")
    except awe.AweError as error:
        print(error)

A message says what was asked, what was there, and what to do.
"""
from __future__ import annotations

import difflib
from collections.abc import Iterable


class AweError(Exception):
    """Root of all errors that are the user's to know about."""


class ConfigError(AweError, ValueError):
    """A setting is missing or has a value that cannot be used."""


class InstanceError(ConfigError):
    """There is no instance, store or database where one was expected."""


class DeclarationError(AweError, TypeError):
    """A persistent class is written wrongly; raised when the class is defined."""


class QueryError(AweError, ValueError):
    """An expression is not a query."""


class UnknownNameError(QueryError, AttributeError):
    """An attribute, key or class does not exist; the message offers near names."""


class NotFoundError(AweError, LookupError):
    """Nothing is there that this context can see."""


class AmbiguousError(NotFoundError):
    """Several things fit where one was meant; the message lists them."""


class NoRawDataError(NotFoundError):
    """What was asked has no raw data that it could be made from."""


class MissingFileError(NotFoundError):
    """A file is in no store that can be reached."""


class ForbiddenError(AweError, PermissionError):
    """The user, project or privileges of the context do not allow it."""


class HeldError(AweError):
    """A result was flagged or failed for good, and is not remade unless asked with ``retry=True``."""


class MakeError(AweError):
    """Making a target failed."""


class PermanentError(MakeError):
    """Making would fail again: the data or the parameters are at fault."""


class TransientError(MakeError):
    """Making may succeed next time: the process was killed, the disk was full, the database away."""


class IngestError(AweError, ValueError):
    """A file was refused at the door."""


class HeaderError(IngestError):
    """A header lacks something that is needed, or says something that cannot be."""


class FitsError(IngestError):
    """A file is not a FITS file that can be read, or not safely."""


class CatalogueError(IngestError):
    """A table of sources cannot be read or used; the message names the column and the row."""


class InstrumentError(AweError, ValueError):
    """An instrument file is wrong; the message names the file, the table and the word."""


class StoreError(AweError, OSError):
    """The file store cannot do what was asked."""


class IntegrityError(StoreError):
    """Bytes are not what their name says."""


class StoreFullError(StoreError):
    """The store has no room left; nothing was written."""


class SchemaError(AweError):
    """The database is older or newer than the code; the message says which command helps."""


def did_you_mean(name: str, known: Iterable[str], *, listed: int = 8) -> str:
    """Return a sentence end that offers names near `name`, or the first few `known` ones.

    >>> did_you_mean("chp", ["chip", "filter"])
    "; did you mean 'chip'?"
    """
    options = sorted(known)
    near = [option for option in options if option.casefold() == name.casefold()]
    near = near or difflib.get_close_matches(name, options, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(repr(n) for n in near) + "?"
    if not options:
        return "; there are none"
    more = f" and {len(options) - listed} more" if len(options) > listed else ""
    return f"; there are: {', '.join(options[:listed])}{more}"
