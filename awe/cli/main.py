"""Where `awe` begins: finds the command, runs it, and sees that every error ends as one line.

Exit codes: 0 all is well; 1 the answer is no (a check found something); 2 an error that the message explains; 3 a fault of
`awe` itself, with the traceback in a log file, or on the screen where AWE_DEBUG is set; 130 interrupted.
"""
from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from awe import __version__
from awe.cli.command import Command
from awe.cli.grammar import COMMANDS, GROUPS
from awe.config import default_home
from awe.errors import AweError, did_you_mean

NO, ERROR, FAULT, INTERRUPTED = 1, 2, 3, 130


class UsageError(AweError):
    """The command line is not one that `awe` understands."""


class Parser(ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        raise UsageError(f"{message}; see `{self.prog} --help`")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return guarded(run, list(sys.argv[1:] if arguments is None else arguments))


def guarded(work: Callable[[list[str]], int], words: list[str]) -> int:
    """Do `work`; every error ends as one line on stderr and an exit code."""
    try:
        return work(words)
    except AweError as error:
        return complain(str(error), ERROR)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return complain(f"{error.filename or 'the system'}: {error.strerror or error}", ERROR)
    except KeyboardInterrupt:
        return complain("interrupted; what was done before is kept", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last line of defence: it is logged, and ends as one line
        return at_fault(error)


def run(words: list[str]) -> int:
    """Find out what is meant, and do it."""
    if words and words[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if words and words[0] == "--version":
        print(f"awe {__version__}")
        return 0
    home, words = home_before(words)
    if not words:
        return call("prompt", "prompt", Namespace(home=home))
    command, rest = find(words)
    if command is None:
        return call("prompt", "script", Namespace(home=home, script=words[0], arguments=words[1:]))
    options = parser_of(command).parse_intermixed_args(rest)
    if home is not None and getattr(options, "home", None) is None:
        options.home = home
    return call(command.module, command.function, options)


def home_before(words: list[str]) -> tuple[str | None, list[str]]:
    """The instance of ``awe --home DIR ...``, where one is given before the command, and the words after it."""
    if words[:1] == ["--home"] and len(words) > 1:
        return words[1], words[2:]
    if words and words[0].startswith("-"):
        raise UsageError(f"{words[0]!r} was given where a command is due; `awe` alone takes --home DIR, "
                         "and `awe --help` lists the commands")
    return None, words


def call(module: str, function: str, options: Namespace) -> int:
    """Do what a command says; its module is imported now, so that others need not wait for it."""
    done: int | None = getattr(importlib.import_module(f"awe.cli.{module}"), function)(options)
    return done or 0


def find(words: Sequence[str]) -> tuple[Command | None, list[str]]:
    """The command that begins a command line and the rest of it; no command where it begins with a script."""
    for length in (2, 1):
        for command in COMMANDS:
            if command.words == " ".join(words[:length]) and len(words) >= length:
                return command, list(words[length:])
    group = [command.words for command in COMMANDS if command.words.startswith(words[0] + " ")]
    if group and len(words) > 1 and words[1] in ("-h", "--help"):
        print("\n".join(overview([command for command in COMMANDS if command.words in group])))
        raise SystemExit(0)
    if group:
        given = " ".join(words[:2])
        raise UsageError(f"`awe {given}` is no command{did_you_mean(given, group)}")
    if words[0].endswith(".py") or Path(words[0]).is_file():
        return None, []
    known = {command.words.split()[0] for command in COMMANDS}
    raise UsageError(f"{words[0]!r} is neither a command nor a script{did_you_mean(words[0], known, listed=len(known))}")


def parser_of(command: Command) -> Parser:
    """The parser of one command."""
    parser = Parser(prog=f"awe {command.words}", description=f"{command.summary}.\n\n{command.details}".strip(),
                    formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)
    for each in command.all_arguments:
        each.add_to(parser)
    return parser


def help_text() -> str:
    """What `awe --help` prints."""
    lines = ["usage: awe                     the Awe> prompt",
             "       awe script.py ...       a Python script that sees what the prompt sees",
             "       awe COMMAND ...         one of these; `awe COMMAND --help` says more"]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:", *overview(commands)]
    return "\n".join([*lines, "", "An instance is a directory; AWE_HOME says where it is."])


def overview(commands: Sequence[Command]) -> list[str]:
    """A line for each command."""
    return [f"  {command.words:<18} {command.summary}" for command in commands]


def complain(text: str, code: int) -> int:
    """Print one line to stderr, and return the exit code."""
    print(f"awe: {' '.join(text.split())}", file=sys.stderr)
    if code == ERROR and os.environ.get("AWE_DEBUG"):
        traceback.print_exc()
    return code


def at_fault(error: Exception) -> int:
    """Keep the traceback of what nobody expected, and say where it is."""
    if os.environ.get("AWE_DEBUG"):
        traceback.print_exc()
        return FAULT
    home = default_home()
    folder = home if home.is_dir() and os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    descriptor, name = tempfile.mkstemp(prefix="awe-fault-", suffix=".log", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        traceback.print_exc(file=file)
    return complain(f"a fault of awe itself, {type(error).__name__}: {error}; the traceback is in {name}, please report it", FAULT)
