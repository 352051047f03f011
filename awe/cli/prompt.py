"""`awe` alone is the prompt; `awe script.py` runs a script that sees what the prompt sees."""
from __future__ import annotations

import importlib
import runpy
import sys
from argparse import Namespace
from pathlib import Path

from awe.config import Config, load
from awe.errors import NotFoundError


def prompt(options: Namespace) -> int:
    """Start the `Awe>` prompt on an instance."""
    config = settings(options)
    shell = importlib.import_module("awe.prompt.shell")  # IPython, which a script does without
    done: int = shell.start(config)
    return done


def settings(options: Namespace) -> Config:
    """The settings of the instance that is meant."""
    return load(Path(options.home).expanduser() if options.home else None)


def script(options: Namespace) -> int:
    """Run a script as `python` would, with all that the prompt knows; an AweError in it is one line."""
    path = Path(options.script)
    if not path.is_file():
        raise NotFoundError(f"there is no script {path}; give the path of a Python file, or a command (`awe --help` lists them)")
    config = settings(options)
    names = importlib.import_module("awe.prompt.namespace").connected(config.home)
    sys.argv = [str(path), *options.arguments]
    sys.path.insert(0, str(path.resolve().parent))
    runpy.run_path(str(path), init_globals=names, run_name="__main__")
    return 0
