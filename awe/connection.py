"""Opening an instance with everything that belongs to it: its database, its files, all target classes, the sites of its cameras."""
from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import awe.targets  # noqa: F401 - defines the classes that come with awe
from awe.config import load
from awe.dataflow.instance import Instance, open_instance
from awe.dataflow.registry import load_targets
from awe.face.formatter import running_shell, show_objects
from awe.targets.instrument import sites


def connect(home: Path | str | None = None, *, user: str | None = None, project: str | None = None,
            privileges: int | None = None, roles: bool | None = None) -> Instance:
    """Open an instance and make it the current one.

    Parameters
    ----------
    home
        its directory; without it the one that AWE_HOME names, else ``awe-instance`` in the current directory
    user, project, privileges
        on whose behalf, for which project, and what new objects are, if not as the settings of the instance say
    roles
        whether the database itself holds each user to what they may (see `awe.persist.session.connect`)

    Raises
    ------
    InstanceError
        there is no instance, or its database or store is not there
    """
    config = load(None if home is None else Path(os.path.expanduser(home)))
    given: dict[str, Any] = {"user": user, "project": project, "privileges": privileges}
    load_targets()
    config = dataclasses.replace(config, **{name: value for name, value in given.items() if value is not None})
    instance = open_instance(config, roles=roles)
    instance.site = sites()
    shell = running_shell()
    if shell is not None:
        show_objects(shell)
    return instance
