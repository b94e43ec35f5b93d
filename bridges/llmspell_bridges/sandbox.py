"""Sandboxes: one small protocol, two VMs behind it.

A sandbox owns one VM. It belongs to the thread that made it, is good for one run (or, in a
REPL, for many), and frees the VM when it is closed. No script object leaves it and no host
object enters it; arguments, results and errors are canonical values and plain data.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final, Protocol

from llmspell_bridges.door import BoundGlobal, Door
from llmspell_bridges.errors import InvalidArgument, SandboxClosed
from llmspell_bridges.limits import UNLIMITED, Limits
from llmspell_bridges.values import Value

__all__ = [
    "ENGINES",
    "EXTENSIONS",
    "Sandbox",
    "SandboxOptions",
    "check_text",
    "create_sandbox",
    "engine_of",
]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What a sandbox offers its scripts, and what they may use up.

    ``warn`` receives one line of text for each mistake that is not an error (a promise nobody
    looked at). ``make_door`` makes the sandbox's door, where it is not to be the ordinary one.
    """

    globals: Sequence[BoundGlobal] = ()
    max_depth: int = 128
    warn: Callable[[str], None] = lambda _: None
    limits: Limits = UNLIMITED
    make_door: Callable[..., Door[Any]] = Door


class Sandbox(Protocol):
    """One VM with the globals it was given."""

    language: str

    def run(self, source: str, *, name: str) -> Value:
        """Run a script's text and return its value.

        ``name`` is the file name errors show. Raises ``ScriptSyntaxError`` when it does not
        parse (nothing has run then) and ``ScriptError`` when it fails.
        """

    def call(self, function: str, *arguments: Value) -> Value:
        """Call a global function the script defined, with canonical values.

        A host function that a script called may do so too, and gets what the function returns at
        once: a promise cannot be waited for there, and is an error. Raises ``ScriptError`` when
        there is no function of that name or it fails.
        """

    def evaluate(self, source: str, *, name: str) -> str | None:
        """Run one input of a REPL; return its value as readable text, ``None`` for no value.

        An expression's value is shown without a ``return``. What it defines stays. Raises as
        ``run`` does.
        """

    def is_complete(self, source: str) -> bool:
        """Return whether a REPL's input could run, or needs more lines first."""

    def close(self) -> None:
        """Free the VM. Later calls raise ``SandboxClosed``; closing again does nothing."""


ENGINES: Final = {
    "lua": ("llmspell_bridges.lua.sandbox", "LuaSandbox"),
    "js": ("llmspell_bridges.js.sandbox", "JsSandbox"),
}
EXTENSIONS: Final = {".lua": "lua", ".js": "js", ".cjs": "js", ".mjs": "js"}


def engine_of(path: PurePath) -> str | None:
    """Return the engine that runs files with this extension, or ``None``."""
    return EXTENSIONS.get(path.suffix.lower())


def create_sandbox(language: str, options: SandboxOptions | None = None) -> Sandbox:
    """Make a sandbox for ``"lua"`` or ``"js"``; the VM's package is imported at first use."""
    if language not in ENGINES:
        raise InvalidArgument(
            f"unknown engine {language!r}", hint=f"engines: {', '.join(ENGINES)}", engine=language
        )
    module, name = ENGINES[language]
    sandbox: Sandbox = getattr(import_module(module), name)(options or SandboxOptions())
    return sandbox


def check_text(source: str) -> None:
    """Raise ``InvalidArgument`` for text that is not Unicode and so cannot reach a VM."""
    try:
        source.encode()
    except UnicodeEncodeError as error:
        line = source.count("\n", 0, error.start) + 1
        raise InvalidArgument(
            f"the script's text is not valid Unicode (a lone surrogate in line {line})", line=line
        ) from None


class Owner:
    """Guards a VM: only the thread that made it may use it, until it is closed or spent."""

    __slots__ = ("_closed", "_running", "_spent", "_thread")

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._closed = False
        self._running = False
        self._spent: str | None = None

    def __enter__(self) -> None:
        if self._closed:
            raise SandboxClosed("the sandbox is closed", hint="create a new one")
        if self._thread != threading.get_ident():
            raise SandboxClosed(
                "the sandbox belongs to another thread", hint="create one sandbox per thread"
            )
        if self._running:
            raise SandboxClosed(
                "the sandbox is already running a script", hint="create a second sandbox"
            )
        if self._spent is not None:
            raise SandboxClosed(
                f"the sandbox hit its limit {self._spent}, and what it left unfinished with that"
                " makes it of no further use",
                hint="create a new one",
                limit=self._spent,
            )
        self._running = True

    def __exit__(self, *_: object) -> None:
        self._running = False

    def is_within(self) -> bool:
        """Tell whether this is called by a host function that the running script called."""
        return self._running and not self._closed and self._thread == threading.get_ident()

    def spend(self, limit: str) -> None:
        """Note the limit that a script hit: nothing else may run here."""
        self._spent = limit

    def close(self) -> bool:
        """Mark the VM closed; return whether it is this call that must free it."""
        if self._closed:
            return False
        if self._running:
            raise SandboxClosed("the sandbox is running a script", hint="close it afterwards")
        if self._thread != threading.get_ident():
            raise SandboxClosed(
                "the sandbox belongs to another thread", hint="close it where it was made"
            )
        self._closed = True
        return True
