"""`awe` alone is the prompt; `awe script.py` runs a script that sees what the prompt sees."""
from __future__ import annotations

import importlib
import runpy
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from awe.cli.command import HOME
from awe.config import Config, load
from awe.errors import ConfigError, NotFoundError


def prompt(options: Namespace) -> int:
    """Start the `Awe>` prompt on an instance."""
    config = settings(options.options)
    shell = importlib.import_module("awe.prompt.shell")  # IPython, which a script does without
    done: int = shell.start(config)
    return done


def settings(words: list[str]) -> Config:
    """The instance that ``awe --home DIR`` means, or that AWE_HOME names."""
    parser = ArgumentParser(prog="awe", add_help=False, exit_on_error=False)
    HOME.add_to(parser)
    given, rest = parser.parse_known_args(words)
    if rest:
        raise ConfigError(f"{rest[0]!r} is no option of the prompt; it takes --home DIR, and `awe --help` lists the commands")
    return load(Path(given.home).expanduser() if given.home else None)


def script(options: Namespace) -> int:
    """Run a script as `python` would, with all that the prompt knows; AweErrors in it are one line."""
    path = Path(options.script)
    if not path.is_file():
        raise NotFoundError(f"there is no script {path}; give the path of a Python file, or a command (`awe --help` lists them)")
    load()
    names = importlib.import_module("awe.prompt.namespace").connected()
    sys.argv = [str(path), *options.arguments]
    sys.path.insert(0, str(path.resolve().parent))
    runpy.run_path(str(path), init_globals=names, run_name="__main__")
    return 0
