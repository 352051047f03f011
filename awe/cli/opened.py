"""The instance that a command works on."""
from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator

import sqlalchemy as sa

from awe.connection import connect
from awe.dataflow.instance import Instance
from awe.errors import InstanceError


@contextlib.contextmanager
def opened(options: Namespace) -> Iterator[Instance]:
    """Open the instance that ``--home`` or AWE_HOME names, and close it in the end.

    What the database itself complains of, when it goes away or its disk is full, is one sentence.
    """
    instance = connect(options.home)
    try:
        yield instance
    except (sa.exc.OperationalError, sa.exc.InternalError) as error:
        raise InstanceError(f"the database {instance.database.engine.url.render_as_string()} cannot do it: {error.orig}; "
                            "see that it runs and that its disk has room, and try again") from error
    finally:
        instance.close()
