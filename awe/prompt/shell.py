"""The IPython shell behind `Awe>`.

The prompt is there at once: target classes and the database are loaded beside it, and the first command waits for them.
"""
from __future__ import annotations

import importlib
import sys
import threading
from types import TracebackType
from typing import Any

from IPython.terminal.ipapp import TerminalIPythonApp
from IPython.terminal.prompts import Prompts, Token
from traitlets.config import Config as Traits

from awe import __version__
from awe.config import Config
from awe.errors import AweError


class AwePrompts(Prompts):  # type: ignore[misc]
    """``Awe>`` in, nothing out."""

    def in_prompt_tokens(self) -> list[tuple[Any, str]]:
        """What stands before a command."""
        return [(Token.Prompt, "Awe> ")]

    def continuation_prompt_tokens(self, width: int | None = None, **_: Any) -> list[tuple[Any, str]]:
        """What stands before its next lines."""
        return [(Token.Prompt, "...> ")]

    def out_prompt_tokens(self) -> list[tuple[Any, str]]:
        """What stands before a result."""
        return []


class Loader:
    """Loads everything that can be named, in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.failure: BaseException | None = None
        self.found: dict[str, Any] = {}
        self.thread = threading.Thread(target=self._load, daemon=True)
        self.thread.start()

    def _load(self) -> None:
        try:
            namespace = importlib.import_module("awe.prompt.namespace")  # a second's worth of imports: the reason for the thread
            self.found = namespace.connected(self.config.home)
            self.modules = {name: importlib.import_module(f"awe.prompt.{name}") for name in ("completion", "magics")}
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self.failure = error

    def wait(self) -> dict[str, Any]:
        """What was loaded.

        Raises
        ------
        AweError
            the instance cannot be opened
        """
        self.thread.join()
        if self.failure is not None:
            raise self.failure
        return self.found


def start(config: Config) -> int:
    """Run the prompt until the user leaves."""
    loader = Loader(config)
    app = TerminalIPythonApp.instance(config=settings(config))
    app.user_ns = {}
    app.initialize([])
    shell = app.shell
    shell.set_custom_exc((AweError,), tell_error)

    def settle(*_: Any) -> None:
        """Let the shell know everything that was loaded, before the first command is run or completed."""
        shell.events.unregister("pre_run_cell", settle)
        furnish(shell, loader)
    shell.events.register("pre_run_cell", settle)
    if sys.stdin.isatty():
        complete_when_loaded(shell, loader)
    app.start()
    return 0


def furnish(shell: Any, loader: Loader) -> None:
    """Put the names into the shell, and let it complete, format and plan."""
    if shell.user_ns.get("awe") is not None:
        return
    try:
        shell.push(loader.wait(), interactive=False)
    except AweError as error:
        print(f"awe: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    loader.modules["magics"].register(shell)
    importlib.import_module("awe.face.formatter").show_objects(shell)
    shell.Completer.custom_matchers.append(loader.modules["completion"].matcher(shell))


def complete_when_loaded(shell: Any, loader: Loader) -> None:
    """Let the first <TAB> wait for the names too."""
    original = shell.Completer.completions

    def completions(*args: Any, **kwargs: Any) -> Any:
        shell.Completer.completions = original
        furnish(shell, loader)
        return original(*args, **kwargs)
    shell.Completer.completions = completions


def settings(config: Config) -> Traits:
    """How IPython is set."""
    found = Traits()
    found.TerminalInteractiveShell.prompts_class = AwePrompts
    found.TerminalInteractiveShell.confirm_exit = False
    found.TerminalInteractiveShell.separate_in = ""
    found.TerminalInteractiveShell.enable_tip = False
    found.TerminalIPythonApp.display_banner = True
    found.TerminalInteractiveShell.banner1 = banner(config)
    found.TerminalInteractiveShell.banner2 = ""
    found.Completer.use_jedi = False
    return found


def banner(config: Config) -> str:
    """What is said first."""
    return (f"awe {__version__}  {config.home}  {config.user} for {config.project}\n"
            "%plan CoaddFrame object=... filter=...   Class.info()   %tell obj   %lineage obj   <TAB> completes keys and their values\n")


def tell_error(shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None,
               tb_offset: int | None = None) -> None:
    """Print an error of awe as one line."""
    print(f"{kind.__name__}: {' '.join(str(error).split())}", file=sys.stderr)

