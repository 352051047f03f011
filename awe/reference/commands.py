"""The page about the command line."""
from __future__ import annotations

from awe.cli.command import HOME, Argument, Command
from awe.cli.grammar import GROUPS
from awe.reference.markdown import code, page, table

INTRODUCTION = """`awe` alone is the prompt, `awe script.py` runs a script that sees what the prompt sees, `awe COMMAND --help` explains
a command.

Exit codes: 0 all is well; 1 the answer is no (a check found something); 2 an error, which one line on stderr explains; 3 a fault of
`awe` itself, with the traceback in a log file, or on the screen where `AWE_DEBUG` is set; 130 interrupted."""


def commands() -> str:
    """Every command with its arguments."""
    parts = [INTRODUCTION, f"All commands that work on an instance take `--home DIR`: {HOME.settings['help']}."]
    for title, group in GROUPS.items():
        parts += [f"## {title}", *(about(command) for command in group)]
    return page("Commands", *parts)


def about(command: Command) -> str:
    """One command."""
    rows = [(written(argument), str(argument.settings.get("help", ""))) for argument in command.arguments]
    parts = [f"### awe {command.words}", f"{command.summary[0].upper()}{command.summary[1:]}.", command.details]
    return "\n\n".join(filter(None, [*parts, table(["argument", "meaning"], rows) if rows else ""]))


def written(argument: Argument) -> str:
    """An argument as it is typed."""
    settings = argument.settings
    name = str(settings.get("metavar") or argument.flags[-1].lstrip("-").upper().replace("-", "_"))
    if not argument.flags[0].startswith("-"):
        many = {"*": f"[{name} ...]", "+": f"{name} ...", "?": f"[{name}]"}
        return code(many.get(settings.get("nargs", ""), name))
    return code(", ".join(argument.flags) + ("" if settings.get("action") == "store_true" else f" {name}"))
