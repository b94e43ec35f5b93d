"""Errors that only the command line knows: a run that was ended from outside."""

from __future__ import annotations

from llmspell.cli import exits
from llmspell.errors import LlmSpellError

__all__ = ["Crashed", "Interrupted", "Killed", "NoSuchEntry", "SystemFailure", "UsageFailure"]


class Interrupted(LlmSpellError):
    """The user pressed Ctrl-C."""

    code = "interrupted"
    exit_code = exits.INTERRUPTED


class Killed(LlmSpellError):
    """The system ended the script's process, most likely because memory ran out."""

    code = "killed"
    exit_code = exits.MEMORY


class Crashed(LlmSpellError):
    """The script's process crashed inside a native library."""

    code = "crashed"
    exit_code = exits.INTERNAL


class NoSuchEntry(LlmSpellError, KeyError):
    """A scope holds nothing under the key asked for."""

    code = "no_such_key"
    exit_code = exits.SCRIPT


class SystemFailure(LlmSpellError, OSError):
    """The system refused something: the disk is full, a file cannot be opened."""

    code = "system_error"
    exit_code = exits.SCRIPT


class UsageFailure(LlmSpellError):
    """The command line was called wrongly."""

    code = "usage"
    exit_code = exits.USAGE
