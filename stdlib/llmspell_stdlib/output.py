"""``print`` and ``console``: what a script says.

The service receives whole lines: ``write(stream, text)`` with stream ``"out"`` or ``"err"``.
"""

from __future__ import annotations

from typing import Final, Protocol

from llmspell_bridges.api import Global, Param
from llmspell_stdlib.preludes import Preludes

__all__ = ["CONSOLE", "OUTPUT", "OutputService"]


class OutputService(Protocol):
    """Where a script's output goes."""

    def write(self, stream: str, text: str) -> None:
        """Take text, line breaks included, for ``"out"`` or ``"err"``."""


_VALUES: Final = Param("values", "values", "Anything.", optional=True)
OUTPUT: Final = Global("", "Functions that are globals themselves.", preludes=Preludes("output"))
CONSOLE: Final = Global("console", "Output as JavaScript programs write it.")


@OUTPUT.function(Param("stream", "text"), Param("text", "output"), internal=True, serves="print")
def write(output: OutputService, stream: str, text: str | bytes) -> None:
    """Write text as it is."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    output.write(stream, text)


@OUTPUT.prelude_function(_VALUES, name="print")
def print_() -> None:
    """Write the values on one line."""


@CONSOLE.prelude_function(_VALUES, languages=("js",))
def log() -> None:
    """Write the values on one line."""


@CONSOLE.prelude_function(_VALUES, languages=("js",))
def info() -> None:
    """Write the values on one line."""


@CONSOLE.prelude_function(_VALUES, languages=("js",))
def debug() -> None:
    """Write the values on one line."""


@CONSOLE.prelude_function(_VALUES, languages=("js",))
def warn() -> None:
    """Write the values on one line of the error output."""


@CONSOLE.prelude_function(_VALUES, languages=("js",))
def error() -> None:
    """Write the values on one line of the error output."""
