"""The instance that a command works on."""
from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator

import sqlalchemy as sa

from awe.config import default_home
from awe.connection import connect
from awe.dataflow.instance import Instance
from awe.errors import InstanceError, QueryError
from awe.persist.release import release_named
from awe.persist.shadow import Shadow
from awe.persist.view import seen_through, shadow_at


@contextlib.contextmanager
def opened(options: Namespace) -> Iterator[Instance]:
    """Open the instance that ``--home`` or AWE_HOME names, and close it in the end; with ``--as-of`` it is looked at as it was
    then, with ``--release`` inside of that release.

    What the database itself complains of, when it goes away or its disk is full, is one sentence.
    """
    instance = None
    try:
        instance = connect(options.home)
        with seen_through(standpoint(options)):
            yield instance
    except sa.exc.DatabaseError as error:
        if isinstance(error, sa.exc.ProgrammingError | sa.exc.IntegrityError | sa.exc.DataError):
            raise
        raise InstanceError(f"the database of {options.home or default_home()} cannot do it: {error.orig}; "
                            "see that it is whole, that it runs and that its disk has room") from error
    finally:
        if instance is not None:
            instance.close()


def standpoint(options: Namespace) -> Shadow:
    """As of when, or inside of which release."""
    moment, release = getattr(options, "as_of", None), getattr(options, "release", None)
    if release and moment:
        raise QueryError("--as-of and --release were given, and a release has a moment of its own; give one of them")
    return release_named(release).shadow if release else shadow_at(moment)
