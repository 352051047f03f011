"""What can be named at the prompt, and in scripts that it runs."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import awe
import awe.targets
from awe.connection import connect
from awe.dataflow.difference import difference
from awe.dataflow.instance import Instance
from awe.dataflow.pars import Pars
from awe.dataflow.registry import target_classes
from awe.face import lineage_tree, tell
from awe.persist.context import context
from awe.persist.edit import edit
from awe.prompt.lazy import plotting
from awe.retrieval import retrieve


def names(instance: Instance | None = None) -> dict[str, Any]:
    """Everything: all classes of targets, also of other packages, and the few functions that go with them."""
    found: dict[str, Any] = {"awe": awe, "Pars": Pars, "connect": connect, "context": context, "edit": edit, "retrieve": retrieve,
                             "tell": tell, "lineage": lineage_tree, "difference": difference, **plotting()}
    found.update({cls.__name__: cls for cls in target_classes()})
    found.update({name: getattr(awe.targets, name) for name in awe.targets.__all__})
    return found if instance is None else {**found, "instance": instance}


def connected(home: Path | str | None = None) -> dict[str, Any]:
    """Open an instance, and return everything that can be named with it."""
    return names(connect(home))
